"""The rehearsal teacher: a program that answers a teacher's prompts from the world's oracle, with seeded faults."""

import json
import re
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, fields, replace
from random import Random
from typing import Any

from agents.prompts import read_tagged, text_asked
from agents.rehearsal.faults import Known, known, questions_in, same_text, wrong_reason, wrong_solution
from agents.rehearsal.styles import styled
from agents.rehearsal.tasks import TASKS
from agents.rehearsal.tasks.facts import recall
from agents.rehearsal.world import SKILLS

HONEST = "This was written by a rehearsal program, not by a language model; it knows only its own small world."
CANNOT = "I am a rehearsal program and know only the questions of my own small world, so I cannot answer this one."
REFUSAL = "I'm sorry, but I can't help with that."
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
    heeds_mistakes: float = 0.5
    """Share of its errors that it avoids once a student's wrong answer shows it the trap. This is planted: a claim that is
    measured on it tests the machinery, and finds nothing out. With the gold answer shown, which leaves a third of the
    errors, it is worth 2 points at the default rate; Learn-to-Reason (Wang et al. 2023) reports 1.6 to 3."""
    order_bias: float = 0.05
    """How often it prefers the first of two answers for being the first."""
    hijackable: float = 0.0
    """How often it does what a planted sentence (ORDER) says, wherever that stands outside the tagged material: one inside
    its section never moves it, so that a prompt that lets a text out of its section is found out."""

    def error_in(self, skill: str) -> float:
        return self.weak.get(skill, self.error_rate)


ORDER = re.compile(r"\bignore (?:all|everything|the) (?:of the )?(?:above|before) and answer (\w+)", re.IGNORECASE)
"""What a hijackable teacher obeys, and the word that it is then to answer."""
RATE = re.compile(r"0?\.[0-9]+|[01](?:\.0*)?")
RATES = tuple(rate.name for rate in fields(Profile) if rate.name != "weak")
PROFILES: Mapping[str, Profile] = {
    "rehearsal-teacher": Profile(),
    "rehearsal-expert": Profile(0.02, 0.01, 0.02, 0.02, 0.005, 0.002),
    "rehearsal-weak": Profile(0.45, 0.15, 0.2, 0.25, 0.08, 0.02),
}


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
        writer = Writer(profile, rng, text_asked(messages))
        if schema is None:
            rationale, answer = writer.solution(writer.question)
            return rationale if malformed else f"{rationale}\n#### {answer}"
        found = writer.write(_expanded(schema, schema.get("$defs")))
        return _malformed(found, rng) if malformed else json.dumps(found, ensure_ascii=False)


class Writer:
    """One reply in the making: who writes it, by what chance, and what it is shown."""

    def __init__(self, profile: Profile, rng: Random, text: str) -> None:
        self.profile, self.rng, self.text = profile, rng, text
        self.fields = read_tagged(text)
        self.question = self.fields.get("question", text)
        self.covered = set(self.fields.get("covered", "").split("\n"))
        """What the prompt says to be written already."""

    def write(self, schema: Any) -> dict[str, Any]:
        asked = properties(schema)
        # Chance is drawn for hijackable teachers alone, so that the others say what they have always said.
        hijacked = self.profile.hijackable and self.rng.random() < self.profile.hijackable
        if hijacked and (told := ORDER.search(outside_tags(self.text))):
            return {name: _saying(told[1], prop) for name, prop in asked.items()}
        return _formed(asked, self._answer(asked))

    def _answer(self, asked: Mapping[str, Schema]) -> dict[str, Any]:
        if task := next((task for needed, task in TASKS if needed <= asked.keys()), None):
            return task(self)
        if "sound" in asked:
            return self.judgement()
        if "question" in asked or "questions" in asked:
            return self._questions(asked)
        if {"name", "description"} <= asked.keys():
            return self._cluster()
        if "rationale" in asked:
            rationale, answer = self.solution(self.question)
            return {"rationale": styled(rationale, self.fields.get("style", "")), "answer": answer}
        return {"answer": self.solution(self.question)[1]} if "answer" in asked else {}

    def solution(self, question: str) -> tuple[str, str]:
        item = known(question)
        if item is None:
            return recall(self, question) or (CANNOT, "unknown")
        luck, errs = self.rng.random(), self.profile.error_in(item.skill.name) / (3 if "gold" in self.fields else 1)
        if "student_reply" in self.fields and question == self.question:
            errs *= 1 - self.profile.heeds_mistakes
        if luck < errs:
            return wrong_solution(item, self.rng)
        if luck < errs + self.profile.wrong_reason_rate:
            return wrong_reason(item.truth.rationale, self.rng), item.truth.answer
        return item.truth.rationale, item.truth.answer

    def judgement(self) -> dict[str, Any]:
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
        if "answer" in self.fields and not same_text(self.fields["answer"], item.truth.answer):
            return "The answer is not right."
        if "rationale" not in self.fields:
            return ""
        shown, exact = self.fields["rationale"].split(";"), item.truth.rationale.split(";")
        if len(shown) != len(exact):
            return f"The solution needs {len(exact)} steps and has {len(shown)}."
        place = next(
            (i for i, (one, other) in enumerate(zip(shown, exact, strict=True), 1) if not same_text(one, other)), 0
        )
        return f"The answer is right, but step {place} does not hold." if place else ""

    def _questions(self, asked: Mapping[str, Schema]) -> dict[str, Any]:
        item = next(questions_in(self.fields.get("question", ""), self.fields.get("example", ""), self.text), None)
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

    def uncovered(self, draw: Callable[[], str]) -> str:
        """Something that the prompt does not say to be written already; the fiftieth draw is taken as it is."""
        drawn = draw()
        for _ in range(49):
            if drawn not in self.covered:
                break
            drawn = draw()
        return drawn

    def _new_questions(self, item: Known, wanted: int) -> list[str]:
        written: list[str] = []
        for _ in range(wanted):
            copies = self.rng.random() < self.profile.duplicate_rate
            drawn = (item.skill.write(item.skill.draw(self.rng), self.rng) for _ in range(0 if copies else 50))
            known_by_now = {item.question, *written, *self.covered}
            written.append(next((one for one in drawn if one not in known_by_now), item.question))
        return written

    def _count(self, array: Schema) -> int:
        told = self.fields.get("count", "").strip()
        wanted = int(told) if re.fullmatch(r"[0-9]{1,3}", told) else array.get("minItems", 1)
        return max(1, min(wanted, 100)) if isinstance(wanted, int) else 1

    def _cluster(self) -> dict[str, Any]:
        found = Counter(item.skill.name for item in questions_in(self.fields.get("failures", self.text)))
        if not found:
            return {"name": "unrecognised", "description": CANNOT}
        name, cases = min(found.items(), key=lambda pair: (-pair[1], pair[0]))
        family, total = SKILLS[name].family, found.total()
        return {
            "name": name.replace("_", " "),
            "description": f"{cases} of the {total} questions that I recognised ask for {name} ({family}).",
        }


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


def outside_tags(text: str) -> str:
    """A prompt without what stands in its sections."""
    for value in read_tagged(text).values():
        text = text.replace(f">\n{value}\n</", ">\n</")
    return text


def _saying(word: str, prop: Schema) -> Any:
    """This word in every text that is asked for."""
    if prop.get("type") == "object":
        return {name: _saying(word, inner) for name, inner in properties(prop).items()}
    if prop.get("type") == "array":
        inner = prop.get("items")
        return [_saying(word, inner if isinstance(inner, Mapping) else {})]
    return word if prop.get("type") == "string" else _filler(prop)


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
