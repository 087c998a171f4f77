"""Lessons in two forms against as many in one, answered by one reply and by a vote."""

from collections.abc import Sequence

from orchestrator.claims.claim import Check, Claim, not_worse, of_arm
from orchestrator.comparison import Comparison, Result
from storage.store import Store

MARGIN = 0.05
"""What the accuracy may be worse by to count as equal."""
ROWS = 320
"""Lessons of each arm: as many as one form alone has after its filter."""
VOTES = 6
"""Replies of each vote."""
SAMPLED = "exams.probe.temperature=0.7+exams.test.temperature=0.7+training.student.objective.epochs=4"
"""Votes need samples that differ, and arms that are compared have one exam; 4 epochs, for the lessons are few."""


def check(comparison: Comparison, store: Store) -> list[Check]:
    words, programs, mixed, words_vote, programs_vote, mixed_vote = (of_arm(comparison, place) for place in range(6))
    return [
        _as_many(store, (words, programs, mixed)),
        not_worse(mixed, words, "one reply: both forms are no worse than words alone", MARGIN),
        not_worse(mixed, programs, "one reply: both forms are no worse than programs alone", MARGIN),
        not_worse(mixed_vote, words_vote, "a vote of both forms is no worse than one of words", MARGIN),
        not_worse(mixed_vote, programs_vote, "a vote of both forms is no worse than one of programs", MARGIN),
    ]


def _as_many(store: Store, arms: Sequence[Sequence[Result]]) -> Check:
    sizes = [sorted({dataset.size for result in arm for dataset in store.datasets(result.run)}) for arm in arms]
    told = ", ".join("/".join(map(str, size)) for size in sizes)
    alike = all(len(size) == 1 for size in sizes) and len({size[0] for size in sizes}) == 1
    return Check("the arms learn from as many lessons", alike, f"{told} lessons")


def _arm(shares: str, inference: str) -> str:
    mixture = f"{{use: by_share, by: task, shares: {{{shares}}}, size: {ROWS}}}"
    return f"mixed-distillation+{SAMPLED}+datasets.lessons.mixture={mixture}+inference={inference}"


WORDS, PROGRAMS, BOTH = "explain: 1", "program: 1", "explain: 0.5, program: 0.5"
CLAIM = Claim(
    id="B5",
    says="lessons half in words and half as programs teach no less than as many in the better form, also where answers vote",
    source="Mixed Distillation (Li et al. 2024, +2.5 and +3.5 over its teacher), MTD (Zhu et al. 2024)",
    planted="that a program leaves the calculations to the interpreter, which is no plant but the method; the rehearsal "
    "teacher errs as often in either form, and its programs are regular",
    arms=(
        _arm(WORDS, "single"),
        _arm(PROGRAMS, "{use: programs_first, of: [program]}"),
        _arm(BOTH, "{use: programs_first, of: [program, explain]}"),
        _arm(WORDS, f"{{use: vote, of: [explain], each: {VOTES}}}"),
        _arm(PROGRAMS, f"{{use: vote, of: [program], each: {VOTES}}}"),
        _arm(BOTH, f"{{use: vote, of: [program, explain], each: {VOTES // 2}}}"),
    ),
    check=check,
)
