"""What every claim must be: an experiment that can be carried out, whose checks can be made of what comes of it."""

import pytest

from orchestrator.claims.claim import Claim, chosen, claims
from orchestrator.comparison import Comparison, arm_recipe, compare, parse_arms, parse_budget, result_of
from orchestrator.recipe import Recipe
from orchestrator.recipe_text import RecipeError
from storage.store import Store
from tests.conftest import Loop
from tests.orchestrator.triple_writer import TripleWriter

CLAIMS = claims()
STUDENTS = {"B2": TripleWriter}
"""Stand-ins for claims about what a student writes; any other is the loop's own."""
FEWER = {"per_skill", "seeds", "mistakes", "questions", "failures"}
each = pytest.mark.parametrize("claim", CLAIMS.values(), ids=list(CLAIMS))


def small(recipe: Recipe) -> Recipe:
    """A tenth of the seeds, of the questions and of what feedback gives: the loop teaches it in well under a second."""
    data = recipe.resolved()
    for source in data["sources"].values():
        if source.get("choose") == "primitive":
            source["choose"] = ["add", "copy"]
    seeds = data["seeds"].items()
    data["seeds"] = {
        name: {skill: _tenth(n) for skill, n in count.items()} if isinstance(count, dict) else _tenth(count)
        for name, count in seeds
    }
    writes = any("attempts" in step["from"] for step in data["lessons"])  # a critic needs enough to learn from
    exams = [exam for exam in data["exams"].values() if not (writes and exam["part"] == "train")]
    for clause in (data["feedback"], *exams):
        clause |= {name: _tenth(clause[name]) for name in FEWER & clause.keys() if clause[name]}
    return Recipe.model_validate(data)


def _tenth(count: int) -> int:
    return max(2, count // 10)


async def carried_out(claim: Claim, loop: Loop, store: Store) -> Comparison:
    """All arms once, made small, taught by the rehearsal teacher to the stand-in student."""
    currency, cap = parse_budget(claim.budget)
    results = []
    if claim.id in STUDENTS:
        loop.worker = STUDENTS[claim.id]()
    for arm in parse_arms(claim.arms):
        recipe = small(arm_recipe(arm, 0, currency, cap))
        key, _ = await loop.teach(recipe, store)
        run = store.run(key)
        assert run
        results.append(result_of(store, run, recipe, arm, currency))
    return compare(results, currency, cap)


def test_a_claim_says_what_was_found_by_whom_and_what_is_planted() -> None:
    assert list(CLAIMS) == sorted(CLAIMS, key=lambda name: int(name[1:]))
    assert all(claim.says and claim.source and claim.planted for claim in CLAIMS.values())


@each
def test_its_arms_are_recipes_that_differ_and_share_their_test(claim: Claim) -> None:
    recipes = [arm_recipe(arm, 0, *parse_budget(claim.budget)) for arm in parse_arms(claim.arms)]
    assert len({recipe.digest for recipe in recipes}) == len(recipes)
    tests = [recipe.exams["test"].model_dump(exclude={"canaries"}) for recipe in recipes]
    assert tests == [tests[0]] * len(tests)


@each
async def test_it_can_be_carried_out_and_its_checks_can_be_made(claim: Claim, loop: Loop, store: Store) -> None:
    checks = claim.check(await carried_out(claim, loop, store), store)
    assert len(checks) >= 3
    assert len({check.says for check in checks}) == len(checks)
    assert all(check.says and check.figures for check in checks)


def test_an_unknown_claim_is_refused_with_those_there_are() -> None:
    with pytest.raises(RecipeError, match=r"no claim 'B99'; there are: .*B7, B8"):
        chosen(["B99"])
    assert [claim.id for claim in chosen(["b12"])] == ["B12"]
