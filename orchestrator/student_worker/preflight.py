"""What is looked at before the first step of a training: rows, tokenizer, base and device. Read `look`."""

import json
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from jinja2 import TemplateError

from orchestrator.student_worker import device, several
from orchestrator.student_worker.checks import (
    Facts,
    Finding,
    check_batch,
    check_rows,
    check_teacher,
    check_template,
    check_tokens,
)
from orchestrator.student_worker.events import Events
from orchestrator.student_worker.footprint import Load, fits, memory, seconds, shapes_of
from orchestrator.student_worker.sequences import Row, shown, tokens_of
from orchestrator.student_worker.tokenizing import load_tokenizer

SAMPLE = 2000
"""Rows that are looked at as tokens, evenly spread."""
ACROSS = "sorted"
"""The divergence that compares teacher and student without their vocabularies (ULD)."""
SHOWN = 2
"""Rows that are shown with what the loss is of."""


class Refused(ValueError):
    """A training that would go wrong; the message names each reason and its way out."""


def preflight(job: dict[str, Any], _events: Events) -> dict[str, Any]:
    """Facts of a job that only looks: `findings`, `figures`, and `shown`, rows in pieces (text, whether it is learned)."""
    findings, figures, examples = look(job)
    return {"findings": [asdict(finding) for finding in findings], "figures": figures, "shown": examples}


def refuse_what_would_go_wrong(job: dict[str, Any], events: Events) -> None:
    """The same before a training. Raises Refused."""
    findings, figures, _ = look(job)
    events.say("preflight", figures=figures, warnings=[f.found for f in findings if f.state == "warn"])
    refuse(findings)


def refuse_batch(trainer: Any) -> None:
    """What the trainer's collator makes of its first rows. Raises Refused. A trainer without labels is passed over."""
    few = [trainer.train_dataset[i] for i in range(min(4, len(trainer.train_dataset)))]
    if few and "labels" in few[0]:
        batch = trainer.data_collator(few)
        refuse([check_batch(batch["input_ids"].tolist(), batch["labels"].tolist(), trainer.processing_class)])


def refuse(findings: Sequence[Finding]) -> None:
    if refused := [finding for finding in findings if finding.state == "refuse"]:
        raise Refused("; ".join(f"{each.check}: {each.found} → {each.fix}" for each in refused))


def look(job: dict[str, Any]) -> tuple[list[Finding], dict[str, Any], list[Any]]:
    """Findings, figures, and rows as they are shown. What is refused early keeps later checks from being made."""
    tokenizer = load_tokenizer(job["base"])
    rows: list[Row] = [json.loads(line) for line in Path(job["rows"]).read_text(encoding="utf-8").splitlines()]
    findings = [*check_rows(rows), check_template(rows, tokenizer)]
    if any(finding.check in ("unreadable_row", "no_template") and finding.state == "refuse" for finding in findings):
        return findings, {"rows": len(rows)}, []
    step = max(1, -(-len(rows) // SAMPLE))
    numbered = list(enumerate(rows, 1))[::step]
    try:
        tokens = tokens_of(numbered, tokenizer)
    except TemplateError as error:
        return [*findings, template_refuses(error)], {"rows": len(rows)}, []
    shapes = shapes_of(Path(job["base"]))
    findings += check_tokens(
        Facts(
            rows=rows,
            tokens=tokens,
            tokenizer=tokenizer,
            context=_context(job["base"], tokenizer),
            embedded=shapes.vocabulary if shapes else None,
            stops=_stops(job["base"]),
            by_number=dict(numbered),
        )
    )
    own = job.get("own", {})
    if "base" in (own.get("teacher") or {}) and own.get("divergence") != ACROSS:
        teachers = load_tokenizer(own["teacher"]["base"])
        findings.append(check_teacher(tokenizer.get_vocab(), teachers.get_vocab()))
    lengths = [len(each.ids) for each in tokens]
    figures = {
        "rows": len(rows),
        "looked_at": len(numbered),
        "longest": max(lengths),
        "tokens": round(sum(lengths) * len(rows) / len(numbered)),
        "learned": sum(len(each.learned) for each in tokens) / max(1, sum(lengths)),
    }
    if shapes:
        load = _load(job, figures, replies=len(tokens) // len(numbered))
        findings.append(fits(shapes, load, device.free_bytes()))
        figures["memory"] = memory(shapes, load)
        figures["free"] = device.free_bytes()
        figures["seconds"] = round(seconds(shapes, load, device.speed(shapes, load.batch * load.length)), 1)
    examples = [{"row": each.row, "part": each.part, "pieces": shown(each, tokenizer)} for each in tokens[:SHOWN]]
    return findings, figures, examples


def template_refuses(error: TemplateError) -> Finding:
    """For a template that raises by itself, for instance because it knows no system prompt."""
    return Finding(
        "template_refuses",
        "refuse",
        f"the base's chat template refuses the conversations: {error}",
        "write lessons as the template wants them, often without a system prompt, or take another base",
    )


def _load(job: dict[str, Any], figures: dict[str, Any], replies: int) -> Load:
    settings = job["settings"]
    return Load(
        rank=job["lora"]["rank"],
        batch=min(settings["per_device_train_batch_size"] // several.processes(), figures["rows"]),
        length=figures["longest"],
        tokens=round(figures["tokens"] * settings["num_train_epochs"] / max(1, replies)),
        device=device.name(),
        replies=max(1, replies),
        quantised=bool(job["lora"].get("quantised")),
    )


def _context(base: str, tokenizer: Any) -> int:
    return min(tokenizer.model_max_length, _read(base, "config.json").get("max_position_embeddings", 1 << 62))


def _stops(base: str) -> frozenset[int]:
    found = _read(base, "generation_config.json").get("eos_token_id")
    return frozenset(found if isinstance(found, list) else [] if found is None else [found])


def _read(base: str, name: str) -> dict[str, Any]:
    path = Path(base) / name
    return json.loads(path.read_text(encoding="utf-8")) if path.is_file() else {}
