"""A decomposer is asked once, the solver once a subquestion, and the last reply counts."""

from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from orchestrator.inferences.subquestions import Subquestions
from orchestrator.kinds import Ask, Concluded, ExamItem, Said
from orchestrator.retrieval import Shelf

ITEM = ExamItem("How much?", "5", [], "change", "k")


def talk(plan: str, *replies: str, **options: Any) -> tuple[list[Ask], Concluded]:
    """All that is asked, and what it comes to, if these are the decomposer's reply and the solver's."""
    inference = Subquestions(use="subquestions", **options)
    conversation, said, asked = inference.converse(ITEM, Shelf([])), iter([plan, *replies]), list[Ask]()
    asks = next(conversation)
    while True:
        asked += asks
        try:
            asks = conversation.send([Said(next(said)) for _ in asks])
        except StopIteration as end:
            return asked, end.value


def test_the_solver_is_asked_each_subquestion_with_the_answers_before_it() -> None:
    asked, concluded = talk("Take first times second?\n\n Then gap third? ", "5*3=15\n#### 15", "20-15=5\n#### 5")
    first = {"task": "step", "asked": "Take first times second?"}
    second = {"task": "step", "asked": "Take first times second? 15\nThen gap third?"}
    assert asked == [Ask({"task": "decompose"}, "decomposer"), Ask(first), Ask(second)]
    assert concluded == Concluded(Said("20-15=5\n#### 5"), second)


def test_a_step_without_an_answer_ends_it_and_no_answer_before_counts() -> None:
    asked, concluded = talk("one?\ntwo?\nthree?", "#### 15", "I cannot tell")
    assert len(asked) == 3
    assert concluded.said.reply == "I cannot tell"


def test_a_decomposer_that_says_nothing_is_what_counts() -> None:
    asked, concluded = talk(" \n")
    assert asked == [Ask({"task": "decompose"}, "decomposer")]
    assert concluded == Concluded(Said(" \n"))


def test_another_job_takes_questions_apart_where_the_recipe_says_so() -> None:
    assert talk("", decomposer="solver")[0][0].job == "solver"
    assert Subquestions(use="subquestions", decomposer="solver").jobs() == ["solver"]


@given(st.text(), st.integers(1, 6))
def test_it_asks_no_more_than_so_many_subquestions_whatever_the_plan(plan: str, most: int) -> None:
    asked, _ = talk(plan, *["#### 1"] * most, most=most)
    assert len(asked) <= 1 + most
    assert all(ask.shown["asked"].splitlines() for ask in asked[1:])
