"""What a training is said to take, against what one takes: models made from a configuration, trained for two steps."""

import json
import shutil
import subprocess
import sys
from itertools import islice
from pathlib import Path
from typing import Any

import pytest

from agents.rehearsal import world
from orchestrator.formats.rationale_then_answer import RationaleThenAnswer
from orchestrator.machine import EMBEDDED
from orchestrator.student_worker.footprint import FACTOR, RUNTIME, TIME_FACTOR

pytestmark = pytest.mark.slow
FORM = RationaleThenAnswer(use="rationale_then_answer")
LORA = {"rank": 16, "alpha": 32, "dropout": 0.0, "rank_stabilised": False, "weight_decomposed": False}


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Untaught, 6 layers of 256, with the embedded base's tokenizer."""
    from transformers import LlamaConfig, LlamaForCausalLM

    folder = tmp_path_factory.mktemp("base")
    shutil.copytree(EMBEDDED, folder, dirs_exist_ok=True)
    sizes = {"hidden_size": 256, "intermediate_size": 768, "num_hidden_layers": 6, "num_attention_heads": 8}
    ids = {"eos_token_id": 1, "pad_token_id": 0, "bos_token_id": None}
    LlamaForCausalLM(LlamaConfig(vocab_size=1024, **sizes, **ids)).save_pretrained(folder)
    return folder


def trained(folder: Path, base: Path, batch: int) -> tuple[int, dict[str, Any], float]:
    """Peak memory of the process in bytes, what preflight said, and the seconds of its two steps."""
    folder.mkdir()
    items = islice(world.items("film", 0, "train"), 2 * batch)
    rows = [FORM.row({"question": i.question, "rationale": i.rationale, "answer": i.answer}) for i in items]
    (folder / "rows.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    settings = {"learning_rate": 1e-3, "num_train_epochs": 1, "per_device_train_batch_size": batch}
    facts = {"kind": "train", "folder": str(folder), "base": str(base), "adapter": None, "trainer": "sft", "own": {}}
    job = {**facts, "rows": str(folder / "rows.jsonl"), "seed": 0, "lora": LORA, "settings": settings}
    (folder / "job.json").write_text(json.dumps(job))
    process = subprocess.Popen([sys.executable, "-m", "orchestrator.student_worker", str(folder / "job.json")])
    assert process.wait() == 0, (folder / "result.json").read_text()
    events = [json.loads(line) for line in (folder / "events.jsonl").read_text().splitlines()]
    [said] = [event["figures"] for event in events if event["event"] == "preflight"]
    times = {event["event"]: event["time"] for event in events if event["event"] in ("begin", "log")}
    peak = max(event["peak_memory"] for event in events if event["event"] == "log")
    return peak, said, times["log"] - times["begin"]


def test_memory_and_time_are_within_the_factors_that_are_stated(base: Path, tmp_path: Path) -> None:
    small, said_small, _ = trained(tmp_path / "small", base, 4)
    large, said_large, took = trained(tmp_path / "large", base, 48)
    for peak, said in ((small, said_small), (large, said_large)):
        predicted = sum(said["memory"].values())
        assert peak / FACTOR < predicted < peak * FACTOR, (peak, said)
    # without what the process takes before it has a model, which hides what grows with the batch
    grown = sum(said_large["memory"].values()) - sum(said_small["memory"].values())
    assert (large - small) / FACTOR < grown < (large - small) * FACTOR, (small, large, said_small, said_large)
    assert small > RUNTIME["cpu"] / FACTOR
    assert took / TIME_FACTOR < said_large["seconds"] < took * TIME_FACTOR, (took, said_large)
