"""A scorecard's figures, from attempts whose figures are known."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orchestrator.examination.scoring import by_item, novelty, scorecard
from orchestrator.examination.statistics import clustered_interval, wilson_interval
from storage.records import Attempt, Scorecard, Student

STUDENT = Student.new(run="r", round=1, job="student", base="embedded", base_digest="d", key="s1")


def attempt(question: str, answer: str | None, sample: int = 0, **facts: Any) -> Attempt:
    """An answer of 7 is right."""
    known = {"skill": "", "split_key": question, "gold": "7", "right": answer == "7", **facts}
    return Attempt.new(
        run="r",
        round=1,
        student="s1",
        exam="probe",
        question=question,
        reply="…",
        answer=answer,
        sample=sample,
        **known,
    )


def samples(question: str, *answers: str | None, **facts: Any) -> list[Attempt]:
    return [attempt(question, answer, number, **facts) for number, answer in enumerate(answers)]


def card(*attempts: Attempt) -> Scorecard:
    return scorecard("r", STUDENT, "probe", attempts)


# --- accuracy -------------------------------------------------------------------------------------------------------


def test_questions_of_their_own_have_wilsons_interval_and_each_skill_its_score() -> None:
    found = card(*(attempt(f"{i}?", "7" if i < 6 else "8", skill="trip" if i < 4 else "film") for i in range(8)))
    assert (found.n, found.accuracy) == (8, 0.75)
    assert (found.low, found.high) == wilson_interval(6, 8)
    assert found.skills["trip"]["accuracy"] == 1
    assert found.skills["film"] == {
        "n": 4,
        "accuracy": 0.5,
        **dict(zip(("low", "high"), wilson_interval(2, 4), strict=True)),
    }


def test_an_item_counts_by_the_share_of_its_samples_that_is_right() -> None:
    found = card(*samples("a?", "7", "7", "7", "8"), *samples("b?", "8", "8", "8", "8"))
    assert (found.n, found.accuracy) == (2, 0.375)
    assert found.low <= 0.375 <= found.high


def test_an_item_with_more_samples_counts_no_more() -> None:
    assert card(*samples("a?", "7"), *samples("b?", "8", "8", "8")).accuracy == 0.5


def test_items_of_one_cluster_widen_the_interval() -> None:
    rights = [True] * 4 + [False] * 4 + [True] * 8 + [False] * 8
    alone = card(*(attempt(f"{i}?", "7" if right else "8") for i, right in enumerate(rights)))
    together = card(
        *(attempt(f"{i}?", "7" if right else "8", split_key=f"fact {i // 4}") for i, right in enumerate(rights))
    )
    assert alone.accuracy == together.accuracy == 0.5
    assert together.high - together.low > alone.high - alone.low
    expected = clustered_interval([float(right) for right in rights], [f"fact {i // 4}" for i in range(len(rights))])
    assert (together.low, together.high) == expected


@given(st.lists(st.tuples(st.integers(0, 5), st.integers(0, 3), st.booleans()), min_size=1, max_size=30))
def test_the_interval_holds_the_accuracy_and_stays_a_share(rows: list[tuple[int, int, bool]]) -> None:
    attempts = [
        attempt(f"{item}?", "7" if r else "8", i, split_key=f"k{item % 3}") for i, (item, _, r) in enumerate(rows)
    ]
    found = card(*attempts)
    assert 0 <= found.low <= found.accuracy <= found.high <= 1
    assert found.n == len(by_item(attempts))


def test_no_attempt_is_no_score() -> None:
    with pytest.raises(ValueError, match=r"exam 'probe': not one reply of student:.* could be graded"):
        card()


# --- measures -------------------------------------------------------------------------------------------------------


def test_pass_at_k_is_the_chance_that_one_of_k_samples_is_right() -> None:
    measures = card(*samples("a?", "7", "8", "8", "8")).measures
    assert [measures[f"pass@{k}"] for k in (1, 2, 4)] == [0.25, 0.5, 1.0]
    assert "pass@8" not in measures


def test_the_majority_answer_and_its_share_are_by_meaning_and_not_by_spelling() -> None:
    right = samples("a?", "7", "7.0", "seven", "8")
    for one in right[:3]:
        one.right = True
    measures = card(*right, *samples("b?", "9", "9", "7", "8")).measures
    assert measures["majority"] == 0.5
    assert measures["agreement"] == (0.75 + 0.5) / 2


def test_replies_without_an_answer_are_no_right_majority() -> None:
    measures = card(*samples("a?", None, None, None, "7")).measures
    assert (measures["majority"], measures["agreement"]) == (0, 0.75)


def test_one_sample_has_no_majority_and_no_pass_at_k() -> None:
    assert not {"majority", "agreement", "pass@1"} & card(*samples("a?", "7")).measures.keys()


def test_calibration_compares_confidence_with_being_right() -> None:
    sure = [attempt(f"{i}?", "7" if i < 5 else "8", confidence=0.8) for i in range(10)]
    measures = card(*sure).measures
    assert measures["calibration_error"] == pytest.approx(0.3)
    assert measures["brier"] == pytest.approx((5 * 0.04 + 5 * 0.64) / 10)


def test_of_several_samples_the_share_of_the_majority_is_the_confidence() -> None:
    measures = card(*samples("a?", "7", "7", "7", "8", confidence=0.1)).measures
    assert measures["calibration_error"] == pytest.approx(0.25)


def test_an_unknown_confidence_is_left_out_and_never_a_number() -> None:
    assert "brier" not in card(attempt("a?", "7")).measures
    assert card(attempt("a?", "7", confidence=1.0), attempt("b?", "8")).measures["brier"] == 0


def test_length_share_that_ended_and_a_judges_score_are_means() -> None:
    measures = card(
        attempt("a?", "7", tokens=10, finished=True, score=4.0), attempt("b?", "8", tokens=30, finished=False)
    ).measures
    assert (measures["tokens"], measures["ended"], measures["score"]) == (20, 0.5, 4)


def test_what_else_is_known_is_among_the_measures() -> None:
    found = scorecard("r", STUDENT, "probe", samples("a?", "7"), {"corrected": 1 / 3})
    assert found.measures["corrected"] == 0.333333


def test_novelty_is_the_share_of_right_answers_that_no_lesson_taught() -> None:
    said = [
        attempt(f"{i}?", answer, right=i < 4) for i, answer in enumerate(["to eat", "to eat", "A rest", "sleep", "x"])
    ]
    assert novelty(said, ["To eat.", "x", "to pay"]) == 0.5
    assert novelty(said[4:], []) is None
