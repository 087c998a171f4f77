"""Knowledge that is shown in lessons always, never, or less in each round: what is then known without it."""

from collections.abc import Mapping, Sequence
from itertools import pairwise
from statistics import fmean

from orchestrator.claims.claim import Check, Claim, better, of_arm
from orchestrator.comparison import Comparison, Result
from storage.records import Draft
from storage.store import Store

ALIKE = 0.1
"""How many fewer lessons one arm may have than another to count as equal: each is told of its own mistakes."""


def check(comparison: Comparison, store: Store) -> list[Check]:
    always, never, fading = (of_arm(comparison, place) for place in range(3))
    return [
        _as_many(store, (always, never, fading)),
        better(fading, always, "asked without knowledge, who saw ever less of it is better than who always saw it"),
        better(fading, never, "and than who never saw any"),
        _fades(store, always, fading),
    ]


def _as_many(store: Store, arms: Sequence[Sequence[Result]]) -> Check:
    sizes = [sum(dataset.size for result in arm for dataset in store.datasets(result.run)) for arm in arms]
    told = ", ".join(map(str, sizes))
    return Check("all arms learn from as many lessons, to a tenth", min(sizes) >= (1 - ALIKE) * max(sizes) > 0, told)


def _fades(store: Store, always: Sequence[Result], fading: Sequence[Result]) -> Check:
    """What it costs to ask: the exams ask every arm the bare question, and the last lessons have to be as it is."""
    kept, shown = (_shown(store, arm) for arm in (always, fading))
    less = len(shown) > 1 and all(after < before for before, after in pairwise(shown.values()))
    told = ", ".join(f"round {number}: {words:.1f}" for number, words in shown.items())
    last = list(kept.values())[-1] if kept else 0.0
    return Check(
        "its lessons show less knowledge in each round, and in the last one the bare question",
        less and list(shown.values())[-1] == 0 < last,
        f"words shown besides the question: {told or 'none'}; always {last:.1f} in the last",
    )


def _shown(store: Store, results: Sequence[Result]) -> Mapping[int, float]:
    """By round, the words in a lesson's prompt besides the question, as a mean."""
    found: dict[int, list[int]] = {}
    for result in results:
        for dataset in store.datasets(result.run):
            rows = list(store.dataset_rows(dataset.key))
            drafts = store.by_key(Draft, [row.draft for row in rows])
            found.setdefault(dataset.round, []).extend(
                _words(row.content["prompt"][-1]["content"]) - _words(drafts[row.draft].fields["question"])
                for row in rows
            )
    return {number: fmean(words) for number, words in sorted(found.items()) if words}


def _words(text: object) -> int:
    return len(str(text).split())


CLAIM = Claim(
    id="B22",
    says="knowledge that fades out of the lessons is known without being shown, better than if it is shown always or never, and "
    "costs nothing when the student is asked",
    source="SKIntern (Liao et al. 2024, +5 % and up to 4 times fewer operations than with the knowledge shown)",
    planted="that knowledge can help: what the rehearsal teacher writes are the world's own rules; not what is left of it "
    "once it is no longer shown. Exams ask the bare question in all arms",
    arms=(
        "skintern+datasets.lessons.format.fades=false",
        "skintern+datasets.lessons.format={use: rationale_then_answer}",
        "skintern",
    ),
    check=check,
)
