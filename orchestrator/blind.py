"""Two students compared by a person who does not know which is which, on the exam items that both answered."""

from collections.abc import Sequence
from dataclasses import dataclass
from random import Random
from typing import Literal

from storage.keyed import content_key
from storage.persons import said_of
from storage.records import Attempt, Outcome, Student, Verdict
from storage.store import Store

Choice = Literal["left", "right", "same"]
SIDES: tuple[Choice, Choice, Choice] = ("left", "right", "same")


@dataclass(frozen=True)
class Item:
    """One exam item and two replies, side by side."""

    question: str
    gold: str
    left: Attempt
    right: Attempt


@dataclass(frozen=True)
class Blind:
    """A comparison: drawn by a seed, so that it is the same each time it is opened."""

    one: Student
    other: Student
    exam: str
    items: list[Item]
    alike: int
    """Items that both answered word for word the same: there is nothing to prefer."""

    @property
    def step(self) -> str:
        """The step of its verdicts: these two students, whatever their order, in this exam."""
        return f"blind {content_key('pair', [sorted([self.one.key, self.other.key]), self.exam])[-12:]}"


@dataclass(frozen=True)
class Result:
    """`low` to `high` is the exact 95 % interval (Clopper & Pearson 1934) of the share of `wins` among what is no draw."""

    wins: int
    """How often the first student's reply was preferred."""
    losses: int
    same: int
    share: float | None
    """None if nothing was preferred."""
    low: float
    high: float
    p: float
    """Exact two-sided p of "each is as likely to be preferred"."""


def blind(store: Store, one: Student, other: Student, exam: str, most: int, who: str) -> Blind:
    """At most `most` items, drawn by chance; which student stands left is a coin's affair, another for every item."""
    mine, theirs = _first_attempts(store, one, exam), _first_attempts(store, other, exam)
    shared = sorted(mine.keys() & theirs.keys())
    different = [question for question in shared if mine[question].reply.strip() != theirs[question].reply.strip()]
    chance = Random(content_key("blind", [sorted([one.key, other.key]), exam, who]))
    items = []
    for question in chance.sample(different, min(most, len(different))):
        # by key, so that naming the students the other way round is the same comparison
        pair = sorted((mine[question], theirs[question]), key=lambda attempt: attempt.student)
        left, right = pair if chance.random() < 0.5 else pair[::-1]
        items.append(Item(question, left.gold, left, right))
    return Blind(one, other, exam, items, len(shared) - len(different))


def _first_attempts(store: Store, student: Student, exam: str) -> dict[str, Attempt]:
    return {a.question: a for a in store.attempts(student.key, exam) if a.sample == 0}


def verdicts_on(comparison: Blind, number: int, choice: Choice, judge: str) -> list[Verdict]:
    """A preference as verdicts on the two attempts: the better is accepted and the other rejected, equals are accepted."""
    item = comparison.items[number]
    facts = {"run": item.left.run, "step": comparison.step, "judge": judge}
    pairs = (("left", item.left, item.right), ("right", item.right, item.left))
    verdicts = [
        Verdict.new(
            **facts,
            draft=attempt.key,
            outcome=Outcome.ACCEPTED if choice in (side, "same") else Outcome.REJECTED,
            reason="as good as the other" if choice == "same" else "blind",
            evidence={"against": against.key, "choice": choice},
        )
        for side, attempt, against in pairs
    ]
    verdicts[1].created_at = verdicts[0].created_at  # said at once, and taken back at once
    return verdicts


def choices(store: Store, comparison: Blind, judge: str) -> list[Choice | None]:
    """What this person has said of each item."""
    said = said_of(store, [item.left.key for item in comparison.items], comparison.step)
    own = {key: verdict for key, verdicts in said.items() for verdict in verdicts if verdict.judge == judge}
    return [own[item.left.key].evidence["choice"] if item.left.key in own else None for item in comparison.items]


def result(comparison: Blind, said: Sequence[Choice | None]) -> Result:
    """Of all items that were judged, drawn ones aside."""
    from scipy.stats import binomtest

    sides = [
        choice if comparison.one.key == item.left.student else _other(choice)
        for item, choice in zip(comparison.items, said, strict=True)
    ]
    wins, losses, same = (sides.count(side) for side in SIDES)
    if not wins + losses:
        return Result(0, 0, same, None, 0.0, 1.0, 1.0)
    test = binomtest(wins, wins + losses)
    low, high = test.proportion_ci(0.95, method="exact")
    return Result(wins, losses, same, wins / (wins + losses), float(low), float(high), float(test.pvalue))


def _other(choice: Choice | None) -> Choice | None:
    return {"left": "right", "right": "left"}.get(choice or "", choice)  # type: ignore[return-value]
