"""Trains a LoRA with TRL from a job file, resuming from the newest complete checkpoint."""

import hashlib
import json
import math
import os
import shutil
from pathlib import Path
from typing import Any

import torch
from datasets import Dataset
from peft import LoraConfig, PeftModel
from transformers import AutoModelForCausalLM, AutoTokenizer, TrainerCallback
from trl.trainer.sft_config import SFTConfig
from trl.trainer.sft_trainer import SFTTrainer

from orchestrator.student_worker.checkpoints import newest_complete
from orchestrator.student_worker.events import Events
from orchestrator.student_worker.threads import fit_threads

CHECKPOINTS = 5
"""How many a training writes; a kill costs at most a fifth of it."""


class Stream(TrainerCallback):
    """Passes the trainer's log on, and stops a training whose loss is no number."""

    def __init__(self, events: Events) -> None:
        self._events = events
        self.loss = math.nan

    def on_train_begin(self, args: Any, state: Any, control: Any, **more: Any) -> None:
        self._events.say("begin", steps=state.max_steps, resumed_at=state.global_step)

    def on_log(self, args: Any, state: Any, control: Any, logs: dict[str, Any] | None = None, **more: Any) -> None:
        numbers = {name: value for name, value in (logs or {}).items() if isinstance(value, int | float)}
        self._events.say("log", step=state.global_step, steps=state.max_steps, **numbers)
        self.loss = numbers.get("loss", self.loss)
        if not all(math.isfinite(numbers.get(name, 0.0)) for name in ("loss", "grad_norm")):
            raise ArithmeticError(f"loss or gradient is no number at step {state.global_step}; lower the learning rate")


def train(job: dict[str, Any], events: Events) -> dict[str, Any]:
    """Facts of the result: steps, loss, adapter digest. Raises ValueError by name for rows that cannot teach."""
    folder = Path(job["folder"])
    tokenizer = AutoTokenizer.from_pretrained(job["base"], trust_remote_code=False)
    rows = _rows(Path(job["rows"]))
    longest = _longest(rows, tokenizer)
    stream = Stream(events)
    trainer = SFTTrainer(
        _model(job),
        args=SFTConfig(**_settings(job, len(rows), longest)),
        train_dataset=Dataset.from_list(rows),
        processing_class=tokenizer,
        peft_config=None if job["adapter"] else LoraConfig(**_lora(job["lora"])),
        callbacks=[stream],
    )
    rows_as_trained: Any = trainer.train_dataset
    _check_ends(rows_as_trained, tokenizer)
    checkpoint = newest_complete(folder)
    out = trainer.train(resume_from_checkpoint=str(checkpoint) if checkpoint else None)
    digest = _save(trainer, tokenizer, folder)
    for old in folder.glob("checkpoint-*"):
        shutil.rmtree(old)
    tokens = sum(len(row) for row in rows_as_trained["input_ids"])
    return {
        "steps": out.global_step,
        "loss": stream.loss,
        "rows": len(rows),
        "tokens": round(tokens * job["settings"]["num_train_epochs"]),
        "adapter_digest": digest,
    }


def _rows(path: Path) -> list[dict[str, Any]]:
    with path.open(encoding="utf-8") as lines:
        return [json.loads(line) for line in lines]


def _longest(rows: list[dict[str, Any]], tokenizer: Any) -> int:
    """The longest row in tokens: `max_length` cuts without a word, so it is set from the data."""
    texts = [tokenizer.apply_chat_template(row["prompt"] + row["completion"], tokenize=False) for row in rows]
    longest = max(len(ids) for ids in tokenizer(texts, add_special_tokens=False)["input_ids"])
    if longest > tokenizer.model_max_length:
        raise ValueError(
            f"the longest row has {longest} tokens, the model reads {tokenizer.model_max_length}; "
            "leave out long rows or choose a base with a longer context"
        )
    return longest + 8


def _model(job: dict[str, Any]) -> Any:
    base = AutoModelForCausalLM.from_pretrained(
        job["base"], dtype=torch.bfloat16 if torch.cuda.is_available() else torch.float32, trust_remote_code=False
    )
    fit_threads(base)
    return PeftModel.from_pretrained(base, job["adapter"], is_trainable=True) if job["adapter"] else base


def _lora(options: dict[str, Any]) -> dict[str, Any]:
    return {
        "task_type": "CAUSAL_LM",
        "target_modules": "all-linear",
        "r": options["rank"],
        "lora_alpha": options["alpha"],
        "lora_dropout": options["dropout"],
        "use_rslora": options["rank_stabilised"],
        "use_dora": options["weight_decomposed"],
    }


def _settings(job: dict[str, Any], rows: int, longest: int) -> dict[str, Any]:
    on_gpu = torch.cuda.is_available()
    settings = job["settings"]
    steps = math.ceil(rows / settings["per_device_train_batch_size"]) * settings["num_train_epochs"]
    return {
        **settings,
        "output_dir": job["folder"],
        "max_length": longest,
        "seed": job["seed"],
        "data_seed": job["seed"],
        # batches of like lengths would be a third faster, and of one skill each: measured, .71 learned instead of .85
        "train_sampling_strategy": "random",
        "logging_steps": max(1, round(steps / 40)),
        "logging_nan_inf_filter": False,
        "save_strategy": "steps",
        "save_steps": max(1, math.ceil(steps / CHECKPOINTS)),
        "save_total_limit": 2,
        "report_to": "none",
        "disable_tqdm": True,
        "use_cpu": not on_gpu,
        "bf16": on_gpu or _cpu_multiplies_bf16(),
        "gradient_checkpointing": on_gpu,
        "dataloader_pin_memory": on_gpu,
    }


def _cpu_multiplies_bf16() -> bool:
    """bf16 autocast pays on a CPU only where the instruction exists; elsewhere it is emulated."""
    return "bf16" in Path("/proc/cpuinfo").read_text() if os.path.exists("/proc/cpuinfo") else False


def _check_ends(dataset: Any, tokenizer: Any) -> None:
    """A student whose lessons never end in the end token never learns to stop, and no library says so."""
    endless = sum(1 for row in dataset if row["labels"][-1] != tokenizer.eos_token_id)
    if endless:
        raise ValueError(
            f"{endless} of {len(dataset)} rows do not end in the end token {tokenizer.eos_token!r}; "
            "the base's chat template must close the assistant's turn with it"
        )


def _save(trainer: Any, tokenizer: Any, folder: Path) -> str:
    """The adapter folder appears whole or not at all; returns the digest of its weights."""
    partial, final = folder / "adapter.partial", folder / "adapter"
    shutil.rmtree(partial, ignore_errors=True)
    trainer.model.save_pretrained(partial)
    tokenizer.save_pretrained(partial)
    learned = [p for name, p in trainer.model.named_parameters() if "lora_B" in name]
    if not learned or not any(p.abs().max() > 0 for p in learned) or not all(p.isfinite().all() for p in learned):
        raise ArithmeticError("the adapter learned nothing or holds no numbers; see events.jsonl for the loss")
    shutil.rmtree(final, ignore_errors=True)
    os.replace(partial, final)
    return hashlib.sha256((final / "adapter_model.safetensors").read_bytes()).hexdigest()
