"""The court: who may judge, and what a judge's shares are worth once its errors are taken out. Chance is seeded."""

from collections.abc import Iterator
from dataclasses import replace
from functools import lru_cache
from itertools import product

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from agents.critics.sound_reasoning import SoundReasoning
from agents.kinds import Refused, Unanswered, UnreadableReply
from orchestrator.examination.court import (
    Bar,
    Calibration,
    Case,
    Measured,
    calibrate,
    corrected,
    hear,
    refusals,
)
from orchestrator.examination.statistics import wilson_interval
from storage.records import Draft
from tests.conftest import ScriptedTeacher

wilson = lru_cache(wilson_interval)


def case(number: int, truth: bool, verdict: bool | None, **more: object) -> Case:
    whole = Case(str(number), truth, verdict, flipped=None, length=100, family="")
    return replace(whole, **more)  # type: ignore[arg-type]


def counted(tp: int, fn: int, tn: int, fp: int, unreadable: int = 0) -> list[Case]:
    """Cases with these counts, all of one length."""
    kinds = [(True, True)] * tp + [(True, False)] * fn + [(False, False)] * tn + [(False, True)] * fp
    said = [(truth, verdict) for truth, verdict in kinds] + [(True, None)] * unreadable
    return [case(number, truth, verdict) for number, (truth, verdict) in enumerate(said)]


def with_counts(tp: int, good: int, tn: int, bad: int) -> Calibration:
    """The same without what `corrected` does not read, which takes longest to work out."""
    shares = Measured(tp / good, 0, 1), Measured(tn / bad, 0, 1)
    return Calibration(tp, good - tp, bad - tn, tn, 0, *shares, None, None, None)


def judged(rng: np.random.Generator, n: int, right: float, liking: float = 0.0, own: float = 0.0) -> list[Case]:
    """Cases of a judge that is right about this share; `liking` and `own` are added to its log odds of acceptance, the
    one for a standard deviation of length, the other for what was written by qwen. Bad items are longer."""
    good = np.arange(n) % 2 == 0
    length = rng.lognormal(6, 0.5, n) * np.where(good, 1.0, 1.5)
    of_own = rng.random(n) < 0.4
    odds = np.where(good, 1, -1) * np.log(right / (1 - right))
    odds = odds + liking * (length - length.mean()) / length.std() + own * of_own
    said = rng.random(n) < 1 / (1 + np.exp(-odds))
    return [
        case(i, bool(good[i]), bool(said[i]), length=int(length[i]), family="qwen" if of_own[i] else "gpt")
        for i in range(n)
    ]


# --- what is measured -----------------------------------------------------------------------------------------------


def test_both_kinds_of_error_are_counted() -> None:
    found = calibrate(counted(tp=18, fn=2, tn=21, fp=9))
    assert (found.true_positives, found.false_negatives, found.true_negatives, found.false_positives) == (18, 2, 21, 9)
    assert found.sensitivity == Measured(0.9, *wilson_interval(18, 20))
    assert found.specificity == Measured(0.7, *wilson_interval(21, 30))
    assert found.youden == pytest.approx(0.6)
    assert (found.n, found.good, found.bad) == (50, 20, 30)


def test_an_unreadable_verdict_is_neither_right_nor_wrong() -> None:
    without, some = (calibrate(counted(18, 2, 21, 9, unreadable=n)) for n in (0, 25))
    assert some == replace(without, unreadable=25)


def test_of_no_cases_nothing_is_known() -> None:
    found = calibrate([case(1, True, None)], "qwen")
    assert found == Calibration(0, 0, 0, 0, 1, None, None, None, None, None)
    assert found.youden is None


def test_a_case_that_comes_twice_is_refused() -> None:
    with pytest.raises(ValueError, match="1 cases come more than once, '1' first; expected each once"):
        calibrate([case(1, True, True), case(1, True, True), case(2, False, True)])


def test_flips_are_counted_of_the_cases_that_were_shown_in_both_orders() -> None:
    cases = [case(i, True, True, flipped=i < 3) for i in range(10)] + counted(0, 0, 5, 0)
    found = calibrate([replace(c, key=str(i)) for i, c in enumerate(cases)])
    assert found.flips == Measured(0.3, *wilson_interval(3, 10))


@pytest.mark.parametrize("liking", [1.5, -1.5])
def test_a_liking_for_length_has_its_sign(liking: float) -> None:
    slope = calibrate(judged(np.random.default_rng(1), 200, 0.8, liking=liking)).length_slope
    assert slope is not None
    assert slope.low < liking < slope.high
    assert slope.low * slope.high > 0
    assert np.sign(slope.estimate) == np.sign(liking)


@pytest.mark.parametrize(("n", "right"), [(40, 0.8), (100, 0.8), (100, 0.99)])
def test_an_unbiased_judge_is_rarely_held_to_be_swayed(n: int, right: float) -> None:
    rng, bar = np.random.default_rng(2), Bar(youden=0.01)
    refused = [bool(refusals(calibrate(judged(rng, n, right), "qwen"), bar)) for _ in range(100)]
    assert np.mean(refused) <= 0.12  # length and family, 5 % each, and the chance of this test


def test_a_swayed_judge_is_found_out_with_enough_cases() -> None:
    rng, bar = np.random.default_rng(3), Bar(youden=0.01)
    for bias, word in (({"liking": 1.5}, "prefers long texts"), ({"own": 2.0}, "own family")):
        found = [" ".join(refusals(calibrate(judged(rng, 200, 0.75, **bias), "qwen"), bar)) for _ in range(40)]
        assert np.mean([word in said for said in found]) > 0.9


def test_a_judge_without_an_error_has_a_slope_of_some_size_and_is_not_refused_for_it() -> None:
    # Truth and length go together here and every good item is accepted: without the ridge there is no finite slope.
    cases = [case(i, i < 30, i < 30, length=2000 - 20 * i) for i in range(60)]
    slope = calibrate(cases).length_slope
    assert slope is not None
    assert abs(slope.estimate) < 5
    assert refusals(calibrate(cases), Bar()) == []


def test_a_judge_that_goes_by_length_alone_has_a_finite_slope_and_is_refused() -> None:
    cases = [case(i, i % 2 == 0, i >= 30, length=100 + 10 * i) for i in range(60)]
    slope = calibrate(cases).length_slope
    assert slope is not None
    assert 0 < slope.low < slope.high < 20
    assert any("prefers long texts" in why for why in refusals(calibrate(cases), Bar()))


def test_texts_of_one_length_say_nothing_of_length() -> None:
    assert calibrate(counted(10, 5, 10, 5)).length_slope is None


def test_preference_is_for_its_own_family_and_not_for_what_is_better() -> None:
    # The own family writes far more that is good; of the good and of the bad, as much is accepted as of the others.
    own = [(True, True)] * 72 + [(True, False)] * 8 + [(False, False)] * 9 + [(False, True)] * 1
    others = [(True, True)] * 9 + [(True, False)] * 1 + [(False, False)] * 72 + [(False, True)] * 8
    said = [(*pair, "qwen") for pair in own] + [(*pair, "gpt") for pair in others]
    cases = [case(i, truth, verdict, family=who) for i, (truth, verdict, who) in enumerate(said)]
    found = calibrate(cases, "qwen").own_family
    assert found is not None
    assert found.estimate == pytest.approx(0.0, abs=1e-12)
    assert found.low < 0 < found.high
    assert calibrate(cases).own_family is None
    assert calibrate(cases, "claude").own_family is None


# --- who may judge --------------------------------------------------------------------------------------------------


def test_a_good_judge_may_judge() -> None:
    assert refusals(calibrate(counted(45, 5, 45, 5)), Bar()) == []


@pytest.mark.parametrize(("counts", "what"), [((50, 0, 0, 50), "100% of the good"), ((0, 50, 50, 0), "0% of the good")])
def test_a_judge_that_says_always_the_same_is_refused(counts: tuple[int, int, int, int], what: str) -> None:
    (why,) = refusals(calibrate(counted(*counts)), Bar())
    assert what in why
    assert "Youden index of 0.00; expected at least 0.50; choose a stronger judge" in why


def test_too_few_cases_are_said_of_all_of_the_good_and_of_the_bad() -> None:
    found = refusals(calibrate(counted(9, 0, 9, 0, unreadable=20)), Bar())
    assert [why.partition(";")[0] for why in found] == [
        f"it gave verdicts on {what} (20 more could not be read)"
        for what in ("18 cases", "9 good cases", "9 bad cases")
    ]
    assert refusals(calibrate(counted(9, 0, 9, 0)), Bar(cases=18, of_either=9)) == []


def test_a_judge_of_no_cases_is_refused() -> None:
    assert len(refusals(calibrate([]), Bar())) == 3


def test_a_judge_swayed_by_order_is_refused() -> None:
    cases = [replace(c, flipped=i % 2 == 0) for i, c in enumerate(counted(45, 5, 45, 5))]
    (why,) = refusals(calibrate(cases), Bar())
    assert "50% of pairs otherwise in the other order; expected at most 25%" in why
    assert refusals(calibrate(cases), Bar(flips=0.5)) == []


@pytest.mark.parametrize(
    ("slope", "says"),
    [
        (Measured(0.8, 0.1, 1.5), "long texts"),
        (Measured(-0.8, -1.5, -0.1), "short texts"),
        (Measured(0.8, -0.1, 1.7), ""),
        (Measured(0.4, 0.3, 0.5), ""),
    ],
)
def test_a_slope_counts_if_it_is_both_large_and_sure(slope: Measured, says: str) -> None:
    found = refusals(replace(with_counts(45, 50, 45, 50), length_slope=slope), Bar())
    assert len(found) == bool(says)
    assert says in "".join(found)


@pytest.mark.parametrize(
    ("own", "refused"),
    [
        (Measured(0.2, 0.05, 0.35), True),
        (Measured(0.2, -0.05, 0.45), False),
        (Measured(0.05, 0.01, 0.09), False),
        (Measured(-0.3, -0.4, -0.2), False),
    ],
)
def test_a_preference_counts_if_it_is_both_large_and_sure(own: Measured, refused: bool) -> None:
    found = refusals(replace(with_counts(45, 50, 45, 50), own_family=own), Bar())
    assert ["20 points more often" in why for why in found] == [True] * refused


# --- what its shares are worth --------------------------------------------------------------------------------------

ABILITIES = [(0.7, 0.7), (0.7, 0.95), (0.95, 0.7), (0.8, 0.85), (0.95, 0.95)]
GRID = list(product((0.2, 0.4, 0.6, 0.9), ABILITIES, (50, 100, 200)))


def simulated(cell: tuple[float, tuple[float, float], int], times: int = 250) -> Iterator[tuple[int, Calibration]]:
    """Of 400 judged items, how many were accepted, and the calibration of that judge."""
    prevalence, (sensitivity, specificity), n = cell
    rng = np.random.default_rng(GRID.index(cell))
    accepted = rng.binomial(400, prevalence * sensitivity + (1 - prevalence) * (1 - specificity), times)
    tp, tn = rng.binomial(n // 2, sensitivity, times), rng.binomial(n // 2, specificity, times)
    for k, p, q in zip(accepted.tolist(), tp.tolist(), tn.tolist(), strict=True):
        if p + q > n // 2:  # else the judge is refused, and nothing corrected
            yield k, with_counts(p, n // 2, q, n // 2)


def test_the_corrected_share_lies_in_its_interval_and_the_raw_one_does_not() -> None:
    held, raw = {}, {}
    for cell in GRID:
        found = [(corrected(k, 400, calibration), wilson(k, 400)) for k, calibration in simulated(cell)]
        assert len(found) > 245
        held[cell] = np.mean([share.low <= cell[0] <= share.high for share, _ in found])
        raw[cell] = np.mean([low <= cell[0] <= high for _, (low, high) in found])
    assert {cell: share for cell, share in held.items() if share < 0.9} == {}
    assert np.mean(list(held.values())) > 0.94
    assert np.mean(list(raw.values())) < 0.5


def test_the_corrected_share_is_right_in_the_mean() -> None:
    cell = (0.4, (0.8, 0.85), 200)
    found = [corrected(k, 400, calibration).estimate for k, calibration in simulated(cell)]
    assert np.mean(found) == pytest.approx(0.4, abs=0.02)


def test_a_judge_that_is_never_wrong_is_not_corrected() -> None:
    found = corrected(30, 100, with_counts(1000, 1000, 1000, 1000))
    low, high = wilson_interval(30, 100)
    assert found.estimate == pytest.approx(0.3)
    assert (found.low, found.high) == pytest.approx((low, high), abs=0.01)


def test_the_interval_is_that_of_the_paper() -> None:
    # Worked out apart from the formulas as the R package asht (prevSeSp) has them.
    found = corrected(60, 100, with_counts(18, 20, 21, 30))
    assert (found.low, found.high) == pytest.approx((0.2517751, 0.7704145), abs=1e-7)


def test_where_all_but_nothing_is_known_of_the_bad_the_interval_still_holds_the_estimate() -> None:
    found = corrected(66, 411, with_counts(52, 52, 1, 1))
    assert found.estimate == found.high == pytest.approx(66 / 411)


def test_fewer_cases_make_a_wider_interval() -> None:
    few, many = (corrected(50, 100, with_counts(8 * n, 10 * n, 8 * n, 10 * n)) for n in (2, 20))
    assert few.high - few.low > many.high - many.low


@given(st.integers(1, 60), st.integers(1, 60), st.integers(1, 500), st.data())
def test_a_corrected_share_is_a_share_within_its_interval(good: int, bad: int, n: int, data: st.DataObject) -> None:
    tp, tn = data.draw(st.integers(0, good)), data.draw(st.integers(0, bad))
    calibration = with_counts(tp, good, tn, bad)
    accepted = data.draw(st.integers(0, n))
    if tp * bad + tn * good <= good * bad:
        with pytest.raises(ValueError, match="expected more than 1"):
            corrected(accepted, n, calibration)
    else:
        found = corrected(accepted, n, calibration)
        assert 0 <= found.low <= found.estimate <= found.high <= 1


@given(st.integers(0, 50), st.integers(26, 50), st.integers(16, 30))
def test_what_is_good_and_what_is_bad_may_change_places(accepted: int, tp: int, tn: int) -> None:
    share = corrected(accepted, 50, with_counts(tp, 50, tn, 30))
    other = corrected(50 - accepted, 50, with_counts(tn, 30, tp, 50))
    assert (share.estimate, share.low, share.high) == pytest.approx((1 - other.estimate, 1 - other.high, 1 - other.low))


def test_a_judge_of_whom_nothing_is_known_corrects_nothing() -> None:
    with pytest.raises(ValueError, match="sensitivity \\+ specificity is unknown; expected more than 1"):
        corrected(1, 2, calibrate(counted(5, 1, 0, 0)))


@pytest.mark.parametrize(("accepted", "n"), [(3, 2), (-1, 2), (0, 0)])
def test_what_is_no_share_is_not_corrected(accepted: int, n: int) -> None:
    with pytest.raises(ValueError, match="is no share"):
        corrected(accepted, n, with_counts(9, 10, 9, 10))


# --- a judge's scores beside some labels ----------------------------------------------------------------------------


def scored(rng: np.random.Generator, known: float, n: int = 60, whole: int = 1000) -> tuple[list[float], ...]:
    """Truth of prevalence 0.7, and scores that follow it as far as `known` says and are too low throughout."""
    truth = (rng.random(whole) < 0.7).astype(float)
    scores = 0.6 * (known * truth + (1 - known) * rng.random(whole))
    return scores.tolist(), scores[:n].tolist(), truth[:n].tolist()


# --- the hearing ----------------------------------------------------------------------------------------------------


def draft(question: str, producer: str = "write_solution@1 gpt-5-mini") -> Draft:
    facts = {"run": "r", "round": 1, "step": "s", "kind": "solution", "split_key": question, "producer": producer}
    return Draft.new(**facts, fields={"question": question, "rationale": "1 + 1 = 2", "answer": "2"})


async def test_every_draft_becomes_a_case_in_order() -> None:
    replies = {"sound": {"reason": "", "sound": True}, "wrong": {"reason": "no", "sound": False}}
    replies["odd"], replies["shy"] = UnreadableReply("not JSON", "call"), Refused("no", "call")
    teacher = ScriptedTeacher(
        lambda prompt, form, sample: next(said for word, said in replies.items() if word in prompt[-99:])
    )
    items = [
        (draft("is wrong"), False),
        (draft("is sound", producer="given_solution@1"), True),
        (draft("is odd"), True),
        (draft("is shy"), False),
    ]
    found = await hear(SoundReasoning(use="sound_reasoning"), teacher, items)
    assert [(c.key, c.truth) for c in found] == [(d.key, truth) for d, truth in items]
    assert [c.verdict for c in found] == [False, True, None, None]
    assert [c.family for c in found] == ["gpt", "", "gpt", "gpt"]
    assert [c.flipped for c in found] == [None] * 4
    assert found[0].length == len("is wrong") + len("1 + 1 = 2") + len("2")
    assert calibrate(found).unreadable == 2


@pytest.mark.parametrize("error", [Unanswered("timed out"), RuntimeError("a mistake in the critic")])
async def test_other_errors_are_no_verdicts(error: Exception) -> None:
    teacher = ScriptedTeacher(lambda prompt, form, sample: error)
    with pytest.raises(type(error), match=str(error)):
        await hear(SoundReasoning(use="sound_reasoning"), teacher, [(draft("a"), True), (draft("b"), False)])
