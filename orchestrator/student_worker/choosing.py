"""Says how likely a student finds each of several continuations of a prompt."""

import json
from collections.abc import Iterator, Sequence
from itertools import islice
from typing import Any

import torch

BATCH = 32
"""Continuations that are read at once."""


def likelihoods(model: Any, tokenizer: Any, asked: Sequence[dict[str, Any]]) -> Iterator[dict[str, Any]]:
    """A line for each question with `prompt` and `choices`, in order: its `key`, and as `reply` a JSON list with
    [log-probability in nats, whether each token is the likeliest, number of its tokens] of each choice; no token is
    generated.

    Text is split as the harness's `HFLM` splits it: prompt and choice as one text, of which the choice are the tokens
    beyond those of the prompt, white space at the prompt's end counted to the choice.
    """
    pairs = [_tokens(tokenizer, question["prompt"], choice) for question in asked for choice in question["choices"]]
    found: dict[int, tuple[float, bool, int]] = {}
    order = sorted(range(len(pairs)), key=lambda i: len(pairs[i][0]))
    for start in range(0, len(order), BATCH):
        chosen = order[start : start + BATCH]
        found |= zip(chosen, _read(model, tokenizer.pad_token_id or 0, [pairs[i] for i in chosen]), strict=True)
    said = (found[i] for i in range(len(pairs)))
    for question in asked:
        reply = json.dumps(list(islice(said, len(question["choices"]))))
        yield {"key": question["key"], "reply": reply, "tokens": 0, "finished": True}


def _tokens(tokenizer: Any, prompt: Any, choice: str) -> tuple[list[int], int]:
    """Tokens of both, and how many of them are the choice's."""
    before = tokenizer.apply_chat_template(prompt, tokenize=False, add_generation_prompt=True)
    whole = tokenizer(before + choice, add_special_tokens=False)["input_ids"]
    own = len(whole) - len(tokenizer(before.rstrip(), add_special_tokens=False)["input_ids"])
    if own < 1:
        raise ValueError(f"the choice {choice!r} has no tokens; a task's choices have to be texts")
    return whole, own


def _read(model: Any, pad: int, pairs: Sequence[tuple[list[int], int]]) -> list[tuple[float, bool, int]]:
    longest, most = max(len(tokens) for tokens, _ in pairs), max(own for _, own in pairs)
    rows = torch.tensor([[pad] * (longest - len(tokens)) + tokens for tokens, _ in pairs], device=model.device)
    mask = torch.tensor([[0] * (longest - len(t)) + [1] * len(t) for t, _ in pairs], device=model.device)
    places = (mask.cumsum(dim=1) - 1).clamp(min=0)
    # no more logits than are read: those of whole prompts would not fit in memory
    logits = model(
        input_ids=rows[:, :-1],
        attention_mask=mask[:, :-1],
        position_ids=places[:, :-1],
        logits_to_keep=most,
    ).logits
    known = logits.float().log_softmax(dim=-1)
    read = rows[:, -most:]
    each = known.gather(2, read[:, :, None])[:, :, 0]
    greedy = known.argmax(dim=-1) == read
    return [
        (float(each[i, most - own :].sum()), bool(greedy[i, most - own :].all()), own)
        for i, (_, own) in enumerate(pairs)
    ]
