"""Which reviews make B4 hold: they must keep what is sound, and where reviewers guess nothing may be found."""

from collections.abc import Sequence

from orchestrator.claims.b4 import CLAIM
from storage.records import Draft, Outcome, Verdict
from storage.store import Store
from tests.orchestrator.claims.made import a_draft, a_result, compared, held

SEEN = [(True, 4.6)] * 60 + [(True, 3.6)] * 15 + [(True, 2.0)] * 5 + [(False, 1.6)] * 18 + [(False, 3.4)] * 2
"""Whether each solution is sound, and its mean grade: of a hundred, twenty are not, and reviewers find most of these."""
BLIND = [(True, 4.0)] * 40 + [(True, 2.0)] * 40 + [(False, 4.0)] * 10 + [(False, 2.0)] * 10


def found(store: Store, guessed: Sequence[tuple[bool, float]], seen: Sequence[tuple[bool, float]]) -> list[bool]:
    control, reviewed = a_result("control", {"trip": 3}), a_result("reviewed", {"trip": 3})
    store.add(*_verdicts(control.run, guessed), *_verdicts(reviewed.run, seen))
    return held(CLAIM.check(compared(control, reviewed), store))


def _verdicts(run: str, graded: Sequence[tuple[bool, float]]) -> list[Draft | Verdict]:
    made: list[Draft | Verdict] = []
    for number, (sound, grade) in enumerate(graded):
        draft = a_draft(run, "solve", number)
        told = {"truth": (sound, None), "review": (grade > 3, grade)}
        made.append(draft)
        made += [
            Verdict.new(
                run=run,
                draft=draft.key,
                step=step,
                judge=step,
                outcome=Outcome.ACCEPTED if good else Outcome.REJECTED,
                score=score,
            )
            for step, (good, score) in told.items()
        ]
    return made


def test_reviewers_who_see_wrong_reasons_hold(store: Store) -> None:
    assert found(store, BLIND, SEEN) == [True, True, True]


def test_reviewers_who_see_nothing_do_not_hold(store: Store) -> None:
    assert found(store, BLIND, BLIND)[0] is False


def test_a_stricter_bar_that_keeps_what_is_less_sound_does_not_hold(store: Store) -> None:
    worse_above = [(True, 3.6)] * 60 + [(True, 2.0)] * 20 + [(False, 4.6)] * 5 + [(False, 1.5)] * 15
    assert found(store, BLIND, worse_above) == [True, False, True]


def test_guesses_that_find_the_unsound_are_no_guesses(store: Store) -> None:
    assert found(store, SEEN, SEEN) == [True, True, False]


def test_a_review_that_could_not_be_read_counts_for_nothing(store: Store) -> None:
    control, reviewed = a_result("control", {"trip": 3}), a_result("reviewed", {"trip": 3})
    store.add(*_verdicts(control.run, BLIND), *_verdicts(reviewed.run, SEEN))
    draft = a_draft(reviewed.run, "solve", 500)
    unread = {"run": reviewed.run, "draft": draft.key, "judge": "j"}
    store.add(
        draft,
        Verdict.new(step="truth", outcome=Outcome.ACCEPTED, **unread),
        Verdict.new(step="review", outcome=Outcome.UNREADABLE, **unread),
    )
    assert "of 100;" in CLAIM.check(compared(control, reviewed), store)[0].figures
