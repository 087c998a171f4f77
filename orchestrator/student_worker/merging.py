"""Merges a student into plain weights, and asks both: a student that is handed over answers as the one that was examined."""

import json
import os
import shutil
from pathlib import Path
from typing import Any

import torch
from peft import PeftModel
from transformers import AutoModelForCausalLM

from orchestrator.student_worker.answering import answer
from orchestrator.student_worker.events import Events
from orchestrator.student_worker.parity import compare, turns
from orchestrator.student_worker.tokenizing import load_tokenizer

OF = "student.json"
"""Says whose weights lie in a folder; one without it is nobody's to overwrite."""
NAMED = ("student", "adapter_digest", "float32")
"""What it says of the job."""


def merge(job: dict[str, Any], events: Events) -> dict[str, Any]:
    """Writes the folder `to` and asks what `questions` holds of both; the result has `parity`, `turns` and how it is stored.

    The adapter is merged in float32 and then stored as the base is (`float32: true`: as it was merged), since merging in
    bfloat16 costs three digits. Both are asked greedily and computed in float32, as in exams; the merged one is read from
    its folder, with the tokenizer and the template that lie there.
    """
    to, folder = Path(job["to"]), Path(job["folder"])
    partial = to.with_name(f"{to.name}.partial")
    shutil.rmtree(partial, ignore_errors=True)
    tokenizer = load_tokenizer(job["base"])
    stored = _write(job, tokenizer, partial)
    shutil.rmtree(to, ignore_errors=True)
    os.replace(partial, to)
    events.say("merged", to=str(to))
    trained = _replies(folder / "trained", job["base"], job["adapter"], job["questions"], events)
    merged = _replies(folder / "merged", str(to), None, job["questions"], events)
    asked = [json.loads(line) for line in Path(job["questions"]).read_text(encoding="utf-8").splitlines()]
    return {
        "parity": compare(asked, trained, merged, tokenizer),
        "turns": turns(tokenizer),
        "end": tokenizer.eos_token,
        "stored": stored,
    }


def _write(job: dict[str, Any], tokenizer: Any, to: Path) -> str:
    kind = AutoModelForCausalLM.from_pretrained(job["base"], dtype="auto", trust_remote_code=False).dtype
    model: Any = AutoModelForCausalLM.from_pretrained(job["base"], dtype=torch.float32, trust_remote_code=False)
    if job["adapter"]:
        model = PeftModel.from_pretrained(model, job["adapter"]).merge_and_unload()
    model.to(torch.float32 if job["float32"] else kind).save_pretrained(to)
    tokenizer.save_pretrained(to)
    (to / OF).write_text(json.dumps({name: job[name] for name in NAMED}, indent=1) + "\n", encoding="utf-8")
    return str(model.dtype).removeprefix("torch.")


def _replies(folder: Path, base: str, adapter: str | None, questions: str, events: Events) -> dict[str, str]:
    folder.mkdir(parents=True, exist_ok=True)
    answer({"folder": str(folder), "base": base, "adapter": adapter, "questions": questions}, events)
    lines = map(json.loads, (folder / "replies.jsonl").read_text(encoding="utf-8").splitlines())
    return {line["key"]: line["reply"] for line in lines}
