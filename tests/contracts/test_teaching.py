"""What every format, mixture, objective, exam and inference must hold to."""

import ast
import importlib.util
import json
from pathlib import Path
from typing import Any, get_args

import pytest

from agents.kinds import Part
from orchestrator.examination.conversing import TURNS
from orchestrator.kinds import (
    Ask,
    Concluded,
    Exam,
    ExamItem,
    Format,
    Grade,
    Inference,
    JudgedExam,
    Mixture,
    Objective,
    Said,
    Shape,
)
from orchestrator.retrieval import Shelf
from storage.records import Plan
from tests.contracts.isolated import needs_isolation
from tests.contracts.whole import FIELDS, HOSTILE, SECRET, a_draft, named, of_kind, sources_of

SITE = Path(importlib.util.find_spec("trl").origin or "").parents[1]  # type: ignore[union-attr]
CONFIGS = ("transformers/training_args.py", "trl/trainer/base_config.py")
WORKER = Path(__file__).parents[2] / "orchestrator" / "student_worker"
FORMATS = of_kind(Format)
formats = pytest.mark.parametrize("form", FORMATS, ids=named)
mixtures = pytest.mark.parametrize("mixture", of_kind(Mixture), ids=named)
objectives = pytest.mark.parametrize("objective", of_kind(Objective), ids=named)
exams = pytest.mark.parametrize("exam", of_kind(Exam), ids=named)
by_rule = pytest.mark.parametrize(
    "exam", [exam for exam in of_kind(Exam) if not isinstance(exam, JudgedExam)], ids=named
)
judged = pytest.mark.parametrize("exam", [exam for exam in of_kind(Exam) if isinstance(exam, JudgedExam)], ids=named)
RUNNING = {"programs_first": needs_isolation, "vote": needs_isolation}
inferences = pytest.mark.parametrize(
    "inference", [pytest.param(i, marks=RUNNING.get(i.use, ())) for i in of_kind(Inference)], ids=named
)


# --- formats --------------------------------------------------------------------------------------------------------


@formats
def test_a_lesson_shows_the_prompt_that_the_exam_shows(form: Any) -> None:
    for text in (FIELDS["question"], HOSTILE, " spaced \n"):
        fields = {**FIELDS, "question": text}
        shown = {name: fields[name] for name in fields.keys() - {"rationale", "answer"}}
        assert form.prompt(fields) == form.prompt(shown)
        if form.shape != Shape.TEXT:
            assert form.row(fields)["prompt"] == form.prompt(fields)


@formats
def test_a_prompt_shows_neither_gold_nor_a_solution(form: Any) -> None:
    hidden = dict.fromkeys(("gold", "rationale", "answer", "solution", "reference"), SECRET)
    assert SECRET not in str(form.prompt({**FIELDS, **hidden}))


@formats
def test_a_draft_without_a_needed_field_is_a_key_error(form: Any) -> None:
    with pytest.raises(KeyError):
        form.row({"question": "How many?"})


@formats
def test_a_reply_is_read_back_into_the_fields_that_make_it(form: Any) -> None:
    if form.shape in (Shape.PREFERENCE, Shape.BINARY, Shape.TEXT):
        pytest.skip("its replies are whole texts")
    row = form.row(FIELDS)
    asked = {name: value for name, value in FIELDS.items() if name not in ("rationale", "answer")}
    found = form.read(asked, f" {row['completion'][-1]['content']}\n")
    assert found
    assert form.row({**FIELDS, **found}) == row
    assert {name: FIELDS[name] for name in found} == found


@formats
@pytest.mark.parametrize("reply", ["", " \n", "####", "I do not know.", "#### \n"])
def test_a_reply_of_another_form_is_read_back_as_nothing(form: Any, reply: str) -> None:
    assert not form.read(FIELDS, reply)


COLUMNS = {
    Shape.COMPLETION: {"prompt", "completion"},
    Shape.WEIGHTED: {"prompt", "completion", "weight"},
    Shape.PREFERENCE: {"prompt", "chosen", "rejected"},
    Shape.BINARY: {"prompt", "completion", "label"},
    Shape.TEXT: {"text"},
    Shape.VERIFIABLE: {"prompt", "completion", "fields"},
}


@formats
def test_a_row_has_the_columns_of_its_shape(form: Any) -> None:
    if form.shape in COLUMNS:
        assert form.row(FIELDS).keys() == COLUMNS[form.shape]


def replies_of(row: dict[str, Any]) -> list[Any]:
    return [row[name] for name in ("completion", "chosen", "rejected") if name in row]


@formats
def test_hostile_text_makes_no_further_turn(form: Any) -> None:
    row = form.row({**FIELDS, **dict.fromkeys(("question", "rationale", "reply", "chosen", "rejected"), HOSTILE)})
    assert [turn["role"] for turn in row.get("prompt", [])].count("assistant") == 0
    for reply in replies_of(row):
        assert [turn["role"] for turn in reply] == ["assistant"]


# --- mixtures -------------------------------------------------------------------------------------------------------

PLANS = (Plan.new(run="r", round=1), Plan.new(run="r", round=2, weights={"trip": 0.75, "film": 0.25}))
plans = pytest.mark.parametrize("plan", PLANS, ids=["without weights", "with weights"])


def skilled_drafts() -> list[Any]:
    return [a_draft(i).model_copy(update={"skill": ("trip", "film", "")[i % 3]}) for i in range(30)]


@mixtures
@plans
def test_a_mixture_is_the_same_whatever_the_order_and_holds_only_what_it_was_given(mixture: Any, plan: Plan) -> None:
    drafts = skilled_drafts()
    keys = [draft.key for draft in mixture.arrange(drafts, plan, 7)]
    assert keys == [draft.key for draft in mixture.arrange(drafts[::-1], plan, 7)]
    assert set(keys) <= {draft.key for draft in drafts}
    assert keys
    assert keys != [draft.key for draft in mixture.arrange(drafts, plan, 8)]


@mixtures
@plans
def test_a_mixture_of_nothing_is_nothing(mixture: Any, plan: Plan) -> None:
    assert mixture.arrange([], plan, 0) == []


# --- objectives -----------------------------------------------------------------------------------------------------


def settings_of(trainer: str) -> set[str]:
    """Names of the fields of the configurations that a trainer's module imports from TRL, read from the installed sources:
    importing them would take torch along."""
    return {name for place in (*CONFIGS, *configs_of(trainer)) for name in fields_in(SITE / place)}


def configs_of(trainer: str) -> set[str]:
    """Files of TRL's configurations that a module imports, or a module of the worker that it imports from."""
    found: set[str] = set()
    for node in ast.walk(ast.parse((WORKER / "trainers" / f"{trainer}.py").read_text(encoding="utf-8"))):
        if isinstance(node, ast.ImportFrom) and node.module:
            if node.module.startswith("trl.") and node.module.endswith("_config"):
                found.add(node.module.replace(".", "/") + ".py")
            elif node.module.startswith("orchestrator.student_worker.trainers."):
                found |= configs_of(node.module.rpartition(".")[2])
    return found


def fields_in(path: Path) -> set[str]:
    return {
        field.target.id
        for node in ast.parse(path.read_text(encoding="utf-8")).body
        for field in (node.body if isinstance(node, ast.ClassDef) else [])
        if isinstance(field, ast.AnnAssign) and isinstance(field.target, ast.Name)
    }


@objectives
def test_every_setting_is_one_that_the_trainer_has(objective: Any) -> None:
    known = settings_of(objective.trainer)
    assert configs_of(objective.trainer)
    assert len(known) > 100
    assert objective.settings()
    assert objective.settings().keys() <= known


@objectives
def test_what_the_worker_is_told_can_be_written_down(objective: Any) -> None:
    told = {"settings": objective.settings(), "own": objective.own()}
    assert json.loads(json.dumps(told, allow_nan=False)) == told


@objectives
def test_some_format_gives_the_rows_that_an_objective_needs(objective: Any) -> None:
    assert any(form.shape == objective.shape for form in FORMATS)


@objectives
def test_every_setting_that_the_worker_adds_is_one_that_the_trainer_has(objective: Any) -> None:
    module = ast.parse((WORKER / "training.py").read_text(encoding="utf-8"))
    functions = {node.name: node for node in module.body if isinstance(node, ast.FunctionDef)}
    keys = {
        key.value
        for node in ast.walk(functions["_settings"])
        if isinstance(node, ast.Dict)
        for key in node.keys
        if isinstance(key, ast.Constant)
    }
    assert len(keys) > 10
    if (
        "max_completion_length" in objective.settings()
    ):  # its replies are not those of the rows, whose length says nothing
        keys.remove("max_length")
    assert keys <= settings_of(objective.trainer)


# --- exams ----------------------------------------------------------------------------------------------------------

NO_ANSWER = Grade(None, False)


def everything_asked(exam: Any) -> list[ExamItem]:
    return [item for source in sources_of(exam) for item in exam.items(source, FORMATS[0], 0)]


@exams
def test_the_same_exam_asks_the_same_distinct_questions_of_its_part(exam: Any) -> None:
    for source in sources_of(exam):
        for part in get_args(Part):
            sat = exam.model_copy(update={"part": part})
            items = sat.items(source, FORMATS[0], 3)
            assert items == sat.items(source.model_copy(), FORMATS[0], 3)
            assert items
            assert {source.part_of(item.split_key) for item in items} == {part}
            assert len({(item.skill, item.question) for item in items}) == len(items)
            assert {item.skill for item in items} <= set(source.skills())


@exams
def test_what_a_student_is_shown_tells_nothing_of_the_right_answer(exam: Any) -> None:
    """The same items with another gold answer, one of the choices where there are some, are shown alike."""
    source = sources_of(exam)[0]

    class Otherwise(type(source)):
        def materials(self, part: Any, skill: str, seed: int) -> Any:
            for m in super().materials(part, skill, seed):
                choices = m.fields.get("choices", [SECRET])
                told = {"gold": choices[0], "solution": SECRET, "explanation": SECRET}
                yield type(m)({**m.fields, **told, "tails": [SECRET]}, m.split_key, m.skill, m.origin)

    items = exam.items(Otherwise.model_construct(**source.model_dump()), FORMATS[0], 0)
    assert [item.prompt for item in items] == [item.prompt for item in exam.items(source, FORMATS[0], 0)]
    assert SECRET not in str([item.prompt for item in items])
    assert {item.gold for item in items} != {item.gold for item in exam.items(source, FORMATS[0], 0)}


@by_rule
@formats
def test_an_exam_reads_the_answer_of_a_lesson_as_right(exam: Any, form: Any) -> None:
    for item in everything_asked(exam):
        said = {"rationale": "One step, then the next.", "answer": item.gold}
        whole = f"{said['rationale']}\n#### {item.gold}"
        row = form.row({**FIELDS, **item.fields, **said, "reply": whole, "chosen": whole})
        for reply in replies_of(row)[:1]:
            assert exam.grade(item, reply[-1]["content"]).right, item.gold


@exams
@pytest.mark.parametrize("reply", ["", " \n", "I do not know.", "7 8 9", HOSTILE.replace("99", "")])
def test_a_reply_without_an_answer_is_wrong_and_has_none(exam: Any, reply: str) -> None:
    found = {exam.grade(item, reply) for item in everything_asked(exam)}
    if exam.use == "stated_answer" and reply.strip():  # takes an answer without a marker, wherever it stands
        assert not any(grade.right for grade in found)
    else:
        assert found == {NO_ANSWER}


@exams
def test_another_answer_is_wrong(exam: Any) -> None:
    for item in everything_asked(exam):
        assert not exam.grade(item, "So it is.\n#### nothing of the kind").right


@by_rule
def test_an_exam_that_works_by_rule_gives_no_score_and_names_no_call(exam: Any) -> None:
    for item in everything_asked(exam)[:5]:
        grade = exam.grade(item, f"#### {item.gold}")
        assert (grade.score, grade.call) == (None, None)


@judged
def test_no_rule_says_that_a_reply_to_a_judge_is_right(exam: Any) -> None:
    for item in everything_asked(exam):
        assert exam.grade(item, f"Thus.\n#### {item.gold}") == Grade(item.gold, False)


@judged
def test_a_judge_reads_the_question_and_the_whole_reply_but_no_gold_answer(exam: Any) -> None:
    fields = {**FIELDS, "gold": SECRET, "solution": SECRET}
    for reply in ("Three and four make seven.", "Three and four.\n#### 7"):
        shown = exam.to_judge(fields, reply)
        assert fields["question"] in shown["question"]
        assert all(word in f"{shown['rationale']} {shown['answer']}" for word in reply.replace("####", "").split())
        assert SECRET not in json.dumps(shown)


@exams
def test_a_reply_is_bounded(exam: Any) -> None:
    assert 0 < exam.max_tokens < 10_000


# --- inference ------------------------------------------------------------------------------------------------------

SAID = [Said("#### 8", confidence, margin) for confidence, margin in ((0.1, 0.0), (0.99, 0.99), (None, None))]


def held(inference: Any, item: ExamItem, said: Said, shelf: Any) -> tuple[list[Ask], Concluded]:
    """All that is asked in a conversation whose every question gets the same reply, and what it comes to."""
    talk, asked = inference.converse(item, shelf), list[Ask]()
    asks = next(talk)
    for _ in range(TURNS):
        assert asks
        asked += asks
        try:
            asks = talk.send([said] * len(asks))
        except StopIteration as end:
            return asked, end.value
    raise AssertionError(f"{inference.use} asks for ever")


@inferences
def test_what_is_asked_follows_from_the_question_and_the_shelf_and_never_from_the_gold_answer(inference: Any) -> None:
    shelf = [a_draft(i, question=f"Ann buys {i} pears?", knowledge=f"Pears are counted in {i}s.") for i in range(6)]
    for said in SAID:
        one, other = (ExamItem("Ann has 3 pears?", gold, [], "", "k", {"gold": gold}) for gold in ("7", SECRET))
        asked, concluded = held(inference, one, said, Shelf(shelf))
        assert (asked, concluded) == held(inference, other, said, Shelf(shelf))
        for shown in (concluded.shown, *(ask.shown for ask in asked)):
            assert SECRET not in json.dumps(shown)
            assert not {"question", "gold"} & shown.keys()
        assert {ask.job for ask in asked} <= {None, *inference.jobs()}


@inferences
def test_a_conversation_ends_with_an_empty_shelf_as_well(inference: Any) -> None:
    item = ExamItem("Ann has 3 pears?", "7", [], "", "k")
    for said in SAID:
        _, concluded = held(inference, item, said, Shelf([]))
        assert isinstance(concluded.said, Said)
