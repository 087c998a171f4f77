"""What tests share: no request leaves this machine, stores and homes in tmp, and stand-ins for teacher and student.

The whole loop runs here in milliseconds: `Loop` replaces the wire to the teacher and the student's process, nothing else.
"""

import asyncio
import hashlib
import json
import shutil
from collections import Counter
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from hypothesis import settings

from agents import wire
from agents.endpoint import Endpoint
from agents.kinds import Reply
from agents.line import Completion, Line
from agents.rehearsal.faults import known
from agents.rehearsal.teacher import Refusal, RehearsalTeacher
from agents.teacher import EndpointTeacher
from orchestrator import cycle, worker_process
from orchestrator.cycle import open_work, run_directly, teach
from orchestrator.machine import Machine
from orchestrator.recipe import Recipe, load_recipe
from orchestrator.work import Work
from storage.keyed import content_key
from storage.records import Plan
from storage.store import Store, open_store

settings.register_profile("loaded machine", deadline=None)
settings.load_profile("loaded machine")
DATA = Path(__file__).parent / "data"
SMALL = (
    "sources.tasks.choose=[change, trip, film, tallest]",
    "sources.basics.choose=[add, copy]",
    "seeds={tasks: 16, basics: 2}",
    "lessons.practise.samples=1",
    "exams.probe.per_skill=3",
    "exams.test.per_skill=3",
    "exams.retention.per_skill=2",
    "feedback.seeds=10",
    "feedback.failures=4",
)
"""Edits that make a recipe of the demo which two rounds of the loop teach in well under a second."""
TRAIN_JOB = {
    "kind",
    "folder",
    "base",
    "adapter",
    "adapter_digest",
    "rows",
    "student",
    "trainer",
    "lora",
    "seed",
    "settings",
    "own",
}
ANSWER_JOB = {"kind", "folder", "base", "adapter", "asked", "questions", "student"}
SAMPLING = {"temperature", "top_p", "seed", "constraints"}
"""What an answering job may say besides."""


@pytest.fixture(scope="session", autouse=True)
def _confined(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Nothing is asked of another machine, and nothing is read from or written to a person's home."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(wire, "ALLOW_REQUESTS", False)
        patch.setenv("HOME", str(tmp_path_factory.mktemp("home")))
        yield


@pytest.fixture(scope="session")
def empty_store(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A migrated store file to copy: a migration takes longer than most tests."""
    path = tmp_path_factory.mktemp("store") / "store.sqlite"
    open_store(path).close()
    return path


@pytest.fixture
def new_store(empty_store: Path, tmp_path: Path) -> Callable[[str], Store]:
    """Gives a new, empty store at each new name."""

    def made(name: str) -> Store:
        return open_store(shutil.copy(empty_store, tmp_path / f"{name}.sqlite"))

    return made


@pytest.fixture
def store(new_store: Callable[[str], Store]) -> Iterator[Store]:
    with new_store("store") as opened:
        yield opened


@pytest.fixture
def in_tmp(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture
def loop(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> "Loop":
    return Loop(tmp_path, monkeypatch)


class ScriptedTeacher:
    """Answers a form with what a function of (prompt, form, sample) says; an exception that it returns is raised."""

    def __init__(self, answer: Callable[[str, Any, int], Any], model: str = "scripted") -> None:
        self.model, self.places = model, 64
        self.asked: list[str] = []
        self._answer = answer

    def several(self, samples: int) -> "ScriptedTeacher":
        return self

    async def ask(self, prompt: str, form: Any, *, sample: int = 0, sampling: Any = None) -> Reply[Any]:
        self.asked.append(prompt)
        value = self._answer(prompt, form, sample)
        if isinstance(value, Exception):
            raise value
        return Reply(form.model_validate(value), content_key("call", [prompt, form.__name__, sample]))


class InProcessLine(Line):
    """A line to the rehearsal teacher without a server: everything but the wire is as with any other endpoint."""

    def __init__(self, loop: "Loop", role: str, model: str | None = None) -> None:
        model = model or loop.model
        super().__init__(Endpoint("http://127.0.0.1:9/v1", model, max_tokens=200, concurrency=loop.concurrency))
        self._loop, self._role = loop, role

    async def complete(self, key: str, content: bytes, tokens: int, passage: Any) -> Completion:
        async with self._pace.turn(tokens):
            with passage.sending():
                await asyncio.sleep(0)
        sent = json.loads(content)
        schema = sent["response_format"]["json_schema"]["schema"]
        reply = self._loop.say(self._role, sent["model"], sent["messages"], schema, sent["seed"])
        self._loop.sent.append(json.dumps(sent, sort_keys=True))
        text, refusal = (None, reply.reason) if isinstance(reply, Refusal) else (reply, None)
        usage = {"prompt_tokens": len(json.dumps(sent["messages"]).split()), "completion_tokens": 20}
        message = {"role": "assistant", "content": text, "refusal": refusal}
        return Completion({"choices": [{"finish_reason": "stop", "message": message}], "usage": usage}, 0.01, 1)


class StandInWorker:
    """The student worker as the loop sees it, without torch: a student that remembers which skills it was taught.

    It answers right and is sure of it in a skill of which it has seen `enough` rows, and otherwise gives a wrong answer
    or none and is not. Its samples of one question are alike.
    """

    def __init__(self, enough: int = 4) -> None:
        self.enough = enough
        self.done: list[dict[str, Any]] = []
        """The jobs that were carried out; one whose result lay there already is not."""

    async def run(self, job_file: Path, folder: Path, on_event: Callable[[dict[str, Any]], None]) -> int:
        job = json.loads(job_file.read_text())
        assert set(job) - SAMPLING == ANSWER_JOB if job["kind"] == "answer" else set(job) == TRAIN_JOB
        on_event({"event": "begin"})
        result = {"ok": True, "seconds": 1.5, **(self._train if job["kind"] == "train" else self._answer)(job, folder)}
        (folder / "result.json").write_text(json.dumps(result))
        self.done.append(job)
        return 0

    def trainings(self) -> int:
        return sum(job["kind"] == "train" for job in self.done)

    def _train(self, job: dict[str, Any], folder: Path) -> dict[str, Any]:
        assert job["adapter"] is None or (Path(job["adapter"]) / "memory.json").is_file()
        rows = _jsonl(Path(job["rows"]))
        skills = Counter(item.skill.name for row in rows if (item := known(row["prompt"][-1]["content"])))
        memory = json.dumps(skills, sort_keys=True)
        (folder / "adapter").mkdir(exist_ok=True)
        (folder / "adapter" / "memory.json").write_text(memory)
        (folder / "adapter" / "adapter_config.json").write_text("{}")
        digest = hashlib.sha256(memory.encode()).hexdigest()
        counted = {"rows": len(rows), "tokens": 10 * len(rows), "supervised_tokens": 4 * len(rows)}
        took = {"steps": 3, "loss": 0.5, "tokens_per_second": 100.0, "peak_memory": 1 << 30}
        return {**took, **counted, "adapter_digest": digest}

    def _answer(self, job: dict[str, Any], folder: Path) -> dict[str, Any]:
        memory = json.loads((Path(job["adapter"]) / "memory.json").read_text()) if job["adapter"] else {}
        questions = _jsonl(Path(job["questions"]))
        replies = [
            {"key": q["key"], "reply": _likelihoods(q["choices"]), "tokens": 0, "finished": True}
            if q.get("choices")
            else {"key": q["key"], **self._reply(q["prompt"][-1]["content"], memory)}
            for q in questions
        ]
        (folder / "replies.jsonl").write_text("".join(json.dumps(reply) + "\n" for reply in replies))
        return {"replies": len(replies), "tokens": 7 * len(replies)}

    def _reply(self, question: str, memory: dict[str, int]) -> dict[str, Any]:
        item = known(question)
        if item and memory.get(item.skill.name, 0) >= self.enough:
            text, confidence, margin = f"{item.truth.rationale}\n#### {item.truth.answer}", 0.95, 0.9
        else:
            text, confidence, margin = "#### wrong on purpose" if len(question) % 2 else "I cannot tell", 0.4, 0.2
        return {"reply": text, "tokens": 7, "finished": True, "confidence": confidence, "margin": margin}


class Loop:
    """Teaches a recipe with the rehearsal teacher in this process and the stand-in student."""

    def __init__(self, folder: Path, patch: pytest.MonkeyPatch) -> None:
        self.runs = folder / "runs"
        self.worker = StandInWorker()
        self.sent: list[str] = []
        """Every request that reached the teacher."""
        self.model, self.concurrency = "rehearsal-teacher", 64
        self.tampering: Callable[[str, str | Refusal], str | Refusal] = lambda role, reply: reply
        """Given a role and what the rehearsal teacher replies; says what it replies instead."""
        self._rehearsal = RehearsalTeacher()
        patch.setattr(worker_process, "_run", lambda *job: self.worker.run(*job))
        patch.setattr(cycle, "teachers_for", self._teachers)

    def recipe(self, *edits: str, place: str | Path = "demo", small: Sequence[str] = SMALL) -> Recipe:
        return load_recipe(place, [*small, *edits])

    @asynccontextmanager
    async def opened(self, recipe: Recipe, store: Store, **listening: Any) -> AsyncIterator[Work]:
        async with open_work(recipe, Machine(), store, self.runs / Path(store.place).stem, **listening) as work:
            yield work

    async def teach(
        self, recipe: Recipe, store: Store, stage: Any = run_directly, **listening: Any
    ) -> tuple[str, Plan]:
        """The run's key and the plan that ended it."""
        async with self.opened(recipe, store, **listening) as work:
            return work.run.key, await teach(work, stage)

    def say(self, role: str, model: str, messages: Any, schema: Any, sample: int) -> str | Refusal:
        return self.tampering(role, self._rehearsal.reply(model, messages, schema, sample=sample))

    @asynccontextmanager
    async def _teachers(self, roles: Any, machine: Machine, ledger: Any, log: Any = None) -> AsyncIterator[Any]:
        parts = roles if isinstance(roles, dict) else dict.fromkeys(roles)
        lines = {role: InProcessLine(self, role, part and part.rehearsal) for role, part in parts.items()}
        try:
            yield {role: EndpointTeacher(line, ledger) for role, line in lines.items()}
        finally:
            for line in lines.values():
                await line.aclose()


def _likelihoods(choices: list[str]) -> str:
    """A token a word, and the less likely the longer a word is."""
    return json.dumps([[-0.5 * len(text.replace(" ", "")), False, len(text.split())] for text in choices])


def _jsonl(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]
