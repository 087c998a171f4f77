"""Choices as files have them, an order that no place is favoured by, and which choice a reply commits to."""

import json
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agents.kinds import SourceError
from agents.sources.questions import Questions
from orchestrator.exams.multiple_choice import MultipleChoice
from orchestrator.formats.rationale_then_answer import RationaleThenAnswer
from orchestrator.kinds import ExamItem

FORM = RationaleThenAnswer(use="rationale_then_answer")
TOWNS = ["Oslo", "Rome", "Paris", "New York"]
TRUTH = ["true", "false"]


def exam(**options: Any) -> MultipleChoice:
    return MultipleChoice(use="multiple_choice", source="tasks", **{"per_skill": 500, "part": "train", **options})


def asked(
    folder: Path, rows: list[dict[str, Any]], keep: list[str] | None = None, seed: int = 0, **options: Any
) -> Any:
    (folder / "rows.jsonl").write_text("\n".join(map(json.dumps, rows)))
    keep = ["choices"] if keep is None else keep
    place = str(folder / "rows.jsonl")
    source = Questions(use="questions", path=place, keep=keep, probe=0.001, test=0.001)
    return exam(**options).items(source, FORM, seed)


def one(folder: Path, choices: Any, answer: str, **options: Any) -> ExamItem:
    return asked(folder, [{"question": "Where?", "choices": choices, "answer": answer}], **options)[0]


def item(choices: list[str], gold: str) -> ExamItem:
    return ExamItem("Where?", gold, [], "", "k", {"choices": choices})


# --- items ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("choices", "answer"),
    [
        (TOWNS, "Paris"),
        (TOWNS, "C"),
        ({"A": "Oslo", "B": "Rome", "C": "Paris", "D": "New York"}, "C"),
        ({"1": "Oslo", "2": "Rome", "3": "Paris", "4": "New York"}, "3"),
        ({"label": ["A", "B", "C", "D"], "text": TOWNS}, "C"),
    ],
    ids=["texts and a text", "texts and a letter", "a mapping", "numbered", "two lists"],
)
def test_choices_are_read_as_data_sets_write_them(tmp_path: Path, choices: Any, answer: str) -> None:
    found = one(tmp_path, choices, answer)
    assert found.gold == "Paris"
    assert sorted(found.fields["choices"]) == sorted(TOWNS)


def test_a_text_counts_before_a_label(tmp_path: Path) -> None:
    assert one(tmp_path, {"A": "B", "B": "A"}, "A").gold == "A"
    assert one(tmp_path, {"1": "2", "2": "3"}, "2").gold == "2"


def test_the_student_is_shown_the_choices_under_the_question_lettered_in_the_drawn_order(tmp_path: Path) -> None:
    found = one(tmp_path, TOWNS, "Paris")
    lines = found.prompt[-1]["content"].split("\n")
    assert lines[0] == "Where?"
    assert lines[1:] == [f"{letter}) {town}" for letter, town in zip("ABCD", found.fields["choices"], strict=True)]
    assert found.question == found.prompt[-1]["content"]


def test_the_right_choice_is_as_often_in_each_place_and_the_seed_draws_it(tmp_path: Path) -> None:
    rows = [{"question": f"Where is {i}?", "choices": TOWNS, "answer": "Oslo"} for i in range(400)]
    places = Counter(each.fields["choices"].index("Oslo") for each in asked(tmp_path, rows))
    assert sorted(places) == [0, 1, 2, 3]
    assert max(places.values()) < 140
    orders = [[each.fields["choices"] for each in sorted(asked(tmp_path, rows, seed=s), key=lambda i: i.split_key)]
              for s in (1, 1, 2)]  # fmt: skip
    assert orders[0] == orders[1] != orders[2]
    kept = asked(tmp_path, rows, shuffled=False)
    assert {tuple(each.fields["choices"]) for each in kept} == {tuple(TOWNS)}


def test_choices_that_all_questions_have_may_go_unshown(tmp_path: Path) -> None:
    rows = [{"question": "Fax works without any internet connection.", "answer": "false"}]
    (found,) = asked(tmp_path, rows, keep=[], choices=TRUTH, shown="nothing")
    assert found.prompt == [{"role": "user", "content": rows[0]["question"]}]
    sat = exam(choices=TRUTH, shown="nothing")
    assert sat.grade(found, "It needs a line.\n#### false").right
    assert not sat.grade(found, "It needs a line.\n#### true").right


@pytest.mark.parametrize(
    "choices", [["Oslo"], ["Oslo", "oslo "], ["Oslo", ""], 3, "Oslo or Rome", [str(i) for i in range(27)]]
)
def test_what_are_no_choices_is_refused_with_the_line(tmp_path: Path, choices: Any) -> None:
    with pytest.raises(
        SourceError, match=r"rows.jsonl:1: expected 2 to 26 different `choices`, found .*keep: \[choices\]"
    ):
        one(tmp_path, choices, "Oslo")


def test_a_source_that_keeps_no_choices_and_an_answer_that_is_none_are_refused(tmp_path: Path) -> None:
    with pytest.raises(SourceError, match="found None; let the source keep them"):
        one(tmp_path, TOWNS, "Oslo", keep=[])
    with pytest.raises(SourceError, match="the answer 'Bern' is none of Oslo, Rome, Paris, New York, nor a label"):
        one(tmp_path, TOWNS, "Bern")


# --- replies --------------------------------------------------------------------------------------------------------

CHOSEN = {
    "#### C": "Paris",
    "#### c": "Paris",
    "#### (C)": "Paris",
    "#### C) Paris": "Paris",
    "#### C. Paris": "Paris",
    "#### option C": "Paris",
    "#### Paris": "Paris",
    "#### paris.": "Paris",
    "#### It is Paris": "Paris",
    "The answer is C.": "Paris",
    "Rome is in Italy.\n#### B\n#### C": "Paris",
    r"\boxed{C}": "Paris",
    "#### new york": "New York",
    "#### C) Paris, of course": "Paris",
    "#### a Paris suburb": "Paris",
}
NONE = [
    "#### C) Rome",
    "#### Paris or Rome",
    "#### Paris, Rome",
    "#### not Paris",
    "#### neither",
    "#### E",
    "#### Bern",
    "#### A or B",
    "#### Parisian",
    "Paris",
    "C",
    "",
]


@pytest.mark.parametrize("reply", CHOSEN)
def test_a_reply_names_a_choice_by_letter_or_text(reply: str) -> None:
    grade = exam().grade(item(TOWNS, "Paris"), reply)
    assert (grade.answer, grade.right) == (CHOSEN[reply], CHOSEN[reply] == "Paris")


@pytest.mark.parametrize("reply", NONE)
def test_a_reply_that_names_two_or_none_is_no_answer(reply: str) -> None:
    grade = exam().grade(item(TOWNS, "Paris"), reply)
    assert (grade.answer, grade.right) == (None, False)


def test_a_choice_within_a_longer_one_is_not_meant() -> None:
    assert exam().grade(item(["York", "New York"], "York"), "#### It is New York").answer == "New York"
    assert exam().grade(item(["true", "not true"], "true"), "#### not true").answer == "not true"


def test_letters_that_were_not_shown_name_nothing() -> None:
    assert exam(shown="nothing").grade(item(TRUTH, "false"), "#### B").answer is None


@given(
    st.lists(
        st.text("abcdefgh ", min_size=2, max_size=9).map(str.strip).filter(lambda t: len(t) > 1),
        min_size=2,
        max_size=6,
        unique=True,
    )
)
def test_the_text_and_the_letter_of_each_choice_choose_it(choices: list[str]) -> None:
    for letter, choice in zip("ABCDEF", choices, strict=False):
        for reply in (f"#### {choice}", f"#### {letter}", f"#### {letter}) {choice}"):
            assert exam().grade(item(choices, choice), reply).answer == choice
