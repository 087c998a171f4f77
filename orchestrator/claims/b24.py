"""An exam that tells whether a student has seen it."""

from collections.abc import Sequence
from typing import Any

from orchestrator.claims.claim import Check, Claim, of_arm
from orchestrator.comparison import Comparison, Result
from orchestrator.examination.decontamination import Guard
from orchestrator.examination.gate import Gate, Suite, decide
from orchestrator.examination.items import CANARY, CODE_WORDS, exam_items, guarded_items
from orchestrator.examination.statistics import binomial_tail
from orchestrator.kinds import ExamItem
from orchestrator.recipe import Recipe
from storage.records import Attempt, Draft, Ruling
from storage.store import Store

TEST = "test"
CHANCE = 1 / len(CODE_WORDS)
LEAKED = "leaked"
"""What the gate's reason says of a canary that only who has seen it can answer."""


def check(comparison: Comparison, store: Store) -> list[Check]:
    without, clean = of_arm(comparison, 0), of_arm(comparison, 1)
    rulings = [ruling for result in clean for ruling in store.rulings(result.run)]
    return [
        _at_chance(store, rulings),
        Check(
            "the gate speaks of no leak in a clean run",
            len(rulings) == len(clean) and not any(LEAKED in ruling.why for ruling in rulings),
            f"{len(rulings)} rulings, e.g. {rulings[0].why.partition(':')[0] if rulings else 'none'}",
        ),
        _count_for_nothing(store, without, clean),
        _guarded(store, clean),
        _found_out(store, rulings),
    ]


def _at_chance(store: Store, rulings: Sequence[Ruling]) -> Check:
    answers = [a for ruling in rulings for a in _answers(store, ruling.challenger)]
    right = sum(a.right for a in answers)
    p = binomial_tail(right, len(answers), CHANCE)
    told = f"{right} of {len(answers)} right, {CHANCE * len(answers):g} by chance (p = {p:.2g})"
    says = "who has not seen the exam answers its canaries by chance at best"
    return Check(says, len(answers) > 0 and p >= 0.01, told)


def _count_for_nothing(store: Store, without: Sequence[Result], clean: Sequence[Result]) -> Check:
    asked = [a for r in clean for a in store.attempts_of(r.run, [TEST]) if a.skill == CANARY]
    graded = [
        [card.n for r in arm for card in store.scorecards(r.run) if card.exam == TEST] for arm in (without, clean)
    ]
    told = f"{len(asked)} answers to canaries; {sum(graded[1])} graded with them, {sum(graded[0])} without"
    return Check("canaries are asked and count for no score", len(asked) > 0 and graded[0] == graded[1], told)


def _guarded(store: Store, clean: Sequence[Result]) -> Check:
    """Lessons that a leaking teacher might have written, put before the guard that every dataset passes."""
    leaked = stopped = clear = lessons = 0
    for result in clean:
        recipe = _recipe(store, result.run)
        guard = Guard(guarded_items(recipe))
        written = [fields for item in _canaries(recipe) for fields in leaks(item)]
        own = _lessons(store, result.run)
        leaked, stopped = leaked + len(written), stopped + sum(guard.canary(fields) is not None for fields in written)
        lessons, clear = lessons + len(own), clear + sum(guard.canary(draft.fields) is None for draft in own)
    told = f"{stopped} of {leaked} lessons made from canaries are refused, {clear} of the runs' own {lessons} are clear"
    held = stopped == leaked > 0 and clear == lessons
    return Check("a lesson that names a canary is refused, whichever text of it does", held, told)


def leaks(item: ExamItem) -> list[dict[str, Any]]:
    """Fields of lessons that hold a canary: whole, and in the rationale of another question alone."""
    said = f"The code word of {item.fields['canary']} is {item.gold}."
    whole = {"question": item.question, "gold": item.gold, "rationale": said, "answer": item.gold}
    aside = {"question": "What is 3 plus 4?", "gold": "7", "rationale": f"3+4=7; {said}", "answer": "7"}
    return [whole, aside]


def _found_out(store: Store, rulings: Sequence[Ruling]) -> Check:
    """A simulation: no lesson about a canary gets past the guard, so no student is to be had that was taught any."""
    least: list[int] = []
    told = "there is no ruling to start from"
    for ruling in rulings:
        asked = _answers(store, ruling.challenger)
        gate = _recipe(store, ruling.run).gate
        seen = [n for n in range(len(asked) + 1) if LEAKED in _ruled(store, ruling, gate, n)]
        if not seen:
            return Check(_SIMULATED, False, f"not even {len(asked)} of {len(asked)} right canaries are noticed")
        least.append(min(seen))
        told = f"it is noticed from {max(least)} of {len(asked)} right canaries on"
    return Check(_SIMULATED, bool(least), told)


_SIMULATED = "simulated: a student's own answers, with its canaries' made right, make the gate hold it back for a leak"


def _ruled(store: Store, ruling: Ruling, gate: Gate, known: int) -> str:
    """What the gate says if so many of the challenger's canaries are right."""
    before, after = (
        {a.question: a for a in store.attempts(student, TEST)} for student in (ruling.champion, ruling.challenger)
    )
    plain = [q for q, attempt in after.items() if attempt.skill != CANARY]
    asked = [q for q, attempt in after.items() if attempt.skill == CANARY]
    old, new = ([answers[q].right for q in plain] for answers in (before, after))
    knows = [number < known for number in range(len(asked))]
    suites = [
        Suite(TEST, "target", old, new, [after[q].split_key for q in plain]),
        Suite(CANARY, "canary", [before[q].right for q in asked], knows, asked, CHANCE),
    ]
    return decide(gate, suites).why


def _answers(store: Store, student: str) -> list[Attempt]:
    """To the canaries."""
    return [attempt for attempt in store.attempts(student, TEST) if attempt.skill == CANARY]


def _canaries(recipe: Recipe) -> list[ExamItem]:
    return [item for item in exam_items(recipe, TEST) if item.skill == CANARY]


def _lessons(store: Store, run: str) -> list[Draft]:
    keys = [row.draft for dataset in store.datasets(run) for row in store.dataset_rows(dataset.key)]
    return list(store.by_key(Draft, keys).values())


def _recipe(store: Store, run: str) -> Recipe:
    found = store.run(run)
    if found is None:
        raise LookupError(f"run {run} is not in {store.place}, though it was carried out there")
    return Recipe.model_validate(found.recipe)


CLAIM = Claim(
    id="B24",
    says="an exam that has leaked into lessons is seen: no lesson passes that names a canary, nor a student that knows them",
    source="Data Laundering (Mansurov et al. 2024): distilled students carry a test that their teacher was trained on",
    planted="the canaries, and the leak: lessons are made from canaries by hand, and the student that knows them is simulated",
    arms=("canaries+exams.test.canaries=0", "canaries"),
    check=check,
)
