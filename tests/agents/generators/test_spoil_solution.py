"""A solution and the same one with a fault: what is altered is what the fault says, and nothing else."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agents.generators.spoil_solution import BETWEEN, SpoilSolution
from agents.kinds import Nobody


async def spoiled(rationale: str, question: str = "Who?", answer: str = "7") -> dict[str, str]:
    """The rejected rationale by its fault."""
    fields = {"question": question, "rationale": rationale, "answer": answer}
    found = await SpoilSolution(use="spoil_solution").write(fields, Nobody(), 0)
    for writing in found:
        assert writing.fields["chosen"] == f"{rationale.strip()}\n#### {answer}"
        assert writing.fields["rejected"].endswith(f"\n#### {answer}")
    return {w.fields["fault"]: w.fields["rejected"].removesuffix(f"\n#### {answer}") for w in found}


async def test_each_fault_does_what_it_says() -> None:
    found = await spoiled("Ann makes 12 kites. Bob sells 3 of them.")
    assert found["incomplete"] in ("Ann makes 12 kites.", "Bob sells 3 of them.")
    assert found["illogical"] == "Bob sells 3 of them. Ann makes 12 kites."
    assert found["untrue"].split("makes")[0] == "Ann "
    assert found["untrue"] != "Ann makes 12 kites. Bob sells 3 of them."


async def test_without_numbers_another_name_of_the_question_is_said() -> None:
    found = await spoiled("Nova Works was founded by Ann Bell", "who founded Nova Works, Ann Bell?")
    assert set(found) == {"untrue"}
    assert found["untrue"] in ("Ann Bell was founded by Ann Bell", "Nova Works was founded by Nova Works")


@pytest.mark.parametrize("rationale", ["", "yes", "one; one"])
async def test_what_has_no_room_for_a_fault_makes_no_pair_of_it(rationale: str) -> None:
    assert set(await spoiled(rationale)) <= {"incomplete"}


steps = st.lists(st.from_regex(r"[a-z]{1,6} [0-9]{1,3}", fullmatch=True), min_size=2, max_size=6, unique=True)


@given(steps, st.sampled_from(["; ", "\n", ". "]))
async def test_steps_are_kept_but_one_reordered_or_altered_in_one_number(parts: list[str], between: str) -> None:
    rationale = between.join(parts)
    found = await spoiled(rationale)
    assert set(found) == {"incomplete", "illogical", "untrue"}
    cut, order, other = (BETWEEN.split(found[fault])[::2] for fault in ("incomplete", "illogical", "untrue"))
    whole = BETWEEN.split(rationale)[::2]
    assert len(cut) == len(whole) - 1
    assert sorted(order) == sorted(whole)
    assert order != whole
    assert [one.split()[0] for one in other] == [one.split()[0] for one in whole]
    assert sum(one != two for one, two in zip(other, whole, strict=True)) == 1


@given(steps)
async def test_the_same_solution_has_the_same_faults(parts: list[str]) -> None:
    assert await spoiled("; ".join(parts)) == await spoiled("; ".join(parts))
