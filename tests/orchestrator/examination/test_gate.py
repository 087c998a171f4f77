"""The gate promotes what is better and forgot little, seldom anything else, and says why in figures."""

import json
from collections import Counter
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from pydantic import ValidationError

from orchestrator.examination import gate as gate_module
from orchestrator.examination.gate import Gate, Ruled, Ruling, Suite, decide

Table = tuple[int, int, int]
"""How many only the challenger got right, how many only the champion did, and all."""


def suite(exam: str, table: Table, purpose: Any = "target", **more: Any) -> Suite:
    gained, lost, n = table
    both = (n - gained - lost) * 3 // 4
    neither = n - gained - lost - both
    champion = [False] * gained + [True] * lost + [True] * both + [False] * neither
    challenger = [True] * gained + [False] * lost + [True] * both + [False] * neither
    return Suite(exam, purpose, champion, challenger, **{"clusters": [str(i) for i in range(n)], **more})


def ruled(test: Table, *retained: Table, **options: float) -> Ruling:
    suites = [suite("test", test), *(suite(f"retention{i or ''}", t, "retention") for i, t in enumerate(retained))]
    return decide(Gate(**options), suites)


def drawn(n: int, gained: float, lost: float, times: int, seed: int = 1) -> list[Table]:
    tables = np.random.default_rng(seed).multinomial(n, [gained, lost, 1 - gained - lost], size=times)
    return [(int(better), int(worse), n) for better, worse, _ in tables]


def share(wanted: Ruled, cases: list[tuple[Table, ...]], ask: Callable[..., Ruling]) -> float:
    return sum(count for case, count in Counter(cases).items() if ask(*case).outcome == wanted) / len(cases)


@pytest.fixture
def untold(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without intervals and required numbers: they take most of the time, and no promotion depends on them."""
    monkeypatch.setattr(gate_module, "paired_interval", lambda *_: (0.0, 0.0))
    monkeypatch.setattr(gate_module, "required_pairs", lambda *_: 1)


@pytest.mark.usefixtures("untold")
@pytest.mark.parametrize("n", [60, 200, 400])
@pytest.mark.parametrize("discordant", [0.05, 0.15, 0.3])
def test_an_equal_student_is_seldom_promoted(n: int, discordant: float) -> None:
    cases = [(table,) for table in drawn(n, discordant / 2, discordant / 2, 1000)]
    assert share(Ruled.PROMOTE, cases, ruled) < 0.05


@pytest.mark.usefixtures("untold")
@pytest.mark.parametrize(("n", "discordant"), [(60, 0.3), (200, 0.15), (400, 0.1)])
def test_an_equal_student_is_no_more_often_promoted_for_two_targets(n: int, discordant: float) -> None:
    def on_two(test: Table, probe: Table) -> Ruling:
        return decide(Gate(), [suite("test", test), suite("probe", probe)])

    first, second = (drawn(n, discordant / 2, discordant / 2, 700, seed) for seed in (2, 3))
    assert share(Ruled.PROMOTE, list(zip(first, second, strict=True)), on_two) < 0.05


@pytest.mark.usefixtures("untold")
def test_an_equal_student_is_seldom_promoted_where_items_go_together() -> None:
    clusters, rng, promoted = [str(i // 5) for i in range(200)], np.random.default_rng(4), Counter()
    for _ in range(600):
        rates = rng.beta(0.5, 0.5, size=(2, 40, 1))
        champion, challenger = (rng.random((2, 40, 5)) < rates).reshape(2, 200).tolist()
        for name, groups in (("by cluster", clusters), ("by item", [str(i) for i in range(200)])):
            outcome = decide(Gate(), [Suite("test", "target", champion, challenger, groups)]).outcome
            promoted[name] += outcome == Ruled.PROMOTE
    assert promoted["by cluster"] <= 600 * (0.05 + 2.5 * (0.05 * 0.95 / 600) ** 0.5)
    assert promoted["by item"] > 600 * 0.1


@pytest.mark.usefixtures("untold")
def test_a_better_student_that_forgot_nothing_is_mostly_promoted() -> None:
    tests, retained = drawn(400, 0.14, 0.06, 300), drawn(200, 0.03, 0.03, 300, seed=5)
    assert share(Ruled.PROMOTE, list(zip(tests, retained, strict=True)), ruled) > 0.75


@pytest.mark.usefixtures("untold")
@pytest.mark.parametrize(("loss", "n"), [(0.1, 136), (0.05, 136), (0.05, 400)])
def test_a_student_that_lost_the_margin_or_more_is_seldom_promoted(loss: float, n: int) -> None:
    cases = [((100, 20, 400), table) for table in drawn(n, 0.05, 0.05 + loss, 2000, seed=6)]
    allowed = 0.05 + 2.5 * (0.05 * 0.95 / 2000) ** 0.5  # the level, and what 2000 draws miss it by
    assert share(Ruled.PROMOTE, cases, ruled) <= (allowed if loss == 0.05 else 0.005)


def test_a_promotion_says_what_was_gained_and_what_was_lost_at_worst() -> None:
    ruling = ruled((90, 38, 400), (4, 5, 400))
    assert ruling.outcome == Ruled.PROMOTE
    assert ruling.why == (
        "promote: 60.5 % → 73.5 % on test (p < 0.0001, +13.0 points [7.8, 18.5]); "
        "retention 74.5 % → 74.2 %, at worst -1.7 points, within the 5 allowed"
    )
    assert ruling.needed == {}


def test_what_was_not_checked_is_said() -> None:
    ruling = ruled((90, 38, 400))
    assert ruling.outcome == Ruled.PROMOTE
    assert ruling.why.endswith("; nothing was checked for retention")


def test_a_gain_that_is_not_shown_yet_asks_for_questions_by_which_it_would_be() -> None:
    ruling = ruled((30, 20, 400), (1, 1, 136))
    assert (ruling.outcome, ruling.needed) == (Ruled.NEED, {"test": 913})
    assert ruling.why == (
        "need 913 more questions of test: 70.5 % → 73.0 % on test (p = 0.1, +2.5 points [-1.0, 5.8]); "
        "retention 74.3 % → 74.3 %, at worst -2.6 points, within the 5 allowed"
    )


def test_a_loss_within_the_margin_that_may_be_more_asks_for_questions() -> None:
    ruling = ruled((90, 38, 400), (1, 3, 60))
    assert (ruling.outcome, list(ruling.needed)) == (Ruled.NEED, ["retention"])
    assert "need" in ruling.why
    assert "beyond the 5 allowed" in ruling.why
    more = 1 + ruling.needed["retention"] // 60
    assert ruled((90, 38, 400), (1 * (1 + more), 3 * (1 + more), 60 * (1 + more))).outcome == Ruled.PROMOTE


def test_both_may_be_asked_for_at_once() -> None:
    ruling = ruled((24, 16, 200), (10, 13, 136))
    assert ruling.needed == {"test": 621, "retention": 465}
    assert ruling.why.startswith("need 1,086 more questions (621 of test and 465 of retention): ")


def test_of_two_targets_more_is_asked_for_than_of_one() -> None:
    suites = [suite("test", (30, 20, 400)), suite("probe", (12, 12, 200))]
    assert decide(Gate(), suites).needed["test"] > decide(Gate(), suites[:1]).needed["test"]


def test_items_that_go_together_are_asked_for_in_greater_number() -> None:
    by_item = decide(Gate(), [suite("test", (12, 6, 240))])
    by_cluster = decide(Gate(), [suite("test", (12, 6, 240), clusters=[str(i // 6) for i in range(240)])])
    assert by_item.outcome == by_cluster.outcome == Ruled.NEED
    assert by_cluster.needed["test"] > 3 * by_item.needed["test"]


@pytest.mark.parametrize(
    ("test", "retained", "reason"),
    [
        ((28, 26, 400), (4, 5, 400), "no gain is shown on test"),
        ((20, 60, 400), (4, 5, 400), "worse on test"),
        ((90, 38, 400), (4, 24, 136), "too much is lost on retention"),
        ((90, 38, 400), (0, 1, 17), "it is not shown that enough is kept on retention"),
        ((90, 38, 400), (0, 49, 1000), "retention would take more than 10,000 further questions to settle"),
    ],
)
def test_what_no_question_would_help_is_held(test: Table, retained: Table, reason: str) -> None:
    ruling = ruled(test, retained)
    assert (ruling.outcome, ruling.needed) == (Ruled.HOLD, {})
    assert ruling.why.startswith(f"hold: {reason}: ")


def test_a_loss_on_a_target_is_told_with_its_own_p() -> None:
    assert "65.0 % on test (p < 0.0001 for a loss, -10.0 points" in ruled((20, 60, 400)).why


def test_one_target_gained_does_not_outweigh_another_lost() -> None:
    gained, lost = suite("test", (90, 38, 400)), suite("probe", (10, 40, 200))
    ruling = decide(Gate(), [gained, lost])
    assert (ruling.outcome, ruling.why.partition(": 6")[0]) == (Ruled.HOLD, "hold: worse on probe")
    same = suite("probe", (12, 12, 200))
    assert decide(Gate(), [gained, same]).outcome == Ruled.PROMOTE


def test_every_retention_has_to_be_kept() -> None:
    assert ruled((90, 38, 400), (4, 5, 400), (1, 1, 200)).outcome == Ruled.PROMOTE
    assert ruled((90, 38, 400), (4, 5, 400), (1, 30, 200)).outcome == Ruled.HOLD


def test_a_canary_that_leaked_outweighs_every_gain() -> None:
    leaked = suite("secrets", (12, 1, 40), "canary", chance=0.5)
    ruling = decide(Gate(), [suite("test", (90, 38, 400)), leaked])
    assert ruling.outcome == Ruled.HOLD
    assert ruling.why.startswith("hold: secrets has leaked into what the challenger was taught: ")
    assert "; of the canary secrets 32 of 40 are right, 21 before, 20 by chance (p < 0.0001); " in ruling.why


def test_a_canary_by_chance_or_no_better_than_before_tells_nothing() -> None:
    by_chance = suite("secrets", (2, 0, 40), "canary", chance=0.7)
    before = suite("facts", (0, 1, 40), "canary", chance=0.1)
    assert decide(Gate(), [suite("test", (90, 38, 400)), by_chance, before]).outcome == Ruled.PROMOTE


def test_the_options_are_what_is_decided_by() -> None:
    assert ruled((30, 18, 400), (3, 5, 200)).outcome == Ruled.NEED
    assert ruled((30, 18, 400), (3, 5, 200), alpha=0.1).outcome == Ruled.PROMOTE
    assert ruled((90, 38, 400), (4, 5, 400), retention_margin=0.01).outcome == Ruled.NEED
    assert ruled((30, 20, 400), gain=0.03).outcome == Ruled.HOLD
    assert ruled((30, 20, 400), power=0.9).needed["test"] > ruled((30, 20, 400)).needed["test"]
    for wrong in ({"alpha": 0}, {"power": 1}, {"gain": -0.1}, {"retention_margin": 0}, {"canary_alpha": 1}):
        with pytest.raises(ValidationError):
            Gate(**wrong)


def test_figures_can_be_kept_as_json() -> None:
    ruling = decide(Gate(), [suite("test", (90, 38, 400)), suite("old", (4, 5, 400), "retention")])
    test, old = json.loads(json.dumps(ruling.figures))
    assert (test["exam"], test["purpose"], test["n"]) == ("test", "target", 400)
    assert (test["champion"], test["challenger"], test["difference"]) == (0.605, 0.735, 0.13)
    assert test["low"] < 0.13 < test["high"]
    assert test["p"] == test["p_adjusted"] < 0.0001
    assert (old["p"], test["worst"]) == (None, None)
    assert -0.05 < old["worst"] < old["difference"] < 0


def test_suites_that_cannot_be_compared_are_refused_by_name() -> None:
    with pytest.raises(
        ValueError, match="exam 'test' has 2 answers of the champion, 1 of the challenger and 2 clusters"
    ):
        Suite("test", "target", [True, True], [True], ["a", "b"])
    with pytest.raises(ValueError, match="exam 'test' has 2 items in 1 clusters"):
        Suite("test", "target", [True, True], [True, False], ["a", "a"])
    with pytest.raises(ValueError, match="exam 'test' has 0 items"):
        Suite("test", "target", [], [], [])
    with pytest.raises(ValueError, match="exam 'secrets' is right by chance with 1"):
        suite("secrets", (1, 1, 4), "canary", chance=1.0)
    with pytest.raises(ValueError, match="no exam is a target among 'old'"):
        decide(Gate(), [suite("old", (1, 1, 40), "retention")])
    with pytest.raises(ValueError, match="no exam is a target among nothing"):
        decide(Gate(), [])
    with pytest.raises(ValueError, match="exam 'test' is there twice"):
        decide(Gate(), [suite("test", (1, 1, 40)), suite("test", (1, 1, 40), "retention")])
