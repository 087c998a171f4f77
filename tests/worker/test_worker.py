"""The student worker as a process: it trains, answers, resumes after kill -9, and says by name what is wrong."""

import json
import os
import signal
import subprocess
import sys
import time
from itertools import islice
from pathlib import Path
from typing import Any

import pytest

from agents.rehearsal import world
from orchestrator.exams.final_answer import FinalAnswer
from orchestrator.formats.rationale_then_answer import RationaleThenAnswer
from orchestrator.kinds import ExamItem
from orchestrator.machine import EMBEDDED

pytestmark = pytest.mark.slow
FORM = RationaleThenAnswer(use="rationale_then_answer")
LORA = {"rank": 8, "alpha": 16, "dropout": 0.0, "rank_stabilised": False, "weight_decomposed": False}
SETTINGS = {
    "learning_rate": 2e-3,
    "num_train_epochs": 2,
    "per_device_train_batch_size": 8,
    "warmup_steps": 0.03,
    "lr_scheduler_type": "cosine",
    "weight_decay": 0.0,
}


def job(folder: Path, rows: Path, **more: Any) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    facts = {"kind": "train", "folder": str(folder), "base": str(EMBEDDED), "adapter": None, "rows": str(rows)}
    path = folder / "job.json"
    path.write_text(
        json.dumps({**facts, "trainer": "sft", "seed": 0, "lora": LORA, "settings": SETTINGS, "own": {}, **more})
    )
    return path


def lessons(path: Path, count: int) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    items = islice(world.items("film", 0, "train"), count)
    rows = [FORM.row({"question": i.question, "rationale": i.rationale, "answer": i.answer}) for i in items]
    path.write_text("\n".join(map(json.dumps, rows)))
    return path


def start(path: Path) -> subprocess.Popen[bytes]:
    log = (path.parent / "worker.log").open("ab")
    return subprocess.Popen([sys.executable, "-m", "orchestrator.student_worker", str(path)], stdout=log, stderr=log)


def result(path: Path) -> dict[str, Any]:
    return json.loads((path.parent / "result.json").read_text())


def test_training_killed_in_the_middle_ends_with_the_same_adapter(tmp_path: Path) -> None:
    rows = lessons(tmp_path / "rows.jsonl", 120)
    calm, killed = job(tmp_path / "calm", rows), job(tmp_path / "killed", rows)
    assert start(calm).wait() == 0, (calm.parent / "worker.log").read_text()
    process = start(killed)
    while not list(killed.parent.glob("checkpoint-*/trainer_state.json")):
        assert process.poll() is None
        time.sleep(0.02)
    os.kill(process.pid, signal.SIGKILL)
    process.wait()
    assert not (killed.parent / "result.json").exists()
    assert start(killed).wait() == 0
    assert result(killed)["adapter_digest"] == result(calm)["adapter_digest"]
    events = [json.loads(line) for line in (killed.parent / "events.jsonl").read_text().splitlines()]
    assert [event["resumed_at"] > 0 for event in events if event["event"] == "begin"] == [False, True]


def test_a_broken_checkpoint_is_not_resumed_from(tmp_path: Path) -> None:
    path = job(tmp_path / "job", lessons(tmp_path / "rows.jsonl", 16))
    (path.parent / "checkpoint-99").mkdir()
    (path.parent / "checkpoint-99" / "trainer_state.json").write_text("{")
    assert start(path).wait() == 0
    assert result(path)["ok"]


def test_a_worker_without_its_parent_ends(tmp_path: Path) -> None:
    path = job(tmp_path / "job", lessons(tmp_path / "rows.jsonl", 16))
    code = (
        "import subprocess, sys, os, time; "
        f"p = subprocess.Popen([sys.executable, '-m', 'orchestrator.student_worker', {str(path)!r}, "
        "'--parent', str(os.getpid())]); print(p.pid, flush=True); time.sleep(60)"
    )
    parent = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True)
    assert parent.stdout
    worker = int(parent.stdout.readline())
    parent.kill()
    parent.wait()
    deadline = time.monotonic() + 10
    while Path(f"/proc/{worker}").exists() and time.monotonic() < deadline:
        time.sleep(0.1)
    assert not Path(f"/proc/{worker}").exists()


def test_rows_too_long_for_the_base_are_refused_by_name(tmp_path: Path) -> None:
    rows = tmp_path / "rows.jsonl"
    rows.write_text(json.dumps(FORM.row({"question": "why? " * 2000, "rationale": "so", "answer": "1"})))
    path = job(tmp_path / "job", rows)
    assert start(path).wait() == 1
    assert result(path)["cause"] == "Refused"
    assert "leave out long rows" in result(path)["message"]


def test_a_base_that_is_not_there_is_an_error_of_its_own(tmp_path: Path) -> None:
    path = job(tmp_path / "job", lessons(tmp_path / "rows.jsonl", 8), base=str(tmp_path / "nowhere"))
    assert start(path).wait() == 1
    assert not result(path)["ok"]


def test_the_embedded_base_scores_what_its_card_says(tmp_path: Path) -> None:
    card = json.loads((EMBEDDED / "made.json").read_text())["accuracy_on_unseen_drills"]
    exam = FinalAnswer(use="final_answer", source="basics", part="test")
    items = {
        f"{name}/{i}": ExamItem(
            item.question, item.answer, FORM.prompt({"question": item.question}), name, item.split_key
        )
        for name in card
        for i, item in enumerate(islice(world.items(name, 77, "test"), 20))
    }
    questions = tmp_path / "questions.jsonl"
    questions.write_text(
        "\n".join(json.dumps({"key": key, "prompt": item.prompt, "max_tokens": 160}) for key, item in items.items())
    )
    facts = {"questions": str(questions), "adapter": None}
    path = job(tmp_path / "job", questions, kind="answer", **facts)
    assert start(path).wait() == 0, (path.parent / "worker.log").read_text()
    replies = [json.loads(line) for line in (path.parent / "replies.jsonl").read_text().splitlines()]
    right = [exam.grade(items[reply["key"]], reply["reply"]).right for reply in replies]
    assert len(right) == 20 * len(card)
    assert sum(right) / len(right) == pytest.approx(sum(card.values()) / len(card), abs=0.04)
