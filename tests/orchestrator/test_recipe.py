"""Recipes: what is shipped works, what cannot work is refused with the place, the reason and the way out."""

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from agents.sources.rehearsal_world import RehearsalWorld
from agents.verifiers.answer_match import AnswerMatch
from orchestrator.recipe import SHIPPED, RecipeError, load_recipe, shipped_recipes, validate_recipe
from orchestrator.recipe_text import apply_edit

DEMO = SHIPPED / "demo.yaml"
JSONL = '{"question": "What is 1 plus 1?", "answer": "2"}\n'


@pytest.fixture
def write(in_tmp: Path) -> Callable[..., Path]:
    """Writes a recipe file; every file that a shipped recipe could name is not there."""

    def written(data: Any) -> Path:
        path = in_tmp / "own.yaml"
        path.write_text(data if isinstance(data, str) else yaml.safe_dump(data, sort_keys=False), encoding="utf-8")
        return path

    return written


def demo() -> dict[str, Any]:
    return yaml.safe_load(DEMO.read_text(encoding="utf-8"))


def edited(place: str, value: Any) -> dict[str, Any]:
    """The demo with one value changed, as plain data; `None` takes it away."""
    data: Any = demo()
    *way, last = [int(name) if name.isdecimal() else name for name in place.split(".")]
    target = data
    for name in way:
        target = target[name]
    if value is None:
        del target[last]
    else:
        target[last] = value
    return data


def refusal(*edits: str, place: Any = "demo") -> str:
    with pytest.raises(RecipeError) as caught:
        load_recipe(place, list(edits))
    return str(caught.value)


# --- shipped recipes and the round trip -----------------------------------------------------------------------------

FILES = sorted(SHIPPED.rglob("*.yaml"))


def loaded(path: Path, folder: Path) -> Any:
    """A shipped recipe; a source that reads a file gets one."""
    file = folder / "questions.jsonl"
    file.write_text(JSONL)
    data = yaml.safe_load(path.read_text(encoding="utf-8"))
    edits = [f"sources.{name}.path={file}" for name, source in data["sources"].items() if "path" in source]
    return load_recipe(path, edits)


def test_there_are_shipped_recipes_and_each_is_found_by_its_name() -> None:
    assert FILES
    assert list(shipped_recipes().values()) == FILES
    for name, path in shipped_recipes().items():
        assert load_recipe(name).name == name == path.stem


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_a_shipped_recipe_resolves_to_itself(path: Path, tmp_path: Path) -> None:
    recipe = loaded(path, tmp_path)
    again = validate_recipe(recipe.resolved(), "again")
    assert again == recipe
    assert again.resolved() == recipe.resolved()
    assert again.digest == recipe.digest
    assert len(recipe.about) > 20


@settings(max_examples=25)
@given(
    seed=st.integers(0, 2**31),
    samples=st.integers(1, 64),
    rate=st.floats(1e-7, 1, allow_subnormal=False),
    skills=st.lists(st.sampled_from(RehearsalWorld(use="rehearsal_world").skills()), min_size=1, unique=True),
    rounds=st.integers(2, 9),
)
def test_an_edited_recipe_resolves_to_itself(seed: int, samples: int, rate: float, skills: Any, rounds: int) -> None:
    edits = [
        f"seed={seed}",
        f"lessons.solve.samples={samples}",
        f"training.student.objective.learning_rate={rate!r}",
        f"sources.tasks.choose={skills}",
        f"stop.rounds={rounds}",
    ]
    recipe = load_recipe("demo", edits)
    assert recipe.seed == seed
    assert validate_recipe(recipe.resolved(), "again").digest == recipe.digest
    assert yaml.safe_load(yaml.safe_dump(recipe.resolved())) == recipe.resolved()


# --- the digest -----------------------------------------------------------------------------------------------------


def test_the_digest_is_that_of_the_method_whatever_the_spelling(write: Callable[..., Path]) -> None:
    digest = load_recipe("demo").digest
    shuffled = dict(reversed(demo().items()))
    shuffled["exams"] = dict(reversed(shuffled["exams"].items()))
    assert load_recipe(write(shuffled)).digest == digest
    assert load_recipe(write("# a remark\n" + DEMO.read_text())).digest == digest
    assert load_recipe(write(demo()), ["budget.calls=5", "budget.minutes=1"]).digest == digest
    assert load_recipe(write(demo()), ["lessons.solve.samples=1", "seed=0"]).digest == digest


@pytest.mark.parametrize(
    "edit",
    ["seed=1", "feedback.failures=121", "lessons.solve.samples=2", "training.student.lora.rank=8", "students.student.base=x"],
)  # fmt: skip
def test_another_option_is_another_digest(edit: str) -> None:
    assert load_recipe("demo", [edit]).digest != load_recipe("demo").digest


def test_another_revision_of_a_component_is_another_digest(monkeypatch: pytest.MonkeyPatch) -> None:
    digest = load_recipe("demo").digest
    monkeypatch.setattr(AnswerMatch, "revision", AnswerMatch.revision + 1)
    assert load_recipe("demo").digest != digest


def test_another_content_of_a_file_is_another_digest(in_tmp: Path) -> None:
    edit = "sources.tasks={use: questions, path: q.jsonl}"
    (in_tmp / "q.jsonl").write_text(JSONL)
    digest = load_recipe("demo", [edit]).digest
    assert load_recipe("demo", [edit]).digest == digest
    (in_tmp / "q.jsonl").write_text(JSONL * 2)
    assert load_recipe("demo", [edit]).digest != digest


# --- what is refused ------------------------------------------------------------------------------------------------

REFUSED = {
    "two steps of one name": ("lessons.1.step", "solve", "two steps are named 'solve'"),
    "a stream nobody fills": (
        "lessons.1.from", "solution",
        "step 'right_answer' reads 'solution', which is not a source, a stream of feedback, or what an earlier step fills. "
        "Did you mean 'solutions'?",
    ),
    "a stream that a later step fills": ("lessons.0.from", "lessons", "what an earlier step fills"),
    "a step that fills a source": ("lessons.0.to", "tasks", "step 'solve' fills 'tasks', which is not a step's to fill"),
    "a step that fills failures": ("lessons.0.to", "failures", "not a step's to fill"),
    "a judge of seeds": ("lessons.1.from", "tasks", "step 'right_answer' judges 'tasks', which holds no drafts"),
    "a dataset of seeds": ("datasets.lessons.from", "tasks", "dataset 'lessons' reads 'tasks', which holds no drafts"),
    "a dataset of failures": ("datasets.lessons.from", "failures", "dataset 'lessons' reads 'failures', which holds no"),
    "a dataset of nothing": ("datasets.lessons.from", "lesson", "Did you mean 'lessons'?"),
    "lessons on the failures themselves": (
        "lessons.0.from", ["tasks", "basics", "failures"],
        "would hold lessons on exam items (failures → solutions → right → sound → approved → lessons); lessons from "
        "`failures` must pass a generator that writes new items, e.g. write_similar_question",
    ),
    "lessons on briefs": (
        "lessons.0.from", ["tasks", "basics", "briefs"],
        "would hold lessons on exam items (briefs → solutions → right → sound → approved → lessons); lessons from `briefs`",
    ),
    "mistakes without practice": ("lessons.0.from", ["tasks", "basics", "mistakes"], "but no exam is practice; add one with"),
    "a shelf of exam items": (
        "inference", {"use": "single", "from": "shelf"}, "inference shows 'shelf', which is not a stream that a step fills"
    ),
    "a shelf of seeds": ("inference", {"use": "single", "from": "tasks"}, "inference shows 'tasks', which is not a stream"),
    "practice of another name": (
        "feedback", {"use": "practise_mistakes", "exam": "prob"}, "reads 'prob', which is not an exam of `exams:`. Did you"
    ),
    "practice that is the probe": (
        "feedback", {"use": "practise_mistakes", "exam": "probe"}, "reads exam 'probe', which is no practice; name one with"
    ),
    "an unknown role": ("lessons.0.role", "teecher", "asks 'teecher', which is not a role of `roles:`. Did you mean 'tea"),
    "an unknown role of a judge": ("lessons.6.role", "judge", "There are: teacher, referee"),
    "an unknown dataset": ("training.0.dataset", "lesson", "job 'student' trains on 'lesson', which is not a dataset"),
    "an unknown student": ("training.0.student", "pupil", "job 'student' trains 'pupil', which is not a student"),
    "a source without seeds": ("seeds.basics", None, "source 'basics' feeds lessons; say how many a round it gives"),
    "no seeds at all": ("seeds.basics", 0, "e.g. basics: 400"),
    "seeds of no source": ("seeds.task", 3, "seeds names 'task', which is not a source that a step reads"),
    "an exam of no source": ("exams.probe.source", "task", "exam 'probe' asks from 'task'"),
    "no probe": ("exams.probe.part", "test", "none has `part: probe`; feedback and the learning curve need one"),
    "failures of one round": ("stop.rounds", 1, "with one round there are none; set `stop.rounds` to 2 or more"),
    "a critic that asks nobody": ("lessons.6.role", None, "critic 'sound_reasoning' asks a model; say which with `role:`"),
    "a verifier that asks": ("lessons.1.role", "teacher", "verifier 'answer_match' works by rule and asks nobody"),
    "a generator that asks nobody": ("lessons.0.role", None, "generator 'write_solution' asks a model; say which"),
    "a step of two operations": ("lessons.0.select", {"use": "majority_vote"}, "exactly one of `generate:`, `judge:`, `sel"),
    "a step of none": ("lessons.0.generate", None, "exactly one of `generate:`, `judge:`, `select:` or `review:`"),
    "an unknown component": (
        "lessons.1.judge", {"use": "answer_matches"},
        "no critic or verifier is named 'answer_matches'. Did you mean 'answer_match'? There are: answerable, better_than",
    ),
    "a component of another kind": ("lessons.1.judge", "majority_vote", "no critic or verifier is named 'majority_vote'"),
    "a component without use": ("lessons.1.judge", {"name": "answer_match"}, "expected `use: <name of a critic or verif"),
    "a misspelt option": ("lessons.0.sample", 3, "lessons.0.sample: there is no such option; did you mean 'samp"),
    "a misspelt clause": ("dataset", {}, "dataset: there is no such option; did you mean 'datasets'?"),
    "a misspelt option of a component": ("feedback.round", 3, "feedback.round: there is no such option"),
    "an unfit value": ("lessons.0.samples", 0, "lessons.0.samples: Input should be greater than or equal to 1"),
    "a missing clause": ("training", None, "training: is missing"),
    "a name that cannot be a folder": ("name", "../x", "name: String should match pattern"),
    "no lessons": ("lessons", [], "lessons: List should have at least 1 item"),
    "an unknown skill": ("sources.tasks.choose", ["juggle"], "sources.tasks.choose: the world has no skill 'juggle'"),
    "no skill": ("sources.tasks.choose", [], "name at least one skill; the world has: "),
}  # fmt: skip


@pytest.mark.parametrize("case", REFUSED)
def test_a_recipe_that_cannot_be_carried_out_is_refused_with_the_reason(case: str, write: Callable[..., Path]) -> None:
    place, value, reason = REFUSED[case]
    said = refusal(place=write(edited(place, value)))
    assert "own.yaml is not a recipe that can be carried out:\n" in said
    assert reason in said
    assert "pydantic" not in said


def test_a_generator_by_rule_asks_nobody(write: Callable[..., Path]) -> None:
    data = edited("lessons.0.generate", "given_solution")
    assert "generator 'given_solution' works by rule and asks nobody; remove `role:`" in refusal(place=write(data))
    del data["lessons"][0]["role"]
    assert load_recipe(write(data)).lessons[0].role == []  # type: ignore[union-attr]


@pytest.mark.parametrize("stream", ["failures", "briefs"])
def test_a_shelf_made_from_exam_items_is_refused(stream: str, write: Callable[..., Path]) -> None:
    data = demo()
    data["lessons"].append(
        {"step": "know", "generate": "write_knowledge", "role": "teacher", "from": stream, "to": "known"}
    )
    data["lessons"].append({"step": "first", "select": "exact_duplicates", "from": "known", "to": "shelf"})
    assert load_recipe(write(data))
    data["inference"] = {"use": "single", "from": "shelf"}
    said = refusal(place=write(data))
    assert f"inference would show exam items in exams ({stream} → known → shelf)" in said
    data["lessons"][-2]["from"] = "mistakes"
    data["exams"]["practice"] = {"use": "final_answer", "source": "tasks", "part": "train"}
    assert load_recipe(write(data)).inference.sources == ["shelf"]


def test_every_problem_is_told_at_once(write: Callable[..., Path]) -> None:
    data = edited("lessons.0.samples", 0)
    data["budget"] = {"calls": -1}
    assert len(refusal(place=write(data)).splitlines()) == 3


FILES_REFUSED = {
    "a key said twice": ("name: a\nname: b\n", r"'name' is said twice.*line 1"),
    "a deep key said twice": ("a:\n  - {x: 1, x: 2}\n", r"'x' is said twice"),
    "broken YAML": ("a: [1, 2\nb: }", r"is not valid YAML: .*line 2"),
    "a date that is none": ("a: 2024-13-45", r"is not valid YAML: month must be in 1..12"),
    "a tag of Python": ("a: !!python/object/apply:os.system [ls]", r"is not valid YAML: could not determine a constr"),
    "a list": ("- a\n- b\n", r"holds list, expected a recipe: `name:`"),
    "nothing": ("", r"holds NoneType, expected a recipe"),
    "a word": ("demo", r"holds str, expected a recipe"),
}


@pytest.mark.parametrize("case", FILES_REFUSED)
def test_a_file_that_holds_no_recipe_is_refused(case: str, write: Callable[..., Path]) -> None:
    text, reason = FILES_REFUSED[case]
    said = refusal(place=write(text))
    assert "own.yaml" in said
    assert re.search(reason, said)
    assert "\n" not in said


def test_anchors_and_merges_are_yaml_too(write: Callable[..., Path]) -> None:
    text = DEMO.read_text().replace("probe: {use:", "probe: &exam {use:").replace(
        "test: {use: final_answer, source: tasks,", "test: {<<: *exam,"
    )  # fmt: skip
    assert "<<: *exam" in text
    assert load_recipe(write(text)).digest == load_recipe("demo").digest


def test_a_file_that_is_not_utf8_is_refused(in_tmp: Path) -> None:
    (in_tmp / "own.yaml").write_bytes("name: café".encode("latin-1"))
    assert "own.yaml is not UTF-8 text (" in refusal(place=in_tmp / "own.yaml")


def test_a_missing_file_names_the_nearest_shipped_recipe(in_tmp: Path) -> None:
    said = refusal(place="demp")
    assert (
        "no recipe file and no shipped recipe is named 'demp'. Did you mean 'demo'? `orchestrator recipes` lists"
        in said
    )


def test_a_folder_is_no_recipe(in_tmp: Path) -> None:
    assert "is a folder; name the recipe's file" in refusal(place=in_tmp)


# --- edits ----------------------------------------------------------------------------------------------------------


def test_edits_reach_lists_by_name_and_by_position_and_make_new_clauses() -> None:
    recipe: Any = load_recipe(
        "demo",
        ["lessons.solve.samples=5", "lessons.0.role=[teacher, referee]", "training.student.init=base",
         "budget.usd=2.5", "lessons.right_answer.judge=answer_match", "lessons.once={step: once, from: approved, "
         "to: lessons, select: majority_vote}"],
    )  # fmt: skip
    assert (recipe.lessons[0].samples, recipe.lessons[0].role) == (5, ["teacher", "referee"])
    assert (recipe.training[0].init, recipe.budget.usd) == ("base", 2.5)
    assert recipe.lessons[-1].select.use == "majority_vote"


AT_FAULT = {
    "a misspelt option": (["stop.rounds=2", "stop.round=3"], "the edit 'stop.round=3' of demo", "stop.round: there is no"),
    "a misspelt clause": (["stp.rounds=3"], "the edit 'stp.rounds=3' of demo", "stp: there is no such option"),
    "an option within its value": (["stop={round: 3}"], "the edit 'stop={round: 3}' of demo", "stop.round: there is no"),
    "a step's option": (["lessons.solve.sampls=3"], "the edit 'lessons.solve.sampls=3' of demo", "lessons.0.sampls"),
    "names that do not meet": (["seed=2", "seeds.nope=3"], "the edit 'seeds.nope=3' of demo", "seeds names 'nope'"),
    "two mistakes": (["a.b=1", "seed=x"], "the edits 'a.b=1', 'seed=x' of demo", "a: there is no such option"),
    "two that do not go together": (
        ["exams.test.source=new", "sources={tasks: {use: rehearsal_world}, basics: {use: rehearsal_world}}"],
        "the edit 'exams.test.source=new' of demo", "exam 'test' asks from 'new'",
    ),
}  # fmt: skip


@pytest.mark.parametrize("case", AT_FAULT)
def test_an_edit_at_fault_is_named_and_the_file_is_not(case: str) -> None:
    edits, named, reason = AT_FAULT[case]
    said = refusal(*edits)
    assert said.startswith(f"{named} cannot be carried out:\n")
    assert reason in said
    assert ".yaml" not in said


def test_a_file_at_fault_is_named_though_there_are_edits(write: Callable[..., Path]) -> None:
    broken = write(edited("lessons.0.samples", 0))
    assert "own.yaml is not a recipe" in refusal("seed=3", place=broken)
    assert "own.yaml is not a recipe" in refusal("stop.round=3", place=broken)


def test_a_value_may_hold_equal_signs() -> None:
    assert load_recipe("demo", ["about='a=b=c'"]).about == "a=b=c"


def test_an_edit_by_position_changes_that_entry_and_no_equal_one() -> None:
    data: dict[str, Any] = {"x": [True, 1, 0]}
    apply_edit(data, "x.1=7")
    assert data == {"x": [True, 7, 0]}
    assert data["x"][0] is True


BAD_EDITS = {
    "lessons.solve.samples": "cannot read the edit 'lessons.solve.samples'; write it as `a.b=value`",
    "=3": "cannot read the edit '=3'",
    "lessons.solv.samples=3": "finds no entry 'solv'; there are: solve, right_answer",
    "lessons.99.samples=3": "finds no entry '99'",
    "name.x=3": "goes into 'name', which is a plain value",
    "name.x.y=3": "goes through 'x', which is a plain value",
    "seed=[1": "the value of the edit 'seed=[1' is not valid YAML",
    "seed=2024-13-45": "is not valid YAML: month must be in",
    "seed=three": "seed: Input should be a valid integer",
    "sed=3": "sed: there is no such option; did you mean 'seed'?",
}


@pytest.mark.parametrize("edit", BAD_EDITS)
def test_an_edit_that_leads_nowhere_is_refused(edit: str) -> None:
    assert BAD_EDITS[edit] in refusal(edit)


@pytest.mark.parametrize("edit", ["exams.odd=final_answer", "exams.odd={source: [tasks]}", "students.odd={base: [a]}"])
def test_a_clause_of_the_wrong_shape_is_a_users_mistake(edit: str) -> None:
    with pytest.raises(RecipeError, match=re.escape(f"the edit {edit!r} of ")):
        load_recipe("given-solutions", [edit, "retention=true"])
