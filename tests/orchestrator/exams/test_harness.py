"""The exam asks what lm-evaluation-harness asks and grades as it grades: a model with the same replies scores the same."""

import json
import random
from pathlib import Path
from typing import Any

import pytest

from agents.kinds import SourceError
from agents.sources.harness_task import HarnessTask
from agents.sources.questions import Questions
from orchestrator.examination.evaluation import examine
from orchestrator.exams.harness import Harness
from orchestrator.formats.rationale_then_answer import RationaleThenAnswer
from orchestrator.kinds import ExamItem
from orchestrator.training import base_student
from storage.records import Plan
from storage.store import Store
from tests.conftest import Loop, StandInWorker

pytest.importorskip("lm_eval", reason="the extra `harness` is not installed")
ROOT = Path(__file__).parents[3]
OWN = str(ROOT / "tests" / "data" / "harness")
FORM = RationaleThenAnswer(use="rationale_then_answer")
SUMS = HarnessTask(use="harness_task", task="sums", include_path=OWN)
PICKS = HarnessTask(use="harness_task", task="picks", include_path=OWN, parts={"test": "validation"})


@pytest.fixture(autouse=True)
def _at_the_root(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(ROOT)


def exam(**options: Any) -> Harness:
    return Harness(**{"use": "harness", "source": "tasks", "part": "test", **options})


def replies_to(items: list[ExamItem]) -> list[str]:
    """Right ones, ones that only some filters read, wrong ones, and one that goes on with a question of its own."""
    said = ["I add.\n#### {}", "It is {}", "{} it is", "#### {}0", "", "#### {}.\nQuestion: 7?", "#### 1", "#### -{}"]
    return [form.format(item.gold) for form, item in zip(said, items, strict=True)]


def chances_of(items: list[ExamItem]) -> list[str]:
    chance = random.Random(3)
    return [json.dumps([[-9 * chance.random(), chance.random() < 0.5] for _ in item.choices]) for item in items]


class Table:
    """What the harness's language model is asked, and what it says."""

    def __init__(self, items: list[ExamItem], replies: list[str]) -> None:
        self.said = {json.dumps(item.prompt): reply for item, reply in zip(items, replies, strict=True)}
        self.places = {(json.dumps(item.prompt), choice): i for item in items for i, choice in enumerate(item.choices)}
        self.asked: list[str] = []

    def reply(self, prompt: str, until: list[str]) -> str:
        self.asked.append(prompt)
        said = self.said[prompt]
        for end in until:
            said = said.split(end)[0]
        return said

    def chance(self, prompt: str, choice: str) -> tuple[float, bool]:
        self.asked.append(prompt)
        likelihood, greedy, _ = json.loads(self.said[prompt])[self.places[prompt, choice]]
        return likelihood, greedy


def evaluated(task: str, table: Table, **more: Any) -> dict[str, Any]:
    """The harness's own evaluation of a model that answers from the table."""
    import lm_eval
    from lm_eval.api.model import LM
    from lm_eval.tasks import TaskManager

    class Fake(LM):
        tokenizer_name = "none"

        def generate_until(self, requests: Any, disable_tqdm: bool = False) -> list[str]:
            return [table.reply(request.args[0], request.args[1]["until"]) for request in requests]

        def loglikelihood(self, requests: Any, disable_tqdm: bool = False) -> list[tuple[float, bool]]:
            return [table.chance(*request.args) for request in requests]

        def loglikelihood_rolling(self, requests: Any, disable_tqdm: bool = False) -> list[float]:
            raise AssertionError("no task here asks for this")

        def apply_chat_template(self, chat_history: Any, add_generation_prompt: bool = True) -> str:
            return json.dumps(chat_history)

        def chat_template(self, chat_template: Any = False) -> str:
            return "as JSON"

    manager = TaskManager(include_path=OWN, include_defaults=False)
    more = {"apply_chat_template": True, "bootstrap_iters": 0, **more}
    found = lm_eval.simple_evaluate(Fake(), tasks=[task], task_manager=manager, **more)
    assert found
    return found


def samples(found: dict[str, Any], task: str, kept: str, metric: str) -> list[bool]:
    mine = [sample for sample in found["samples"][task] if sample["filter"] == kept]
    return [sample[metric] == 1 for sample in sorted(mine, key=lambda sample: sample["doc_id"])]


@pytest.mark.slow  # the harness's evaluator imports torch
@pytest.mark.parametrize("limit", [None, 5])
def test_what_students_write_is_asked_and_graded_as_by_the_harness(limit: int | None) -> None:
    asked = exam(limit=limit).items(SUMS, FORM, 0)
    replies = replies_to(exam().items(SUMS, FORM, 0))[:limit]
    table = Table(asked, replies)
    found = evaluated("sums", table, limit=limit)
    assert table.asked == [json.dumps(item.prompt) for item in asked]
    counts = set()
    for kept in ("strict-match", "last-number"):
        sat = exam(filter=kept, limit=limit)
        right = [sat.grade(item, reply).right for item, reply in zip(asked, replies, strict=True)]
        assert right == samples(found, "sums", kept, "exact_match")
        assert sum(right) / len(right) == found["results"]["sums"][f"exact_match,{kept}"]
        counts.add(sum(right))
    assert len(counts) == 2
    assert 0 not in counts


@pytest.mark.slow
def test_choices_are_asked_and_graded_as_by_the_harness() -> None:
    asked = exam().items(PICKS, FORM, 0)
    replies = chances_of(asked)
    table = Table(asked, replies)
    found = evaluated("picks", table)
    assert table.asked == [json.dumps(item.prompt) for item in asked for _ in item.choices]
    by_metric = {}
    for metric in ("acc", "acc_norm"):
        sat = exam(metric=metric)
        grades = [sat.grade(item, reply) for item, reply in zip(asked, replies, strict=True)]
        by_metric[metric] = [grade.right for grade in grades]
        assert by_metric[metric] == samples(found, "picks", "none", metric)
        assert sum(by_metric[metric]) / len(asked) == found["results"]["picks"][f"{metric},none"]
        assert [grade.answer == item.gold for grade, item in zip(grades, asked, strict=True)] == by_metric[metric]
    assert by_metric["acc"] != by_metric["acc_norm"]


def test_by_default_the_tasks_first_filter_and_metric_count() -> None:
    item = exam(limit=1).items(SUMS, FORM, 0)[0]
    assert exam().grade(item, "#### 2013").right
    assert not exam().grade(item, "It is 2013").right
    assert exam(filter="last-number").grade(item, "It is 2013").right


def test_examples_can_be_left_out() -> None:
    items = exam(shots=0, limit=3).items(SUMS, FORM, 0)
    assert [[turn["role"] for turn in item.prompt] for item in items] == [["system", "user"]] * 3


def test_what_does_not_fit_a_task_is_refused_before_it_is_asked() -> None:
    with pytest.raises(SourceError, match="'sums' has no filter 'loose'; it has: strict-match, last-number"):
        exam(filter="loose").items(SUMS, FORM, 0)
    with pytest.raises(SourceError, match="asks how likely each choice is, which 4 samples say alike"):
        exam(samples=4, temperature=1.0).items(PICKS, FORM, 0)


def test_another_source_is_refused(tmp_path: Path) -> None:
    (tmp_path / "q.jsonl").write_text('{"question": "How many are 1 and 1?", "answer": "2"}')
    source = Questions(use="questions", path=str(tmp_path / "q.jsonl"), probe=0, test=0)
    with pytest.raises(SourceError, match=r"q.jsonl:1' is no document of a task: .* `\{use: harness_task, task: …\}`"):
        exam(part="train").items(source, FORM, 0)


class FirstIsLikeliest(StandInWorker):
    """Writes as the stand-in does, and finds the first of several choices likeliest."""

    def _answer(self, job: dict[str, Any], folder: Path) -> dict[str, Any]:
        facts = super()._answer(job, folder)
        questions = [json.loads(line) for line in Path(job["questions"]).read_text().splitlines()]
        replies = [json.loads(line) for line in (folder / "replies.jsonl").read_text().splitlines()]
        for question, reply in zip(questions, replies, strict=True):
            if question["choices"]:
                reply["reply"] = json.dumps([[-1.0 - i, False] for i in range(len(question["choices"]))])
        (folder / "replies.jsonl").write_text("".join(json.dumps(reply) + "\n" for reply in replies))
        return facts


async def test_a_run_asks_choices_and_its_canaries_as_questions(loop: Loop, store: Store) -> None:
    loop.worker = FirstIsLikeliest()
    recipe = loop.recipe(
        f"sources.known={{use: harness_task, task: picks, include_path: {OWN}, parts: {{test: validation}}}}",
        "exams.known={use: harness, source: known, part: test, canaries: 2}",
    )
    async with loop.opened(recipe, store) as work:
        store.add(Plan.new(run=work.run.key, round=1, why="done", stop=True))
        [card] = await examine(work, base_student(work, recipe.training[-1]), ["known"])
        attempts = store.attempts_of(work.run.key, ["known"])
    assert (card.n, card.accuracy) == (8, 4 / 8)
    assert len(attempts) == 10
    counted = [attempt for attempt in attempts if attempt.skill == "picks"]
    assert all(attempt.right is (attempt.answer == attempt.gold) for attempt in counted)
    [job] = loop.worker.done
    lines = [json.loads(line) for line in Path(job["questions"]).read_text().splitlines()]
    assert [len(line["choices"]) for line in lines] == [2, 3, 3, 2, 3, 2, 2, 2, 0, 0]
