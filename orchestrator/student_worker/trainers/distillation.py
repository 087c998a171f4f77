"""A student taught by next-token distributions: of another model, of itself shown more, or told by an endpoint.

One trainer, since these differ in what they compare and not in how they train. TRL's own do less or otherwise: its
`DistillationTrainer` learns from the student's words alone, `experimental.gkd` divides the loss on the student's words by
the number of tokens of the lessons, and none has a moving target, sparse targets, or a share of cross-entropy.
"""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Any

import torch
from trl.trainer.sft_config import SFTConfig

from orchestrator.student_worker.aligning import (
    behind_another_prompt,
    of_two_tokenizers,
    tokens_by_text,
    with_what_was_told,
)
from orchestrator.student_worker.distilling import Distilling
from orchestrator.student_worker.teachers import check_same_tokens, fitted_temperature, load_teacher, logits_at
from orchestrator.student_worker.trainers import Ready

Row = dict[str, Any]


def build(ready: Ready) -> Distilling:
    """Raises ValueError where student and teacher cannot be compared, with what to do instead."""
    own, same_tokens = ready.own, ready.own["divergence"] != "sorted"
    teacher, its_tokenizer = load_teacher(own["teacher"], ready.model) if own["teacher"] else (None, ready.tokenizer)
    if same_tokens:
        check_same_tokens(ready.tokenizer, its_tokenizer)
    aligned = _aligned(ready, None if same_tokens else its_tokenizer)
    apart = round(1 / own["held_out"]) if own["held_out"] else 0
    held_out = aligned[::apart] if apart else []
    rows = [row for i, row in enumerate(aligned) if i % apart] if apart else aligned
    trainer = Distilling(own, teacher, args=SFTConfig(**ready.settings), **replace(ready, rows=rows).arguments())
    if own["told"]:
        trainer.facts["told_used"] = _share_used(ready.rows, aligned)
    if held_out:
        trainer.teacher_temperature = _calibrated(ready, teacher, held_out)
    return trainer


def learned(trainer: Any) -> Iterator[Sequence[int]]:
    yield from trainer.train_dataset["labels"]


def _aligned(ready: Ready, other_tokenizer: Any) -> list[Row]:
    """The rows, with what the trainer has to know of their places besides."""
    tokenizer = ready.tokenizer
    if ready.own["told"]:
        vocabulary = tokens_by_text(tokenizer)
        found = [with_what_was_told(row, tokenizer, vocabulary) for row in ready.rows]
    elif other_tokenizer is not None:
        found = [of_two_tokenizers(row, tokenizer, other_tokenizer) for row in ready.rows]
    elif any("full_prompt" in row for row in ready.rows):
        found = [behind_another_prompt(row, tokenizer) for row in ready.rows]
    else:
        found = [{} for _ in ready.rows]
    return [_bare(row) | columns for row, columns in zip(ready.rows, found, strict=True)]


def _bare(row: Row) -> Row:
    return {"prompt": row["prompt"], "completion": row["completion"]}


def _share_used(rows: list[Row], aligned: list[Row]) -> float:
    """Raises ValueError if not one token that an endpoint told can be used."""
    told, used = sum(len(row["told"]) for row in rows), sum(len(row["student_at"]) for row in aligned)
    if not used:
        raise ValueError(
            f"of {told} tokens that the endpoint told with their probabilities none is one token of the student; "
            "the two split text too differently: use the objective sft"
        )
    return used / told


def _calibrated(ready: Ready, teacher: Any, rows: list[Row]) -> float:
    """The temperature at which the teacher is as sure as it is right, on rows that nobody trains on."""
    found = []
    for row in rows:
        columns = behind_another_prompt({**row, "full_prompt": row["prompt"]}, ready.tokenizer)
        ids = torch.tensor([columns["teacher_ids"]], device=teacher.device)
        at = torch.tensor(columns["teacher_at"], device=teacher.device)
        with torch.no_grad():
            found.append((logits_at(teacher, ids, torch.ones_like(ids), torch.zeros_like(at), at), ids[0, at + 1]))
    return fitted_temperature(*(torch.cat(each) for each in zip(*found, strict=True)))
