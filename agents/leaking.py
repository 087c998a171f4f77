"""Whether a rationale gives its answer away instead of coming to it."""

import re
from collections.abc import Iterator
from itertools import pairwise

from agents.answers import final_answer
from agents.arithmetic_steps import steps
from agents.chunking import split_sentences

_WORD = re.compile(r"[^\W_]+(?:[.,'][^\W_]+)*")
_BETWEEN = re.compile(r"\n+|;\s")
_ANNOUNCED = re.compile(r"\banswer\b[*_]*\s*(?::|=|is\b|was\b|must be\b|has to be\b|should be\b)", re.IGNORECASE)
_TOLD = re.compile(
    r"\b(?:given|shown|provided|known|stated|supplied|gold|reference)\s+(?:(?:right|correct|final)\s+)?answer\b(?!\s+(?:choice|option))"
    r"|\banswer\b(?: that)? (?:(?:is|was|has been|we were|I was) )?(?:given|shown|provided|supplied)\b",
    re.IGNORECASE,
)


def statements(text: str) -> list[str]:
    """The sentences of a text; a line and a part before `;` end one as well."""
    parts = (sentence for line in _BETWEEN.split(text) for sentence in split_sentences(line))
    return [stripped for part in parts if (stripped := part.strip())]


def announces(statement: str) -> bool:
    """Whether it says of something that it is the answer."""
    return final_answer(statement) is not None or _ANNOUNCED.search(statement) is not None


def without_announcements(text: str) -> str:
    """The text without the statements that announce an answer; as it is if there is none."""
    found = statements(text)
    kept = [statement for statement in found if not announces(statement)]
    return text if len(kept) == len(found) else "\n".join(kept)


def announced_early(rationale: str) -> bool:
    """Whether an answer is announced, and reasons follow."""
    found = [announces(statement) for statement in statements(rationale)]
    return any(first and not then for first, then in pairwise(found))


def tells_of_a_given_answer(text: str) -> bool:
    """Whether it speaks of an answer that was shown to its writer."""
    return _TOLD.search(text) is not None


def calculates(rationale: str) -> bool:
    return steps(rationale) > 0


def said_early(rationale: str, answer: str, question: str) -> bool:
    """Whether a statement before the last one says the answer without calculating.

    What the question says is no leak, nor is the value of a calculation on the way, which may happen to be the answer's.
    """
    words = tuple(_words(answer))
    if not words or words in set(_grams(question, len(words))):
        return False
    before = without_announcements(rationale)
    return any(
        words in set(_grams(one, len(words))) for one in statements(before)[:-1] if not _has_numbers_put_together(one)
    )


def share_quoted(rationale: str, answer: str, question: str, gram: int) -> float:
    """Share of the answer's grams of so many words that the rationale has and the question lacks; 0 for a shorter answer."""
    wanted = set(_grams(answer, gram)) - set(_grams(question, gram))
    return len(wanted & set(_grams(rationale, gram))) / len(wanted) if wanted else 0.0


def _has_numbers_put_together(statement: str) -> bool:
    return steps(statement) > 0 or re.search(r"[=+*/×÷]|\d\s*[-−]\s*\d", statement) is not None


def _words(text: str) -> Iterator[str]:
    return (word.casefold() for word in _WORD.findall(text))


def _grams(text: str, size: int) -> Iterator[tuple[str, ...]]:
    words = list(_words(text))
    return (tuple(words[i : i + size]) for i in range(len(words) - size + 1))
