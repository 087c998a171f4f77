"""Trains a LoRA with TRL from a job file, resuming from the newest complete checkpoint."""

import hashlib
import math
import os
import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch
from peft import LoraConfig, PeftModel
from transformers import AutoModelForCausalLM, AutoTokenizer, TrainerCallback

from orchestrator.student_worker.checkpoints import newest_complete
from orchestrator.student_worker.events import Events
from orchestrator.student_worker.preflight import refuse_batch, refuse_what_would_go_wrong
from orchestrator.student_worker.rows import check_longest, lengths, read
from orchestrator.student_worker.threads import fit_threads
from orchestrator.student_worker.trainers import Ready, named

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
    refuse_what_would_go_wrong(job, events)
    stream = Stream(events)
    trainer, facts = prepare(job, [stream])
    refuse_batch(trainer)
    checkpoint = newest_complete(folder)
    out = trainer.train(resume_from_checkpoint=str(checkpoint) if checkpoint else None)
    digest = _save(trainer, folder)
    for old in folder.glob("checkpoint-*"):
        shutil.rmtree(old)
    return {"steps": out.global_step, "loss": stream.loss, "adapter_digest": digest, **facts}


def prepare(job: dict[str, Any], callbacks: list[Any]) -> tuple[Any, dict[str, int]]:
    """The trainer of a job before its first step, everything checked; and how many rows and tokens it will read."""
    tokenizer = AutoTokenizer.from_pretrained(job["base"], trust_remote_code=False)
    rows = read(Path(job["rows"]))
    tokens = lengths(rows, tokenizer)
    check_longest(max(tokens), tokenizer)
    module = named(job["trainer"])
    trainer = module.build(
        Ready(
            model=_model(job),
            tokenizer=tokenizer,
            rows=rows,
            settings=_settings(job, len(rows), max(tokens)),
            own=job["own"],
            lora=None if job["adapter"] else LoraConfig(**_lora(job["lora"])),
            callbacks=callbacks,
        )
    )
    _check_ends(list(module.learned(trainer)), tokenizer)
    return trainer, {"rows": len(rows), "tokens": round(sum(tokens) * job["settings"]["num_train_epochs"])}


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
        "max_length": longest + 8,
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


def _check_ends(replies: list[Sequence[int]], tokenizer: Any) -> None:
    """A student whose lessons never end in the end token never learns to stop, and no library says so."""
    endless = sum(1 for ids in replies if not _ends(ids, tokenizer))
    if endless or not replies:
        raise ValueError(
            f"{endless} of {len(replies)} replies do not end in the end token {tokenizer.eos_token!r}; "
            "the base's chat template must close the assistant's turn with it"
        )


def _ends(ids: Sequence[int], tokenizer: Any) -> bool:
    """Templates such as ChatML put a line break behind the end token, which a student that stops there never says."""
    last = len(ids)
    while last and ids[last - 1] != tokenizer.eos_token_id:
        if tokenizer.decode([ids[last - 1]]).strip():
            return False
        last -= 1
    return last > 0


def _save(trainer: Any, folder: Path) -> str:
    """The adapter folder appears whole or not at all; returns the digest of its weights."""
    partial, final = folder / "adapter.partial", folder / "adapter"
    shutil.rmtree(partial, ignore_errors=True)
    trainer.model.save_pretrained(partial, selected_adapters=["default"])  # not the frozen copy that DPO compares with
    trainer.processing_class.save_pretrained(partial)
    learned = [p for name, p in trainer.model.named_parameters() if "lora_B.default" in name]
    if not learned or not any(p.abs().max() > 0 for p in learned) or not all(p.isfinite().all() for p in learned):
        raise ArithmeticError("the adapter learned nothing or holds no numbers; see events.jsonl for the loss")
    shutil.rmtree(final, ignore_errors=True)
    os.replace(partial, final)
    return hashlib.sha256((final / "adapter_model.safetensors").read_bytes()).hexdigest()
