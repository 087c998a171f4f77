"""What differs between two runs: method, setup, what each stage did, lessons, and scores with a paired test."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from functools import partial
from typing import Any

from orchestrator.examination.items import CANARY
from orchestrator.examination.scoring import by_item
from orchestrator.examination.statistics import paired_interval, paired_p
from orchestrator.planning import best_of
from orchestrator.standing import recipe_of
from storage.keyed import canonical_json
from storage.provenance import Setup
from storage.records import Attempt, Run, Student
from storage.store import Store

SHOWN = 3
"""Lessons of one run alone that are shown of each dataset."""
ABSENT = "(absent)"


@dataclass(frozen=True)
class Change:
    """Something that is another thing in the second run; `(absent)` where one of them has no such thing."""

    place: str
    first: Any
    second: Any


@dataclass(frozen=True)
class Lessons:
    """One dataset of both runs, lesson by lesson as a trainer reads them."""

    round: int
    name: str
    both: int
    only_first: int
    only_second: int
    examples_first: list[str]
    """Drafts whose lessons are in the first alone, a few."""
    examples_second: list[str]


@dataclass(frozen=True)
class Scores:
    """What the best student of each run made of one exam. The test is of the questions that both were asked."""

    exam: str
    first: dict[str, float]
    """`accuracy`, its 95 % interval from `low` to `high`, and `n`."""
    second: dict[str, float]
    shared: int
    """Questions that both were asked."""
    difference: float | None
    """Second minus first on these; None where none is shared."""
    low: float | None
    high: float | None
    """95 % interval, over questions and not over trainings; None for fewer than two clusters."""
    p: float | None
    """Exact and two-sided, paired by question."""


@dataclass(frozen=True)
class Difference:
    first: str
    second: str
    recipe: list[Change]
    """By clause. Two runs of one recipe may have other revisions of its components."""
    setup: list[Change]
    """Models by role, code, packages, prices; as of the last time that each run went on."""
    stages: list[Change]
    """Seeds, drafts and verdicts, by round and step."""
    datasets: list[Lessons]
    scores: list[Scores]
    unknown: list[str]
    """What cannot be compared, a sentence each."""

    @property
    def same(self) -> bool:
        lessons = any(each.only_first or each.only_second for each in self.datasets)
        return not (self.recipe or self.setup or self.stages or lessons or any(each.difference for each in self.scores))

    def as_json(self) -> dict[str, Any]:
        return {**asdict(self), "same": self.same}


def difference(store: Store, first: Run, second: Run) -> Difference:
    setups = [store.setups(run.key) for run in (first, second)]
    unknown = [
        f"run {run.key} was carried out before setups were kept, so its models, code, packages and prices are unknown"
        for run, known in zip((first, second), setups, strict=True)
        if not known
    ]
    both = [flat(_facts(known[-1])) for known in setups if known]
    return Difference(
        first=first.key,
        second=second.key,
        recipe=changes(flat(first.recipe), flat(second.recipe)),
        setup=changes(*both) if len(both) == 2 else [],
        stages=changes(*(_stages(store, run) for run in (first, second))),
        datasets=_datasets(store, first, second),
        scores=_scores(store, first, second),
        unknown=unknown,
    )


def changes(first: Mapping[str, Any], second: Mapping[str, Any]) -> list[Change]:
    """Places whose values differ, in the order of their names."""
    pairs = [(place, first.get(place, ABSENT), second.get(place, ABSENT)) for place in sorted({*first, *second})]
    return [Change(*pair) for pair in pairs if pair[1] != pair[2]]


def _facts(setup: Setup) -> dict[str, Any]:
    return setup.model_dump(include={"code", "packages", "models", "prices"})


def flat(value: Any, place: str = "") -> dict[str, Any]:
    """Values by where they stand. Steps and jobs are known by their names, so that one more does not change all after it."""
    if isinstance(value, dict) and value:
        inner = [(str(name), each) for name, each in value.items()]
    elif isinstance(value, list) and value and all(isinstance(each, dict) for each in value):
        inner = [(str(each.get("step") or each.get("job") or number), each) for number, each in enumerate(value)]
    else:
        return {place: value}
    found: dict[str, Any] = {}
    for name, each in inner:
        found |= flat(each, f"{place}.{name}".lstrip("."))
    return found


def _stages(store: Store, run: Run) -> dict[str, int]:
    found: Counter[str] = Counter()
    taught = store.taught(run.key)
    for (number, _), counts in taught.items():
        named = zip(("seeds", "drafts", "lessons"), counts, strict=True)
        found.update({f"round {number} {noun}": count for noun, count in named})
    for number in {number for number, _ in taught}:
        for each in store.yields(run.key, number):
            found[f"round {number} {each.step}: {each.outcome}"] += each.count
    return dict(found)


def _datasets(store: Store, first: Run, second: Run) -> list[Lessons]:
    places = {(each.round, each.name) for run in (first, second) for each in store.datasets(run.key)}
    return [_lessons(store, first, second, *place) for place in sorted(places)]


def _lessons(store: Store, first: Run, second: Run, number: int, name: str) -> Lessons:
    """Contents are counted and not only looked up: a mixture may teach one lesson twice."""
    drafts = [_contents(store, run, number, name) for run in (first, second)]
    counts = [Counter({content: len(keys) for content, keys in each.items()}) for each in drafts]
    alone = [counts[0] - counts[1], counts[1] - counts[0]]
    shown = [[each[content][0] for content in list(only)[:SHOWN]] for each, only in zip(drafts, alone, strict=True)]
    return Lessons(number, name, (counts[0] & counts[1]).total(), alone[0].total(), alone[1].total(), *shown)


def _contents(store: Store, run: Run, number: int, name: str) -> dict[bytes, list[str]]:
    found: dict[bytes, list[str]] = {}
    for dataset in store.datasets(run.key):
        if (dataset.round, dataset.name) == (number, name):
            for row in store.dataset_rows(dataset.key):
                found.setdefault(canonical_json(row.content), []).append(row.draft)
    return found


def _scores(store: Store, first: Run, second: Run) -> list[Scores]:
    students = [best_of(store, run, recipe_of(run)) for run in (first, second)]
    if not all(students):
        return []
    cards = [
        {card.exam: card for card in store.scorecards(run.key) if student and card.student == student.key}
        for run, student in zip((first, second), students, strict=True)
    ]
    shown = {"accuracy", "low", "high", "n"}
    paired = partial(_paired, store, *students)
    return [
        Scores(exam, cards[0][exam].model_dump(include=shown), cards[1][exam].model_dump(include=shown), **paired(exam))
        for exam in sorted(cards[0].keys() & cards[1].keys())
    ]


def _paired(store: Store, first: Student, second: Student, exam: str) -> dict[str, Any]:
    old, new = (_rights(store, student, exam) for student in (first, second))
    shared = [question for question in old if question in new]
    if not shared:
        return {"shared": 0, "difference": None, "low": None, "high": None, "p": None}
    before, after = [old[q][0] for q in shared], [new[q][0] for q in shared]
    clusters = [old[q][1] for q in shared]
    enough = len(set(clusters)) > 1
    low, high = paired_interval(after, before, clusters) if enough else (None, None)
    p = min(1.0, 2 * min(paired_p(after, before, clusters), paired_p(before, after, clusters)))
    return {
        "shared": len(shared),
        "difference": (sum(after) - sum(before)) / len(shared),
        "low": low,
        "high": high,
        "p": p,
    }


def _rights(store: Store, student: Student, exam: str) -> dict[str, tuple[bool, str]]:
    """By question whether most samples are right, and its split key."""
    items: dict[str, list[Attempt]] = by_item([a for a in store.attempts(student.key, exam) if a.skill != CANARY])
    return {
        question: (2 * sum(a.right for a in said) > len(said), said[0].split_key) for question, said in items.items()
    }
