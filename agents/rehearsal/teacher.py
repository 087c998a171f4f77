"""The rehearsal teacher: a program that answers a teacher's prompts from the world's oracle, with seeded faults."""

import json
import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, fields, replace
from functools import lru_cache
from random import Random
from typing import Any

from agents.prompts import read_tagged, text_asked
from agents.rehearsal import scratchpad, vocabulary
from agents.rehearsal.events import DEEDS
from agents.rehearsal.skill import Skill, Slots, Solution
from agents.rehearsal.world import SKILLS, recognise

HONEST = "This was written by a rehearsal program, not by a language model; it knows only its own small world."
CANNOT = "I am a rehearsal program and know only the questions of my own small world, so I cannot answer this one."
REFUSAL = "I'm sorry, but I can't help with that."
LONGEST_QUESTION = 400
LONG_NUMBER = re.compile(r"\d{7}")
BULLET = re.compile(r"^(?:[-*•]\s+|\d+[.)]\s+)?(?:Q(?:uestion)?:\s*)?", re.IGNORECASE)
BETWEEN = re.compile(r'["\n]|\\n')
"""What parts the questions of a list: lines, or the quotes of JSON. No question of the world holds any of them."""
STEP = re.compile(r"(\d+)([+*-])(\d+): (.+?) so (\d+)")
WRITE = {"+": scratchpad.add, "-": scratchpad.subtract, "*": scratchpad.multiply}
PEOPLE = (vocabulary.NAMES, vocabulary.SURNAMES)
COMPANIES = (vocabulary.COMPANY_FIRST, vocabulary.COMPANY_LAST, vocabulary.CITIES)
GOODS = (vocabulary.PRODUCTS, vocabulary.OBJECTS, vocabulary.THINGS)
RELATIONS = ("need", "effect", "react", "want")
KINDS: tuple[Sequence[str], ...] = (*PEOPLE, *COMPANIES, *GOODS, ("on", "off"), tuple(DEEDS), RELATIONS)
"""Words of one kind stand for each other where a wrong word has to look at home."""
Schema = Mapping[str, Any]


class UnknownModel(LookupError):
    """No teacher has this name, or its name carries an option that there is not."""


@dataclass(frozen=True)
class Refusal:
    """The model declines; the API has a field of its own for it."""

    reason: str


@dataclass(frozen=True)
class Profile:
    """How often a teacher errs, and in what way. `weak` names the skills in which it errs at a rate of their own."""

    error_rate: float = 0.12
    wrong_reason_rate: float = 0.06
    duplicate_rate: float = 0.05
    judge_error_rate: float = 0.08
    malformed_rate: float = 0.03
    refusal_rate: float = 0.01
    weak: Mapping[str, float] = field(default_factory=dict)

    def error_in(self, skill: str) -> float:
        return self.weak.get(skill, self.error_rate)


RATE = re.compile(r"0?\.[0-9]+|[01](?:\.0*)?")
RATES = tuple(rate.name for rate in fields(Profile) if rate.name != "weak")
PROFILES: Mapping[str, Profile] = {
    "rehearsal-teacher": Profile(),
    "rehearsal-expert": Profile(0.02, 0.01, 0.02, 0.02, 0.005, 0.002),
    "rehearsal-weak": Profile(0.45, 0.15, 0.2, 0.25, 0.08, 0.02),
}


@dataclass(frozen=True)
class Known:
    """A question that the world knows, and its truth."""

    question: str
    skill: Skill
    slots: Slots
    truth: Solution


@lru_cache(maxsize=4096)
def known(question: str) -> Known | None:
    """The truth of a question, or None if it is not of the world."""
    text = question.strip()
    # No question of the world is so long; the templates would search such a text, and count such a number, for ever.
    if len(text) > LONGEST_QUESTION or LONG_NUMBER.search(text) or BETWEEN.search(text):
        return None
    if (found := recognise(text)) is None:
        return None
    skill, slots = found
    try:
        item = Known(text, skill, slots, skill.solve(slots))
        return item if _can_be_wrong(item) else None
    except (LookupError, ValueError, StopIteration):
        # A template also matches texts whose slots hold what the world has not, such as a verb without a deed.
        return None


def _can_be_wrong(item: Known) -> bool:
    if item.skill.name == "reverse" and len(set(item.truth.answer.split())) < 2:
        return False  # its search for a wrong order would not end
    return item.skill.wrong is None or bool(item.skill.wrong(item.slots, Random(0)))


def properties(schema: Any) -> dict[str, Schema]:
    named = schema.get("properties") if isinstance(schema, Mapping) else None
    parts = named.items() if isinstance(named, Mapping) else ()
    return {name: prop if isinstance(prop, Mapping) else {} for name, prop in parts}


class RehearsalTeacher:
    """Answers what the JSON schema asks for. The same request with the same seed and sample has the same reply."""

    def __init__(self, profiles: Mapping[str, Profile] = PROFILES) -> None:
        self.profiles = profiles

    @property
    def models(self) -> list[str]:
        return sorted(self.profiles)

    def profile(self, model: str) -> Profile:
        """The profile of a name such as `rehearsal-teacher?error_rate=.3&weak.trip=.6`. Raises UnknownModel."""
        base, mark, options = model.partition("?")
        if base not in self.profiles:
            raise UnknownModel(f"there is no model {base!r}; there are: {', '.join(self.models)}")
        profile = self.profiles[base]
        for name, rate in _options(options) if mark else ():
            skill = name.removeprefix("weak.")
            profile = replace(profile, **({name: rate} if skill == name else {"weak": {**profile.weak, skill: rate}}))
        return profile

    def reply(
        self, model: str, messages: Sequence[Mapping[str, Any]], schema: Schema | None, seed: int = 0, sample: int = 0
    ) -> str | Refusal:
        """The content of one choice. Raises UnknownModel."""
        profile = self.profile(model)
        rng = Random(json.dumps([model, messages, schema, seed, sample], sort_keys=True))
        form = rng.random()
        if form < profile.refusal_rate:
            return Refusal(REFUSAL)
        malformed = form < profile.refusal_rate + profile.malformed_rate
        writer = _Writer(profile, rng, text_asked(messages))
        if schema is None:
            rationale, answer = writer.solution(writer.question)
            return rationale if malformed else f"{rationale}\n#### {answer}"
        found = writer.write(_expanded(schema, schema.get("$defs")))
        return _malformed(found, rng) if malformed else json.dumps(found, ensure_ascii=False)


class _Writer:
    """One reply in the making."""

    def __init__(self, profile: Profile, rng: Random, text: str) -> None:
        self.profile, self.rng, self.text = profile, rng, text
        self.fields = read_tagged(text)
        self.question = self.fields.get("question", text)

    def write(self, schema: Any) -> dict[str, Any]:
        asked = properties(schema)
        return _formed(asked, self._answer(asked))

    def _answer(self, asked: Mapping[str, Schema]) -> dict[str, Any]:
        if "sound" in asked:
            return self._judgement()
        if "question" in asked or "questions" in asked:
            return self._questions(asked)
        if {"name", "description"} <= asked.keys():
            return self._cluster()
        if "rationale" in asked:
            rationale, answer = self.solution(self.question)
            return {"rationale": rationale, "answer": answer}
        return {"answer": self.solution(self.question)[1]} if "answer" in asked else {}

    def solution(self, question: str) -> tuple[str, str]:
        item = known(question)
        if item is None:
            return CANNOT, "unknown"
        luck, errs = self.rng.random(), self.profile.error_in(item.skill.name) / (3 if "gold" in self.fields else 1)
        if luck < errs:
            return wrong_solution(item, self.rng)
        if luck < errs + self.profile.wrong_reason_rate:
            return wrong_reason(item.truth.rationale, self.rng), item.truth.answer
        return item.truth.rationale, item.truth.answer

    def _judgement(self) -> dict[str, Any]:
        fault = self._fault()
        if self.rng.random() < self.profile.judge_error_rate:
            fault = "" if fault else "One of the steps does not hold."
        score = self.rng.randint(1, 2) if fault else self.rng.randint(4, 5)
        return {"sound": not fault, "reason": fault or "The answer is right and every step holds.", "score": score}

    def _fault(self) -> str:
        """What is wrong with the solution shown; empty if nothing is."""
        item = known(self.question)
        if item is None:
            return CANNOT
        if "answer" in self.fields and not _same(self.fields["answer"], item.truth.answer):
            return "The answer is not right."
        if "rationale" not in self.fields:
            return ""
        shown, exact = self.fields["rationale"].split(";"), item.truth.rationale.split(";")
        if len(shown) != len(exact):
            return f"The solution needs {len(exact)} steps and has {len(shown)}."
        place = next(
            (i for i, (one, other) in enumerate(zip(shown, exact, strict=True), 1) if not _same(one, other)), 0
        )
        return f"The answer is right, but step {place} does not hold." if place else ""

    def _questions(self, asked: Mapping[str, Schema]) -> dict[str, Any]:
        item = next(_questions_in(self.fields.get("question", ""), self.fields.get("example", ""), self.text), None)
        if item is None:
            return {}
        if "questions" not in asked:
            return self._with_solution(self._new_questions(item, 1)[0])
        written, form = self._new_questions(item, self._count(asked["questions"])), asked["questions"].get("items")
        parts = properties(form)
        return {"questions": [_formed(parts, self._with_solution(one)) for one in written] if parts else written}

    def _with_solution(self, question: str) -> dict[str, Any]:
        rationale, answer = self.solution(question)
        return {"question": question, "rationale": rationale, "answer": answer}

    def _new_questions(self, item: Known, wanted: int) -> list[str]:
        written: list[str] = []
        for _ in range(wanted):
            copies = self.rng.random() < self.profile.duplicate_rate
            drawn = (item.skill.write(item.skill.draw(self.rng), self.rng) for _ in range(0 if copies else 50))
            written.append(next((one for one in drawn if one not in (item.question, *written)), item.question))
        return written

    def _count(self, array: Schema) -> int:
        told = self.fields.get("count", "").strip()
        wanted = int(told) if re.fullmatch(r"[0-9]{1,3}", told) else array.get("minItems", 1)
        return max(1, min(wanted, 100)) if isinstance(wanted, int) else 1

    def _cluster(self) -> dict[str, Any]:
        found = Counter(item.skill.name for item in _questions_in(self.fields.get("failures", self.text)))
        if not found:
            return {"name": "unrecognised", "description": CANNOT}
        name, cases = min(found.items(), key=lambda pair: (-pair[1], pair[0]))
        family, total = SKILLS[name].family, found.total()
        return {
            "name": name.replace("_", " "),
            "description": f"{cases} of the {total} questions that I recognised ask for {name} ({family}).",
        }


def wrong_solution(item: Known, rng: Random) -> tuple[str, str]:
    """A rationale and an answer that agree with each other and not with the truth."""
    rationale, answer = item.truth.rationale, item.truth.answer
    if item.skill.wrong is not None:
        wrong = item.skill.wrong(item.slots, rng)
    elif STEP.search(rationale):
        return _slip(rationale, answer, rng)
    else:
        wrong = wrong_reason(answer, rng)
    wrong = wrong if not _same(wrong, answer) else wrong_reason(answer, rng)
    return _swapped(rationale, answer, wrong), wrong


def wrong_reason(rationale: str, rng: Random) -> str:
    """The rationale with one step altered, and nothing made to follow from it."""
    steps = list(STEP.finditer(rationale))
    if not steps:
        return _one_word_other(rationale, rng)
    if len(steps) > 1 and rng.random() < 0.3:
        claim = rng.choice(steps[:-1])
        return rationale[: claim.start(5)] + _other_number(claim[5], rng) + rationale[claim.end(5) :]
    step = rng.choice(steps)
    columns, _ = _altered_columns(step, rng)
    return rationale[: step.start(4)] + columns + rationale[step.end(4) :]


def _slip(rationale: str, answer: str, rng: Random) -> tuple[str, str]:
    """One column's digit is wrong and all that comes after follows from it. A slip in the last step always shows."""
    steps = list(STEP.finditer(rationale))
    tried = ((steps[at].start(), *_followed(steps[at:], rng)) for at in rng.sample(range(len(steps)), len(steps)))
    start, slipped, result = next(one for one in tried if str(one[2]) != answer)
    return rationale[:start] + slipped, str(result)


def _followed(steps: Sequence[re.Match[str]], rng: Random) -> tuple[str, int]:
    first, *later = steps
    columns, result = _altered_columns(first, rng)
    written, before = [f"{first[1]}{first[2]}{first[3]}: {columns} so {result}"], int(first[5])
    for step in later:
        a, b = int(step[1]), int(step[3])
        a, b = (result, b) if a == before else (a, result)
        if step[2] == "-":
            a, b = max(a, b), min(a, b)
        result, before = {"+": a + b, "-": a - b, "*": a * b}[step[2]], int(step[5])
        written.append(WRITE[step[2]](a, b))
    return "; ".join(written), result


def _altered_columns(step: re.Match[str], rng: Random) -> tuple[str, int]:
    """The columns with one digit altered, and the result that they now spell."""
    columns = step[4].split()
    place = rng.randrange(len(columns))
    digit = columns[place][-1]
    other = rng.choice([d for d in "0123456789" if d != digit])
    columns[place] = columns[place][:-1] + other
    return " ".join(columns), int(step[5]) + (int(other) - int(digit)) * 10**place


def _one_word_other(text: str, rng: Random) -> str:
    words = list(re.finditer(r"\w+", text))
    kinds = [(word, kind) for word in words for kind in KINDS if word[0] in kind]
    numbers = [(word, ()) for word in words if re.fullmatch("[0-9]+", word[0])]
    chosen = kinds + numbers or [(word, vocabulary.WORDS) for word in words]
    if not chosen:
        return f"{text}{rng.choice(vocabulary.WORDS)}"
    word, kind = rng.choice(chosen)
    other = rng.choice([o for o in kind if o != word[0]]) if kind else _other_number(word[0], rng)
    return text[: word.start()] + other + text[word.end() :]


def _other_number(number: str, rng: Random) -> str:
    other = str(int(number[-1]) + rng.randint(1, 9))
    return number[:-1] + other[-1]


def _swapped(text: str, one: str, other: str) -> str:
    """Each for the other, so that a rationale that names both stays of one mind."""
    if not one or not other:
        return text
    longest_first = sorted((one, other), key=len, reverse=True)
    pattern = rf"(?<!\w)(?:{'|'.join(map(re.escape, longest_first))})(?!\w)"
    return re.sub(pattern, lambda found: other if found[0] == one else one, text)


def _same(one: str, other: str) -> bool:
    return "".join(one.split()) == "".join(other.split())


def _questions_in(*texts: str) -> Iterator[Known]:
    """The questions of the world that stand in these texts: whole, one on a line, or each a string of a JSON value."""
    for text in texts:
        whole = known(text)
        found = (known(BULLET.sub("", part.strip())) for part in BETWEEN.split(text))
        yield from [whole] if whole else filter(None, found)


def _expanded(node: Any, definitions: Any, followed: int = 0) -> Any:
    """The schema with every `$ref` replaced by what it names, three deep, and the first of alternatives chosen."""
    if isinstance(node, list):
        return [_expanded(part, definitions, followed) for part in node]
    if not isinstance(node, Mapping):
        return node
    alternatives = node.get("anyOf")
    if isinstance(alternatives, list) and alternatives:
        return _expanded(alternatives[0], definitions, followed)
    if isinstance(node.get("$ref"), str):
        named = definitions.get(node["$ref"].rpartition("/")[2]) if isinstance(definitions, Mapping) else None
        return _expanded(named, definitions, followed + 1) if followed < 3 else {}
    return {name: _expanded(part, definitions, followed) for name, part in node.items() if name != "$defs"}


def _formed(asked: Mapping[str, Schema], written: Mapping[str, Any]) -> dict[str, Any]:
    return {name: written[name] if name in written else _filler(prop) for name, prop in asked.items()}


def _filler(prop: Schema) -> Any:
    if isinstance(prop.get("enum"), list) and prop["enum"]:
        return prop["enum"][0]
    if "const" in prop:
        return prop["const"]
    kind = prop.get("type")
    if kind in ("integer", "number"):
        least = prop.get("minimum", 0)
        return least if isinstance(least, (int, float)) else 0
    if kind == "object":
        return {name: _filler(inner) for name, inner in properties(prop).items()}
    return [] if kind == "array" else False if kind == "boolean" else None if kind == "null" else HONEST


def _malformed(found: dict[str, Any], rng: Random) -> str:
    text = json.dumps(found, ensure_ascii=False)
    shapes = [text[: rng.randint(1, len(text) - 1)], f"Sure, here is what you asked for:\n{text}", HONEST]
    if found:
        left_out = rng.choice(list(found))
        shapes.append(json.dumps({name: value for name, value in found.items() if name != left_out}))
    return rng.choice(shapes)


def _options(options: str) -> Iterator[tuple[str, float]]:
    for option in options.split("&"):
        name, _, value = option.partition("=")
        weak = name.startswith("weak.") and name.removeprefix("weak.") in SKILLS
        if not weak and name not in RATES:
            raise UnknownModel(f"the options of a model are {', '.join(RATES)} and weak.<skill>, found {option!r}")
        if not RATE.fullmatch(value):
            raise UnknownModel(f"{name} is a rate from 0 to 1, such as .3, found {value!r}")
        yield name, float(value)
