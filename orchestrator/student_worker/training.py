"""Trains a LoRA with TRL from a job file, resuming from the newest complete checkpoint."""

import gc
import hashlib
import math
import os
import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch
from peft import LoraConfig, PeftModel
from safetensors.torch import load_file
from transformers import AutoModelForCausalLM

from orchestrator.student_worker import quantising, several
from orchestrator.student_worker.checkpoints import full_disk, micro_batch, newest_complete
from orchestrator.student_worker.checks import last_but_blanks
from orchestrator.student_worker.events import Events
from orchestrator.student_worker.fitting import NO_ROOM, ROWS, TIMES, ran_out, smaller, with_micro_batch
from orchestrator.student_worker.preflight import refuse_batch, refuse_what_would_go_wrong
from orchestrator.student_worker.progress import Progress
from orchestrator.student_worker.rows import check_longest, lengths, read
from orchestrator.student_worker.threads import fit_threads
from orchestrator.student_worker.tokenizing import load_tokenizer
from orchestrator.student_worker.trainers import Ready, named

CHECKPOINTS = 5
"""How many a training writes; a kill costs at most a fifth of it."""


def train(job: dict[str, Any], events: Events) -> dict[str, Any]:
    """Facts of the result: steps, loss, adapter digest, and what it took. Raises by name what cannot be got over.

    ValueError for rows that cannot teach and for what the machine lacks, DiskFull, and torch's OutOfMemoryError, with what
    to change.
    """
    folder = Path(job["folder"])
    quantising.check(job["lora"])
    several.check(job)
    refuse_what_would_go_wrong(job, events)
    progress = Progress(events)
    try:
        trainer, out, facts = _trained(job, progress, events)
        digest = _save(trainer, folder)
    except Exception as error:
        if (full := full_disk(error, folder)) is not None:
            raise full from error
        raise
    if several.rank() == 0:
        for old in folder.glob("checkpoint-*"):
            shutil.rmtree(old)
    return {"steps": out.global_step, "loss": progress.loss, "adapter_digest": digest, **facts, **progress.facts()}


def _trained(job: dict[str, Any], progress: Progress, events: Events) -> tuple[Any, Any, dict[str, int]]:
    """The trainer after its last step, with fewer rows at once for as long as memory runs out."""
    while True:
        checkpoint = _checkpoint(Path(job["folder"]), events)
        if checkpoint:
            rows = micro_batch(checkpoint) * several.processes()
            job = {**job, "settings": with_micro_batch(job["settings"], rows)}
        trainer, facts = _ready(job, progress)
        try:
            return trainer, trainer.train(resume_from_checkpoint=str(checkpoint) if checkpoint else None), facts
        except Exception as error:
            if not ran_out(error):
                raise
            job = {**job, "settings": smaller(job["settings"], job["trainer"], several.processes(), error)}
        events.say("out_of_memory", rows=job["settings"][ROWS], times=job["settings"][TIMES])
        del trainer
        gc.collect()
        torch.cuda.empty_cache()


def _ready(job: dict[str, Any], progress: Progress) -> tuple[Any, dict[str, int]]:
    """A trainer whose first batch has been looked at, and whose batches are counted. Raises torch's OutOfMemoryError."""
    try:
        trainer, facts = prepare(job, [progress])
    except Exception as error:
        if ran_out(error):
            raise torch.OutOfMemoryError(NO_ROOM) from error
        raise
    refuse_batch(trainer)
    progress.count(trainer)
    return trainer, facts


def _checkpoint(folder: Path, events: Events) -> Path | None:
    """The newest that is whole; damaged ones are told of and removed, since a trainer would count them as its newest."""
    found, damaged = newest_complete(folder)
    for path in damaged:
        events.say("damaged", checkpoint=path.name)
        if several.rank() == 0:
            shutil.rmtree(path)
    return found


def prepare(job: dict[str, Any], callbacks: list[Any]) -> tuple[Any, dict[str, int]]:
    """The trainer of a job before its first step, everything checked; and how many rows and tokens it will read."""
    tokenizer = load_tokenizer(job["base"])
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
        job["base"],
        dtype=torch.bfloat16 if torch.cuda.is_available() else torch.float32,
        trust_remote_code=False,
        **quantising.arguments(job["lora"]),
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
    settings = several.shared(job["settings"])
    batch = settings[ROWS] * settings.get(TIMES, 1) * several.processes() / settings.get("num_generations", 1)
    steps = math.ceil(rows / batch) * settings["num_train_epochs"]
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
    endless = sum(1 for ids in replies if last_but_blanks(ids, tokenizer) != tokenizer.eos_token_id)
    if endless or not replies:
        raise ValueError(
            f"{endless} of {len(replies)} replies do not end in the end token {tokenizer.eos_token!r}; "
            "the base's chat template must close the assistant's turn with it"
        )


def _save(trainer: Any, folder: Path) -> str:
    """The adapter folder appears whole or not at all; returns the digest of its weights, as they were written."""
    partial, final = folder / "adapter.partial", folder / "adapter"
    gathered = trainer.accelerator.get_state_dict(trainer.model_wrapped) if trainer.is_fsdp_enabled else None
    if not trainer.is_world_process_zero():
        return ""
    shutil.rmtree(partial, ignore_errors=True)
    own = ["default"]  # not the frozen copy that DPO compares with
    trainer.model.save_pretrained(partial, selected_adapters=own, state_dict=gathered)
    trainer.processing_class.save_pretrained(partial)
    weights = load_file(partial / "adapter_model.safetensors")
    learned = [weight for name, weight in weights.items() if "lora_B" in name]
    if not any(weight.any() for weight in learned) or not all(weight.isfinite().all() for weight in learned):
        raise ArithmeticError("the adapter learned nothing or holds no numbers; see events.jsonl for the loss")
    shutil.rmtree(final, ignore_errors=True)
    os.replace(partial, final)
    return hashlib.sha256((final / "adapter_model.safetensors").read_bytes()).hexdigest()
