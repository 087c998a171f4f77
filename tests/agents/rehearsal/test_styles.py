"""The rehearsal teacher's ways of writing: what is shorter, what is longer, and that neither says anything else."""

from itertools import islice

import pytest

from agents.arithmetic_steps import steps
from agents.rehearsal.styles import styled
from agents.rehearsal.world import items

FULL = "Write every step and every calculation out."
CHECKED = "Write every step and every calculation out, and check each calculation."
SHORT = "Be short: results alone, no calculations in columns."


@pytest.mark.parametrize("skill", ["change", "trip", "lead", "next_number"])
def test_a_checked_rationale_has_each_calculation_twice_and_a_short_one_once_without_columns(skill: str) -> None:
    for item in islice(items(skill, 0), 20):
        full, checked, short = (styled(item.rationale, style) for style in (FULL, CHECKED, SHORT))
        assert full == item.rationale
        assert len(short.split()) < len(full.split()) < len(checked.split())
        assert checked.replace("; again ", "\n").count("\n") == full.count(" so ")
        assert steps(checked) == 2 * steps(full)


def test_what_calculates_nothing_is_the_same_in_every_style() -> None:
    for item in islice(items("event_want", 0), 5):
        assert {styled(item.rationale, style) for style in (FULL, CHECKED, SHORT)} == {item.rationale}
