"""The table of the papers' systems says what is shipped, and what is shipped is in the table."""

import re
from pathlib import Path

from orchestrator.recipe import SHIPPED, load_recipe, shipped_recipes

PAGE = Path(__file__).parents[1] / "docs" / "seed-systems.md"
ROW = re.compile(r"^\| (?!system \|)(?!---)(?P<system>[^|]+) \| (?P<does>[^|]+) \| (?P<recipe>[^|]+) \|$", re.MULTILINE)
OF_NO_PAPER = {"claims"}
"""Families whose recipes are the ground of experiments and no paper's system."""


def rows() -> dict[str, str]:
    return {row["system"]: row["recipe"] for row in ROW.finditer(PAGE.read_text(encoding="utf-8"))}


def test_the_table_has_all_78_systems_and_says_of_each_what_carries_it_out() -> None:
    assert len(rows()) == 78
    known = shipped_recipes()
    for system, said in rows().items():
        assert said == "not yet" or said.strip("`") in known, f"{system}: {said} is no shipped recipe"


def test_a_recipe_after_a_paper_is_in_the_table() -> None:
    told = {said.strip("`") for said in rows().values()}
    for name, path in shipped_recipes().items():
        family = path.relative_to(SHIPPED).parent.name
        if family and family not in OF_NO_PAPER and load_recipe(name).paper:
            assert name in told, f"{name} has a paper and no row"
