"""Lets a student answer questions, in batches sorted by length and padded on the left, and says how sure it was."""

import json
import os
import random
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from peft import PeftModel
from transformers import AutoModelForCausalLM

from orchestrator.student_worker.choosing import likelihoods
from orchestrator.student_worker.constraining import as_arguments
from orchestrator.student_worker.events import Events
from orchestrator.student_worker.threads import fit_threads
from orchestrator.student_worker.tokenizing import load_tokenizer

BATCH = 64
"""Replies that are generated at once."""
GATE = 16
"""Generated tokens whose margin counts."""
NO_CONSTRAINTS: Mapping[str, Any] = {}


@torch.inference_mode()
def answer(job: dict[str, Any], events: Events) -> dict[str, Any]:
    """Writes `replies.jsonl` beside the job; facts of the result: replies, and tokens of all of them.

    A job may say `temperature` (0: greedy), `top_p` (1), `seed` (0) and `constraints` (`constraining.as_arguments`); a
    question says `max_tokens`, and its reply is cut there; one with `choices` is not answered but scored
    (`choosing.likelihoods`). A line holds

    - `key` of the question;
    - `reply`, without special tokens, and `tokens`, how many were generated, the end token counted;
    - `finished`: the end token came within the limit;
    - `confidence`: geometric mean of the probabilities of these tokens, 0 to 1;
    - `margin`: mean gap between the two highest probabilities, 0 to 1, over the first 16 of these tokens, which
      decides in NesyCD (Liao et al. 2024) whether a small model is helped.

    Both are of the model itself, at temperature 1 and over the whole vocabulary, however the reply was drawn. The same
    job on the same machine gives the same replies. A batch shares one stream of random numbers, so another set of
    questions or another limit may give a question another sample; greedy replies do not depend on them, but for ties
    within rounding.
    """
    sampling = _sampling(job.get("temperature", 0.0), job.get("top_p", 1.0))
    constraints = job.get("constraints", NO_CONSTRAINTS)
    tokenizer, model = student(job["base"], job["adapter"])
    lines = [json.loads(line) for line in Path(job["questions"]).read_text(encoding="utf-8").splitlines()]
    asked = [line for line in lines if not line.get("choices")]
    texts = [tokenizer.apply_chat_template(q["prompt"], tokenize=False, add_generation_prompt=True) for q in asked]
    limits = [q["max_tokens"] for q in asked]
    # by limit first: few batches hold questions that wait for another's longer limit
    order = sorted(range(len(asked)), key=lambda i: (limits[i], len(texts[i])))
    partial = Path(job["folder"]) / "replies.jsonl.partial"
    total = 0
    with partial.open("w", encoding="utf-8") as out:
        for start in range(0, len(order), BATCH):
            chosen = order[start : start + BATCH]
            torch.manual_seed(_batch_seed(job.get("seed", 0), start))
            batch = [(texts[i], limits[i]) for i in chosen]
            for i, reply in zip(chosen, generate(model, tokenizer, batch, sampling, constraints), strict=True):
                out.write(json.dumps({"key": asked[i]["key"], **reply}) + "\n")
                total += reply["tokens"]
            events.say("answered", done=start + len(chosen), of=len(lines))
        for line in likelihoods(model, tokenizer, [line for line in lines if line.get("choices")]):
            out.write(json.dumps(line) + "\n")
    os.replace(partial, Path(job["folder"]) / "replies.jsonl")
    return {"replies": len(lines), "tokens": total}


def _sampling(temperature: float, top_p: float) -> dict[str, Any]:
    if temperature:
        # top_k: a base's own default would cut the distribution without a word
        return {"do_sample": True, "temperature": temperature, "top_p": top_p, "top_k": 0}
    return {"do_sample": False}


def student(base: str, adapter: str | None) -> tuple[Any, Any]:
    """Tokenizer and model, the adapter merged in, on the device that there is."""
    device = "cuda" if torch.cuda.is_available() else "cpu"
    tokenizer = load_tokenizer(base, padding_side="left")
    # float32: in half precision greedy text changes with the batch it is in
    model: Any = AutoModelForCausalLM.from_pretrained(base, dtype=torch.float32, trust_remote_code=False)
    fit_threads(model)
    if adapter:
        model = PeftModel.from_pretrained(model, adapter).merge_and_unload()
    return tokenizer, model.to(device).eval()


def _batch_seed(seed: int, start: int) -> int:
    # mixed, as torch's generator reads no more than the low 32 bits
    return random.Random(f"{seed} {start}").getrandbits(32)


def generate(
    model: Any,
    tokenizer: Any,
    asked: list[tuple[str, int]],
    sampling: dict[str, Any],
    constraints: Mapping[str, Any] = NO_CONSTRAINTS,
) -> list[dict[str, Any]]:
    """What a line says of each of these (text, limit) but its key and sample."""
    texts, limits = zip(*asked, strict=True)
    batch = tokenizer(list(texts), return_tensors="pt", padding=True, add_special_tokens=False).to(model.device)
    sureness = _Sureness()
    listening = model.register_forward_hook(sureness, with_kwargs=True)
    try:
        out = model.generate(
            input_ids=batch["input_ids"],
            attention_mask=batch["attention_mask"],
            max_new_tokens=max(limits),
            pad_token_id=tokenizer.pad_token_id,
            eos_token_id=tokenizer.eos_token_id,
            **sampling,
            **as_arguments(constraints, tokenizer, batch["input_ids"].shape[1]),
        )
    finally:
        listening.remove()
    new = out[:, batch["input_ids"].shape[1] :]
    # by the first end token, not by padding: the two may be one token
    before = (new == tokenizer.eos_token_id).int().cumsum(dim=1).eq(0).sum(dim=1)
    lengths = torch.minimum(before + 1, torch.tensor(limits, device=new.device))
    replies = [row[:length] for row, length in zip(new, lengths.tolist(), strict=True)]
    columns = {
        "reply": tokenizer.batch_decode(replies, skip_special_tokens=True),
        "tokens": lengths.tolist(),
        "finished": (before < lengths).tolist(),
        **sureness.columns(new[:, -1], lengths),
    }
    return [dict(zip(columns, row, strict=True)) for row in zip(*columns.values(), strict=True)]


class _Sureness:
    """A forward hook that keeps two numbers of each step and row: an exam's logits would not fit in memory.

    A hook sees the logits as the model gives them; a logits processor would see them after the penalties that a base's
    generation settings may ask for.
    """

    def __init__(self) -> None:
        self._next: torch.Tensor | None = None
        """Log-probabilities of the token to come, [rows, vocabulary]: which one it is, the next step tells."""
        self._chosen: list[torch.Tensor] = []
        """Of each step the log-probabilities of the tokens that it chose, [rows]."""
        self._gaps: list[torch.Tensor] = []
        """Of each of the first steps the gaps between the two highest probabilities, [rows]."""

    def __call__(self, model: Any, _: Any, given: dict[str, Any], output: Any) -> None:
        if self._next is not None:
            self._choose(self._next, given["input_ids"][:, -1])
        self._next = upcoming = output.logits[:, -1].float().log_softmax(dim=-1)
        if len(self._gaps) < GATE:
            first, second = upcoming.topk(2).values.exp().unbind(dim=1)
            self._gaps.append(first - second)

    def columns(self, last: torch.Tensor, lengths: torch.Tensor) -> dict[str, list[float]]:
        """Confidence and margin of each row, given the tokens chosen last and how long the replies are."""
        assert self._next is not None
        self._choose(self._next, last)
        confidence, margin = _means(self._chosen, lengths).exp(), _means(self._gaps, lengths.clamp(max=GATE))
        return {"confidence": _rounded(confidence), "margin": _rounded(margin)}

    def _choose(self, log_probabilities: torch.Tensor, tokens: torch.Tensor) -> None:
        self._chosen.append(log_probabilities.gather(1, tokens[:, None])[:, 0])


def _means(steps: list[torch.Tensor], lengths: torch.Tensor) -> torch.Tensor:
    values = torch.stack(steps, dim=1)
    outside = torch.arange(values.shape[1], device=values.device) >= lengths[:, None]
    return values.masked_fill(outside, 0).sum(dim=1) / lengths


def _rounded(values: torch.Tensor) -> list[float]:
    return [round(value, 6) for value in values.tolist()]
