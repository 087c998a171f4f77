"""Cuts on the scores that an earlier step gave: fixed, by share, and lowered where nothing passes."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agents.kinds import Judgement, Selection
from agents.registry import build, import_components
from storage.records import Draft, Outcome
from storage.store import Store
from tests.conftest import Loop
from tests.contracts.whole import a_draft

import_components("agents.selections")
SCORES = st.lists(st.integers(0, 100).map(lambda n: n / 100), min_size=1, max_size=30)


def judged(scores: list[float | None], fields: list[dict[str, Any]] | None = None, **options: Any) -> list[Judgement]:
    drafts = [a_draft(i, question=f"{i}?", **(fields[i] if fields else {})) for i in range(len(scores))]
    known = {draft.key: score for draft, score in zip(drafts, scores, strict=True) if score is not None}
    selection: Any = build({"use": "threshold", **options}, Selection)
    return selection.choose(drafts, [], scores=known)


def kept(scores: list[Any], **options: Any) -> list[Any]:
    found = judged(scores, **options)
    return [score for score, one in zip(scores, found, strict=True) if one.outcome == Outcome.ACCEPTED]


def test_a_fixed_cut_keeps_what_reaches_it() -> None:
    assert kept([0.2, 0.8, 0.79, 1.0], at_least=0.8) == [0.8, 1.0]
    assert judged([0.2], at_least=0.8)[0].evidence == {"threshold": 0.8, "kept": 0, "of": 1}


@given(scores=SCORES, best=st.sampled_from([0.1, 0.25, 0.5, 0.75, 1.0]))
def test_a_share_keeps_so_many_and_the_best(scores: list[float], best: float) -> None:
    found = kept(scores, best=best)
    assert len(found) == -(-len(scores) * round(100 * best) // 100)
    assert sorted(found) == sorted(scores)[len(scores) - len(found) :]


def test_which_of_equals_are_kept_does_not_depend_on_their_order() -> None:
    drafts = [a_draft(i, question=f"{i}?") for i in range(12)]
    selection: Any = build({"use": "threshold", "best": 0.25}, Selection)
    scores = {draft.key: 1.0 for draft in drafts}

    def chosen(order: list[Draft]) -> set[str]:
        verdicts = zip(order, selection.choose(order, [], scores=scores), strict=True)
        return {draft.key for draft, verdict in verdicts if verdict.outcome == Outcome.ACCEPTED}

    assert chosen(drafts) == chosen(drafts[::-1])
    assert len(chosen(drafts)) == 3


@given(SCORES)
def test_a_strict_cut_is_lowered_only_where_nothing_passes_and_never_below_the_floor(scores: list[float]) -> None:
    cut = next((c / 100 for c in (85, 80, 75, 70, 65) if max(scores) >= c / 100), None)
    expected = [score for score in scores if cut is not None and score >= cut]
    assert kept(scores, at_least=0.85, floor=0.65) == expected


def test_every_group_has_its_own_cut() -> None:
    groups = [{"relation": name} for name in ("a", "a", "b", "b")]
    assert kept([0.9, 0.7, 0.7, 0.6], fields=groups, at_least=0.85, floor=0.65, by="relation") == [0.9, 0.7]
    assert kept([0.9, 0.8, 0.2, 0.1], fields=groups, best=0.5, by="relation") == [0.9, 0.2]


def test_a_draft_without_a_score_is_never_taken_for_a_bad_one() -> None:
    strict, lenient = judged([None, 0.9], at_least=0.5), judged([None, 0.9], at_least=0.5, unscored=True)
    assert [one.outcome for one in strict] == [Outcome.REJECTED, Outcome.ACCEPTED]
    assert [one.outcome for one in lenient] == [Outcome.ACCEPTED, Outcome.ACCEPTED]
    assert strict[0].reason == lenient[0].reason == "has no score"
    assert kept([None, 0.2, 0.4], best=0.5) == [0.4]


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({}, "say either `at_least`"),
        ({"at_least": 0.5, "best": 0.5}, "say either `at_least`"),
        ({"best": 0.5, "floor": 0.1}, "say `at_least` too"),
        ({"at_least": 0.5, "floor": 0.6}, "no less than `floor`"),
    ],
)
def test_ways_that_do_not_go_together_are_refused(options: dict[str, float], said: str) -> None:
    with pytest.raises(ValueError, match=said):
        build({"use": "threshold", **options}, Selection)


# --- in a recipe ----------------------------------------------------------------------------------------------------


def recipe(loop: Loop, scores: str, select: str = "{use: threshold, best: 0.5}") -> Any:
    """The demo's referee, and a selection behind it."""
    steps = (
        "[{step: solve, generate: write_solution, role: teacher, from: [tasks, basics], to: written}, "
        "{step: right_answer, judge: answer_match, from: written, to: right}, "
        "{step: referee, judge: {use: peer_review, above: 3}, role: teacher, from: right, to: sound, rejected_to: unsound}, "
        f"{{step: cut, select: {select}, {scores} from: [sound, unsound], to: lessons}}]"
    )
    return loop.recipe(f"lessons={steps}", "datasets.lessons.from=lessons", "stop.rounds=1")


async def test_a_step_goes_by_the_scores_of_the_step_that_it_names(loop: Loop, store: Store) -> None:
    run, _ = await loop.teach(recipe(loop, "scores: referee,"), store)
    given = {key: one.score for key, one in store.verdicts(run, "referee").items() if one.score is not None}
    cut = store.verdicts(run, "cut")
    accepted = [given[key] for key, one in cut.items() if one.outcome == Outcome.ACCEPTED]
    rejected = [given[key] for key, one in cut.items() if one.outcome == Outcome.REJECTED]
    assert {key: one.score for key, one in cut.items()} == {key: given[key] for key in cut}
    assert len(accepted) == -(-len(cut) // 2)
    assert min(accepted) >= max(rejected)


async def test_a_step_that_gives_no_scores_is_named_to_the_user(loop: Loop, store: Store) -> None:
    with pytest.raises(Exception, match=r"step 'right_answer' gave none of these .* a score"):
        await loop.teach(recipe(loop, "scores: right_answer,"), store)


@pytest.mark.parametrize(
    ("scores", "select", "said"),
    [
        ("", "{use: threshold, best: 0.5}", "say which step gave them with `scores:`"),
        ("scores: solve,", "{use: threshold, best: 0.5}", "not a judging or selecting step before it"),
        ("scores: cut,", "{use: threshold, best: 0.5}", "not a judging or selecting step before it"),
        ("scores: refere,", "{use: threshold, best: 0.5}", "Did you mean 'referee'"),
        ("scores: referee,", "exact_duplicates", "goes by no scores; remove `scores:`"),
    ],
)
def test_scores_of_nobody_are_refused_at_load(loop: Loop, scores: str, select: str, said: str) -> None:
    with pytest.raises(Exception, match=said):
        recipe(loop, scores, select)
