"""A model whose next-token logits a student is taught by, and how sure of itself it had better be."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch
from peft import PeftModel
from torch import Tensor
from transformers import AutoModelForCausalLM

from orchestrator.student_worker.tokenizing import load_tokenizer


def load_teacher(place: dict[str, Any], like: Any) -> tuple[Any, Any]:
    """The frozen model of `base` and `adapter`, of the type and on the device of `like`, and its tokenizer."""
    tokenizer = load_tokenizer(place["base"])
    with torch.random.fork_rng():  # so that a student begins the same, whoever teaches it
        model: Any = AutoModelForCausalLM.from_pretrained(place["base"], dtype=like.dtype, trust_remote_code=False)
        if place["adapter"]:
            model = PeftModel.from_pretrained(model, place["adapter"]).merge_and_unload()
    return model.to(like.device).eval().requires_grad_(False), tokenizer


def check_same_tokens(tokenizer: Any, other: Any) -> None:
    """Raises ValueError: logits of two vocabularies are about different things."""
    if _merges(tokenizer) != _merges(other):
        raise ValueError(
            f"the teacher ({other.name_or_path}) and the student ({tokenizer.name_or_path}) do not have one tokenizer, so their "
            "logits do not pair up; use the objective cross_tokenizer"
        )


def _merges(tokenizer: Any) -> Any:
    """What decides how text becomes tokens."""
    told = json.loads(tokenizer.backend_tokenizer.to_str())
    return told["model"], told["added_tokens"], told["pre_tokenizer"], told["normalizer"]


@contextmanager
def untaught(model: Any) -> Iterator[Any]:
    """The base of a student with its adapter off."""
    training = model.training
    model.eval()
    try:
        with model.disable_adapter():
            yield model
    finally:
        model.train(training)


def logits_at(model: Any, ids: Tensor, mask: Tensor, rows: Tensor, columns: Tensor) -> Tensor:
    """Logits [places, vocabulary] of the token after each place (row, column); no others are computed."""
    kept, where = columns.unique(return_inverse=True)
    found = model(input_ids=ids, attention_mask=mask, use_cache=False, logits_to_keep=kept).logits
    return found[rows, where]


def fitted_temperature(logits: Tensor, tokens: Tensor) -> float:
    """The temperature, 1/8 to 8, at which logits [places, vocabulary] make these tokens [places] likeliest (temperature
    scaling: Guo et al. 2017, §4.2). In 1 / T their likelihood is concave, so its slope is halved to its zero."""
    logits = logits.double()
    said = logits.gather(1, tokens[:, None])[:, 0].mean()
    low, high = 1 / 8, 8.0
    for _ in range(40):
        middle = (low * high) ** 0.5
        expected = ((logits * middle).softmax(dim=-1) * logits).sum(dim=-1).mean()
        low, high = (middle, high) if said > expected else (low, middle)
    return 1 / (low * high) ** 0.5
