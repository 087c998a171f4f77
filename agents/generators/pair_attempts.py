import re
from collections.abc import Collection
from itertools import product

from pydantic import Field

from agents.kinds import Fields, Generator, Teacher, UnfitDraft, Writing
from agents.registry import register

WORD = re.compile(r"\w+")
TRUTH = {"yes": True, "right": True, "no": False, "wrong": False}
"""What may be said of a reply; one of which anything else is said is in no pair."""


@register("pair_attempts")
class PairAttempts(Generator):
    """Sets right replies of the student to one question against wrong ones, as preference pairs (DPO-augmented
    self-training, Wang, Li & Lu 2024).

    For a step that reads the stream `attempts` with `together: {by: [question], shows: [student_reply, right]}`. The pairs
    taken are those that are least alike, by the share of words that two replies have in common (Jaccard), so that what
    tells them apart is more than a slip; of right replies that are nearly the same one is left, and so of wrong ones. A
    reply may be in several pairs; a question without a right or a wrong one gives none. What is paired may be a part of
    the reply, such as what was recalled before an answer: a text that came to both ends says nothing and is left out.
    Raises UnfitDraft for a material that is no group.
    """

    writes = "pair"
    reads = ("candidates",)
    asks = False
    most: int = Field(default=3, ge=1)
    """Pairs of one question."""
    at_most: float = Field(default=0.7, ge=0, lt=1)
    """The highest likeness at which two right, or two wrong, replies are still two."""
    text: str = "student_reply"
    """Field of each candidate that is paired."""
    truth: str = "right"
    """Field that says of a candidate whether it is right: yes or no, right or wrong."""

    async def write(self, fields: Fields, teacher: Teacher, sample: int) -> list[Writing]:
        if "candidates" not in fields:
            raise UnfitDraft(
                "pair_attempts reads all attempts at a question at once; say which belong together: "
                "`together: {by: [question], shows: [student_reply, right]}`"
            )
        right, wrong = (
            {str(c[self.text]).strip() for c in fields["candidates"] if TRUTH.get(c[self.truth]) is truth}
            for truth in (True, False)
        )
        distinct = self._distinct(right - wrong), self._distinct(wrong - right)
        pairs = sorted(product(*distinct), key=lambda pair: (likeness(*pair), pair))
        return [Writing({"chosen": chosen, "rejected": rejected}) for chosen, rejected in pairs[: self.most]]

    def _distinct(self, replies: Collection[str]) -> list[str]:
        kept: list[str] = []
        for reply in sorted({*replies} - {""}):
            if all(likeness(reply, other) <= self.at_most for other in kept):
                kept.append(reply)
        return kept


def likeness(one: str, other: str) -> float:
    """Words in common among all words of two texts, without regard to case and number; 1 for texts without words."""
    words, others = ({*WORD.findall(text.lower())} for text in (one, other))
    return len(words & others) / len(words | others) if words | others else 1.0
