"""Which verdicts make B8 hold: of the same mistakes, and where nothing is planted nothing may be found."""

from orchestrator.claims.b8 import CLAIM
from storage.store import Store
from tests.orchestrator.claims.made import a_draft, a_result, compared, held, judged

N = 100


def found(store: Store, blind: int, hinted: int, shown: int, unplanted: int) -> list[bool]:
    """How many of a hundred mistakes each step gets right; `unplanted` is the third's in the control arm."""
    control, planted = a_result("control", {"trip": 3}), a_result("planted", {"trip": 3})
    for run, counts in ((control.run, (blind, hinted, unplanted)), (planted.run, (blind, hinted, shown))):
        for step, count in zip(("blind", "hinted", "shown"), counts, strict=True):
            store.add(*judged(run, step, [i < count for i in range(N)]))
    return held(CLAIM.check(compared(control, planted), store))


def test_a_hint_and_a_mistake_that_help_hold(store: Store) -> None:
    assert found(store, blind=55, hinted=80, shown=92, unplanted=80) == [True, True, True]


def test_what_helps_no_more_often_than_chance_does_not_hold(store: Store) -> None:
    assert found(store, blind=78, hinted=80, shown=83, unplanted=80) == [False, False, True]


def test_a_gain_where_nothing_is_planted_does_not_hold(store: Store) -> None:
    assert found(store, blind=55, hinted=80, shown=92, unplanted=95) == [True, True, False]


def test_a_mistake_that_one_step_could_not_write_about_counts_for_none(store: Store) -> None:
    control, planted = a_result("control", {"trip": 3}), a_result("planted", {"trip": 3})
    for run in (control.run, planted.run):
        for step in ("blind", "hinted", "shown"):
            store.add(*judged(run, step, [True] * 10))
        store.add(a_draft(run, "shown", 10))  # no verdict
        store.add(*judged(run, "hinted", [True] * 12))
    checks = CLAIM.check(compared(control, planted), store)
    assert [check.figures.partition(" mistakes")[0] for check in checks] == ["100.0% → 100.0% of 10"] * 3
