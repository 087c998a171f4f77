"""Comparing arms: how they are said, what is paired with what, and the page that shows it."""

import json
from pathlib import Path
from typing import Any

import pytest

from orchestrator.comparison import (
    Arm,
    Comparison,
    Point,
    Result,
    arm_recipe,
    arm_recipes,
    compare,
    paired,
    parse_arms,
    parse_budget,
)
from orchestrator.recipe_text import RecipeError
from orchestrator.report.comparison_page import write_comparison

EVIL = "demo+about=<script>alert('x')</script>"


def a_result(arm: str, right: int, seed: int = 0, n: int = 60, retention: float | None = None) -> Result:
    questions = [f"q{i}" for i in range(n)]
    return Result(
        arm=arm,
        seed=seed,
        run=f"{arm} {seed}",
        spent=100.0,
        points=(Point(0, 0.0, 0.0, 0.0, 0.1), Point(1, 100.0, right / n, 0.0, 1.0)),
        rights={q: i < right for i, q in enumerate(questions)},
        clusters={q: q for q in questions},
        skills={q: ("a", "b")[i % 2] for i, q in enumerate(questions)},
        retention=retention,
    )


# --- how arms and budgets are said ----------------------------------------------------------------------------------


def test_an_arm_is_a_recipe_with_edits_after_those_of_all() -> None:
    assert parse_arms(["demo", "demo+a.b=c=d+e=2"], ["x=1"]) == [
        Arm("demo", "demo", ("x=1",)),
        Arm("demo+a.b=c=d+e=2", "demo", ("x=1", "a.b=c=d", "e=2")),
    ]


@pytest.mark.parametrize("texts", [[], ["demo"], ["demo", "demo"], ["demo", "demo+x"], ["demo", "+a=1"]])
def test_what_is_no_pair_of_arms_is_refused(texts: list[str]) -> None:
    with pytest.raises(RecipeError, match=r"e\.g\. demo.*\+"):
        parse_arms(texts)


def test_two_arms_that_are_one_method_are_refused() -> None:
    with pytest.raises(RecipeError, match=r"'demo' and 'demo\+stop.rounds=2' are the same method"):
        arm_recipes(parse_arms(["demo", "demo+stop.rounds=2"]), 0, "calls", None)
    assert len(arm_recipes(parse_arms(["demo", "demo+stop.rounds=3"]), 0, "calls", 2000)) == 2


def test_a_seed_of_its_own_would_make_all_seeds_of_an_arm_one_run() -> None:
    with pytest.raises(RecipeError, match="sets `seed` itself"):
        parse_arms(["demo", "demo+seed=3"])


@pytest.mark.parametrize(
    ("text", "budget"),
    [(None, ("calls", None)), ("calls=20", ("calls", 20)), ("usd=0.5", ("usd", 0.5)), ("tokens=2e6", ("tokens", 2e6))],
)
def test_a_budget_is_a_currency_and_a_cap(text: str | None, budget: Any) -> None:
    assert parse_budget(text) == budget


@pytest.mark.parametrize(
    "text", ["20", "calls", "calls=", "calls=0", "calls=0.5", "euro=3", "usd=-1", "usd=nan", "calls=inf"]
)
def test_what_is_no_budget_is_refused(text: str) -> None:
    with pytest.raises(RecipeError, match="one of usd, calls or tokens and an amount"):
        parse_budget(text)


@pytest.mark.parametrize(
    ("currency", "cap", "name"), [("tokens", 2e6, "demo-at-2000000-tokens"), ("usd", 0.5, "demo-at-0_5-usd")]
)
def test_an_arm_with_a_cap_is_a_run_of_its_own_and_counts_what_others_bought(
    currency: str, cap: float, name: str
) -> None:
    recipe = arm_recipe(Arm("demo", "demo"), 3, currency, cap)
    assert (recipe.name, recipe.seed) == (name, 3)
    assert (getattr(recipe.budget, currency), recipe.budget.then, recipe.budget.reused) == (cap, "train", "counted")
    assert recipe.digest != arm_recipe(Arm("demo", "demo"), 3, currency, cap * 2).digest


def test_without_a_cap_what_others_bought_is_counted_too() -> None:
    recipe = arm_recipe(Arm("demo", "demo"), 0, "calls", None)
    assert (recipe.budget.reused, recipe.budget.then, recipe.name) == ("counted", "wait", "demo-counted")


def test_an_arm_without_a_test_of_what_it_teaches_is_refused() -> None:
    with pytest.raises(RecipeError, match="has no exam with `part: test` on what it teaches"):
        arm_recipe(Arm("demo", "demo", ("exams.test.source=basics",)), 0, "calls", None)


# --- what comes of them ---------------------------------------------------------------------------------------------


def test_equal_arms_are_a_tie() -> None:
    _, row = compare([a_result(arm, 30, seed) for arm in "xy" for seed in (0, 1)], "calls", 50).rows
    assert (row.difference, row.p, row.agree) == (0, 0.5, 0)
    assert row.difference_low is not None
    assert 0.05 < -row.difference_low < 0.1  # 60 questions without a difference are no proof that there is none
    assert row.difference_high == -row.difference_low


def test_a_better_arm_is_better_question_by_question() -> None:
    first, row = compare([a_result(a, r, s) for a, r in (("x", 20), ("y", 40)) for s in (0, 1)], "calls", 50).rows
    assert (first.difference, first.p, first.seeds) == (None, None, 2)
    assert row.difference == pytest.approx(1 / 3)
    assert row.difference_low is not None
    assert row.difference_low > 0.1
    assert row.p is not None
    assert row.p < 1e-5
    assert row.agree == 2


def test_seeds_that_differ_much_leave_a_difference_unknown() -> None:
    steady = [a_result(a, r, s) for a, r in (("x", 20), ("y", 30)) for s in (0, 1, 2)]
    erratic = [*steady[:3], *(a_result("y", right, seed) for seed, right in enumerate((20, 23, 47)))]
    (_, sure), (_, unsure) = compare(steady, "calls", 50).rows, compare(erratic, "calls", 50).rows
    assert sure.difference == pytest.approx(unsure.difference)
    assert sure.difference_low is not None
    assert unsure.difference_low is not None
    assert unsure.difference_low < 0 < sure.difference_low
    assert sure.p is not None
    assert unsure.p is not None
    assert sure.p < 0.025 < unsure.p
    assert unsure.high - unsure.low > sure.high - sure.low


@pytest.mark.parametrize(("seeds", "said"), [(1, "over the questions of one training alone"), (3, "(3 seeds)")])
def test_it_is_said_what_the_intervals_are_over(tmp_path: Path, seeds: int, said: str) -> None:
    comparison = compare([a_result(a, r, s) for a, r in (("x", 20), ("y", 40)) for s in range(seeds)], "calls", 50)
    assert said in comparison.over
    assert comparison.as_json()["intervals"] == comparison.over
    write_comparison(comparison, tmp_path / "page.html")
    assert f"95 % intervals {comparison.over};" in (tmp_path / "page.html").read_text()


def test_a_worse_arm_has_no_small_p() -> None:
    _, row = compare([a_result("x", 40), a_result("y", 20)], "calls", None).rows
    assert row.p is not None
    assert row.p > 0.99


def test_more_arms_need_smaller_chances() -> None:
    two = compare([a_result("x", 20), a_result("y", 26)], "calls", None).rows[1].p
    three = compare([a_result("x", 20), a_result("y", 26), a_result("z", 20)], "calls", None).rows[1].p
    assert two is not None
    assert three == pytest.approx(2 * two)


def test_seeds_that_disagree_are_counted() -> None:
    found = [a_result("x", 20, 0), a_result("x", 20, 1), a_result("y", 40, 0), a_result("y", 15, 1)]
    assert compare(found, "calls", None).rows[1].agree == 1


def test_arms_that_share_no_question_cannot_be_compared() -> None:
    other = a_result("y", 3)
    strange = Result(**{**vars(other), "rights": {"other": True}, "clusters": {"other": "o"}, "skills": {"other": ""}})
    with pytest.raises(RecipeError, match="share no test question"):
        compare([a_result("x", 3), strange], "calls", None)


def test_a_seed_without_a_common_question_is_named() -> None:
    other = a_result("y", 3, 1)
    strange = Result(**{**vars(other), "rights": {"other": True}, "clusters": {"other": "o"}, "skills": {"other": ""}})
    with pytest.raises(RecipeError, match="'x' and 'y' share no test question with seed 1, so they cannot be compared"):
        compare([a_result("x", 3), a_result("x", 3, 1), a_result("y", 3), strange], "calls", None)


def test_arms_without_a_common_seed_or_a_question_of_the_skill_cannot_be_paired() -> None:
    with pytest.raises(RecipeError, match="share no test question, so they cannot be compared"):
        paired([a_result("y", 3, 1)], [a_result("x", 3, 0)])
    with pytest.raises(RecipeError, match="share no test question of c or d with seed 0, so"):
        paired([a_result("y", 3)], [a_result("x", 3)], ["c", "d"])


def test_pairs_of_a_skill_are_of_that_skill() -> None:
    assert paired([a_result("y", 3)], [a_result("x", 2)], ["a"]).means == (2 / 30, 1 / 30)


def test_retention_is_the_mean_of_those_who_have_one() -> None:
    found = [a_result("x", 3, 0, retention=0.5), a_result("x", 3, 1, retention=1.0), a_result("y", 3)]
    assert [row.retention for row in compare(found, "calls", None).rows] == [0.75, None]


def test_the_figures_are_json() -> None:
    comparison = compare([a_result("x", 20), a_result("y", 40)], "tokens", 99)
    told = json.loads(json.dumps(comparison.as_json()))
    assert [row["arm"] for row in told["rows"]] == ["x", "y"]
    assert told["results"][1]["skills"] == pytest.approx({"a": 2 / 3, "b": 2 / 3})
    assert (told["currency"], told["cap"]) == ("tokens", 99)


@pytest.mark.parametrize("cap", [None, 50.0])
def test_the_page_shows_every_arm_and_runs_nothing_that_a_label_says(tmp_path: Path, cap: float | None) -> None:
    comparison: Comparison = compare([a_result("demo", 20), a_result(EVIL, 40)], "calls", cap)
    write_comparison(comparison, tmp_path / "deep" / "page.html")
    page = (tmp_path / "deep" / "page.html").read_text()
    assert "<script" not in page
    assert "&lt;script&gt;" in page
    assert page.count("<tr>") == 3
    assert page.count("<path") == 2
    assert "http" not in page.replace("http-equiv", "")


def test_a_question_that_every_seed_asks_is_one_question() -> None:
    once = compare([a_result("one", 20), a_result("two", 30)], "calls", None).rows[1]
    thrice = [a_result(arm, right, seed) for arm, right in (("one", 20), ("two", 30)) for seed in range(3)]
    again = compare(thrice, "calls", None).rows[1]
    assert again.difference == once.difference
    assert (again.low, again.high) == pytest.approx((once.low, once.high), abs=0.02)
    assert (again.difference_low, again.difference_high) == pytest.approx(
        (once.difference_low, once.difference_high), abs=0.02
    )
