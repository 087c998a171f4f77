"""What the rehearsal teacher knows of a question, and what its planted errors look like."""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from random import Random

from agents.rehearsal import scratchpad, vocabulary
from agents.rehearsal.events import DEEDS
from agents.rehearsal.skill import Skill, Slots, Solution
from agents.rehearsal.world import recognise

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


def wrong_solution(item: Known, rng: Random) -> tuple[str, str]:
    """A rationale and an answer that agree with each other and not with the truth."""
    rationale, answer = item.truth.rationale, item.truth.answer
    if item.skill.wrong is not None:
        wrong = item.skill.wrong(item.slots, rng)
    elif STEP.search(rationale):
        return _slip(rationale, answer, rng)
    else:
        wrong = wrong_reason(answer, rng)
    wrong = wrong if not same_text(wrong, answer) else wrong_reason(answer, rng)
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


def same_text(one: str, other: str) -> bool:
    return "".join(one.split()) == "".join(other.split())


def questions_in(*texts: str) -> Iterator[Known]:
    """The questions of the world that stand in these texts: whole, one on a line, or each a string of a JSON value."""
    for text in texts:
        whole = known(text)
        found = (known(BULLET.sub("", part.strip())) for part in BETWEEN.split(text))
        yield from [whole] if whole else filter(None, found)
