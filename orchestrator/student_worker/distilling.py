"""The loss of distillation: (1 - k) · cross-entropy + k · T² · divergence from a teacher, each a mean over a batch's tokens."""

import json
from contextlib import nullcontext
from dataclasses import asdict
from pathlib import Path
from typing import Any

import torch
from torch import Tensor
from trl.trainer.sft_trainer import SFTTrainer

from orchestrator.student_worker import divergences
from orchestrator.student_worker.aligning import NOTHING, PADDING
from orchestrator.student_worker.divergences import Divergence, Moving
from orchestrator.student_worker.teachers import logits_at, untaught

COLUMNS = {
    "teacher_ids": PADDING,
    "student_at": PADDING,
    "teacher_at": PADDING,
    "told_tokens": PADDING,
    "told_top": NOTHING,
}
"""What a row may have besides what is learned, and what pads it."""
MOVING = "moving.json"
"""Where the target stands; in every checkpoint, so that a training that is resumed ends with the same adapter."""
IGNORED = -100
"""Label of a token that is not learned."""
Batch = dict[str, Tensor]
At = tuple[Tensor, Tensor]
"""Rows and columns of places."""


class Distilling(SFTTrainer):
    """What `own` says: `weight` k; `divergence` with its `beta` or `skew`; `temperature` T; `top` and `concentrated`;
    `moving`; `on_policy`, the share of batches whose replies the student writes itself, at the temperature `sampled_at`.

    Without a teacher, the student's own base is the teacher, the adapter off. It runs in one process.
    """

    def __init__(self, own: dict[str, Any], teacher: Any, **arguments: Any) -> None:
        super().__init__(**arguments)
        # where the student is by now: the trainer has moved it
        self._own, self._teacher = own, teacher and teacher.to(self.accelerator.device)
        self._divergence = divergence_of(own)
        self._moving = Moving(**own["moving"]) if own["moving"] else None
        self._of_lessons: Any = self.data_collator
        self.data_collator = self._collate
        self.teacher_temperature = 1.0
        self.facts: dict[str, float] = {}
        """What the log says of the whole training besides."""

    def compute_loss(
        self, model: Any, inputs: Any, return_outputs: bool = False, num_items_in_batch: Any = None
    ) -> Any:
        """With k = 0 it is SFT's, to the bit; what the student wrote itself is compared, and never imitated."""
        extra = {name: inputs.pop(name) for name in COLUMNS if name in inputs}
        weight = self._own["weight"]
        if weight == 0:
            return super().compute_loss(model, inputs, return_outputs, num_items_in_batch)
        labels = inputs["labels"].ne(IGNORED).sum()
        part = 1 if num_items_in_batch is None else labels / num_items_in_batch  # of a step that is taken in parts
        own_words = self._own["on_policy"] > 0 and torch.rand(()).item() < self._own["on_policy"]
        if own_words:
            inputs = self._in_own_words(model, inputs)
        at = (inputs["labels"][:, 1:] != IGNORED).nonzero(as_tuple=True)
        student = logits_at(model, inputs["input_ids"], inputs["attention_mask"], *at)
        distances = self._distances(model, student, inputs, at, extra)
        distance = distances.mean() if len(distances) else student.sum() * 0
        self._keep(distance.detach())
        if own_words or weight == 1:
            return part * weight * distance
        said = inputs["labels"][:, 1:][at]
        return part * ((1 - weight) * torch.nn.functional.cross_entropy(student.float(), said) + weight * distance)

    def _distances(self, model: Any, student: Tensor, inputs: Batch, at: At, extra: Batch) -> Tensor:
        """T² · divergence at each of the places that can be compared."""
        pairs = _pairs(inputs["labels"], at, extra)
        if pairs is not None:
            student = student[pairs[0]]
        if "told_top" in extra:
            assert pairs is not None
            told = extra["told_top"][pairs[1]] / self._own["temperature"]
            tokens = extra["told_tokens"][pairs[1]]
            return self._from_top(student, divergences.with_rest(told), tokens)
        teacher = self._teacher_logits(model, inputs, at, extra, pairs) / self.teacher_temperature
        if self._own["divergence"] != "sorted":  # of one tokenizer, so what one has more is room that no token takes
            both = min(student.shape[-1], teacher.shape[-1])
            student, teacher = student[..., :both], teacher[..., :both]
        if self._moving:
            teacher = divergences.between(student.float(), teacher.float(), self._moving.t)
        temperature = self._own["temperature"]
        likely = divergences.log_probabilities(teacher, temperature)
        if self._own["top"]:
            tokens = likely.topk(self._own["top"]).indices
            return self._from_top(student, divergences.coarsened(likely, tokens), tokens)
        return temperature**2 * self._divergence(divergences.log_probabilities(student, temperature), likely)

    def _from_top(self, student: Tensor, target: Tensor, tokens: Tensor) -> Tensor:
        """Of a target over these tokens and the rest."""
        temperature = self._own["temperature"]
        if self._own["concentrated"]:
            target = divergences.concentrated(target[..., :-1])
        known = divergences.coarsened(divergences.log_probabilities(student, temperature), tokens)
        return temperature**2 * self._divergence(known, target)

    @torch.no_grad()
    def _teacher_logits(
        self, model: Any, inputs: Batch, at: At, extra: Batch, pairs: tuple[Tensor, At] | None
    ) -> Tensor:
        ids, mask = inputs["input_ids"], inputs["attention_mask"]
        if pairs is not None:
            ids = extra["teacher_ids"].clamp(min=0)
            mask = (extra["teacher_ids"] != PADDING).long()
            at = (pairs[1][0], extra["teacher_at"][pairs[1]])
        teaching = nullcontext(self._teacher) if self._teacher is not None else untaught(model)
        with self.accelerator.autocast(), teaching as teacher:  # as the student, which it has wrapped
            return logits_at(teacher, ids, mask, *at)

    @torch.no_grad()
    def _in_own_words(self, model: Any, inputs: Batch) -> Batch:
        """The batch with replies that the student writes: a loss on them is a mean over their own tokens."""
        tokenizer: Any = self.processing_class
        starts = (inputs["labels"] != IGNORED).int().argmax(dim=1).tolist()
        prompts = [ids[:start].tolist() for ids, start in zip(inputs["input_ids"], starts, strict=True)]
        shown = tokenizer.pad({"input_ids": prompts}, padding_side="left", return_tensors="pt").to(model.device)
        room = inputs["input_ids"].shape[1] - min(starts)
        model.eval()
        out = model.generate(
            input_ids=shown["input_ids"],
            attention_mask=shown["attention_mask"],
            max_new_tokens=room + room // 2,
            do_sample=True,
            temperature=self._own["sampled_at"],
            top_k=0,
            top_p=1.0,
            repetition_penalty=1.0,  # as are those of some bases: these words are to be the student's
            pad_token_id=tokenizer.pad_token_id,
            eos_token_id=tokenizer.eos_token_id,
        )
        model.train()
        written = [_ended(new, tokenizer.eos_token_id) for new in out[:, shown["input_ids"].shape[1] :].tolist()]
        rows = [
            {"input_ids": prompt + reply, "labels": [IGNORED] * len(prompt) + reply}
            for prompt, reply in zip(prompts, written, strict=True)
        ]
        return {name: value.to(model.device) for name, value in self._of_lessons(rows).items()}

    def _keep(self, distance: Tensor) -> None:
        """For the log; and the target moves on."""
        facts = {"divergence": distance.item(), **self.facts}
        if self._moving:
            facts["target"] = self._moving.t
            self._moving.step(distance.item(), (self.state.global_step + 1) / self.state.max_steps)
        for name, value in facts.items():
            self._metrics["train"][name].append(value)

    # --- what a row has besides goes with it ---------------------------------------------------------------------------

    def _set_signature_columns_if_needed(self) -> None:
        super()._set_signature_columns_if_needed()
        assert self._signature_columns is not None
        self._signature_columns += [name for name in COLUMNS if name not in self._signature_columns]

    def _collate(self, rows: list[dict[str, Any]]) -> Batch:
        return self._of_lessons(rows) | {
            name: padded([row[name] for row in rows], filler) for name, filler in COLUMNS.items() if name in rows[0]
        }

    # --- what a checkpoint has besides ---------------------------------------------------------------------------------

    def _save_checkpoint(self, model: Any, trial: Any) -> None:
        if self._moving:  # first: a checkpoint counts as whole once the trainer's own files are there
            place = Path(str(self.args.output_dir)) / f"checkpoint-{self.state.global_step}"
            place.mkdir(parents=True, exist_ok=True)
            (place / MOVING).write_text(json.dumps(asdict(self._moving)), encoding="utf-8")
        super()._save_checkpoint(model, trial)

    def _load_from_checkpoint(self, resume_from_checkpoint: str, model: Any = None) -> None:
        super()._load_from_checkpoint(resume_from_checkpoint, model)
        if self._moving:
            self._moving = Moving(**json.loads((Path(resume_from_checkpoint) / MOVING).read_text(encoding="utf-8")))


def divergence_of(own: dict[str, Any]) -> Divergence:
    if own["divergence"] == "jsd":
        return lambda student, teacher: divergences.generalised_jsd(student, teacher, own["beta"])
    if own["divergence"] == "skewed":
        return lambda student, teacher: divergences.skewed_kl(student, teacher, own["skew"])
    known: dict[str, Divergence] = {
        "forward_kl": divergences.forward_kl,
        "reverse_kl": divergences.reverse_kl,
        "sorted": divergences.sorted_distance,
    }
    return known[own["divergence"]]


def padded(rows: list[Any], filler: float) -> Tensor:
    """Lists, or lists of lists, as one tensor [rows, longest(, longest)], padded behind."""
    if rows and any(each and isinstance(each[0], list) for each in rows):
        width = max(len(inner) for each in rows for inner in each)
        rows = [[inner + [filler] * (width - len(inner)) for inner in each] for each in rows]
        empty: Any = [filler] * width
    else:
        empty = filler
    longest = max(1, *(len(each) for each in rows)) if rows else 1
    return torch.tensor([each + [empty] * (longest - len(each)) for each in rows])


def _pairs(labels: Tensor, at: At, extra: Batch) -> tuple[Tensor, At] | None:
    """Which of the places `at` are compared, and where in the columns each stands; None if all are, at the same places."""
    if "student_at" not in extra:
        return None
    index = torch.full_like(labels, PADDING)
    index[at] = torch.arange(len(at[0]), device=labels.device)
    rows, number = (extra["student_at"] != PADDING).nonzero(as_tuple=True)
    chosen = index[rows, extra["student_at"][rows, number]]
    learned = chosen != PADDING
    return chosen[learned], (rows[learned], number[learned])


def _ended(tokens: list[int], end: int) -> list[int]:
    return tokens[: tokens.index(end) + 1] if end in tokens else tokens
