"""Keeps a student from saying what it may not: transformers' logits processors, and one that counts words."""

import re
from collections.abc import Mapping, Sequence
from typing import Any

import torch
from transformers import LogitsProcessor, LogitsProcessorList, NoBadWordsLogitsProcessor


def as_arguments(constraints: Mapping[str, Any], tokenizer: Any, prompt: int) -> dict[str, Any]:
    """Arguments of `generate` that hold a batch, whose prompts are so many tokens long with their padding, to an exam's
    constraints (`orchestrator.examination.constraints`)."""
    found: dict[str, Any] = {}
    if constraints.get("forbid"):
        found["bad_words_ids"] = spellings(tokenizer, constraints["forbid"])
    if constraints.get("no_repeat"):
        found["no_repeat_ngram_size"] = constraints["no_repeat"]
    if constraints.get("of"):
        counting = AtMost(tokenizer, constraints["of"], constraints["at_most"], prompt)
        found["logits_processor"] = LogitsProcessorList([counting])
    return found


def spellings(tokenizer: Any, words: Sequence[str]) -> list[list[int]]:
    """The tokens of each word, at the beginning of a text and behind a space, as it stands and with a capital."""
    written = [
        f"{space}{form}" for word in words for form in (word, word[:1].upper() + word[1:]) for space in ("", " ")
    ]
    tokens = [tuple(tokenizer(text, add_special_tokens=False)["input_ids"]) for text in dict.fromkeys(written)]
    return [list(each) for each in dict.fromkeys(tokens)]


class AtMost(LogitsProcessor):
    """Forbids the words of a lexicon in the replies that have said so many of them already."""

    def __init__(self, tokenizer: Any, words: Sequence[str], most: int, prompt: int) -> None:
        self._tokenizer, self._most, self._prompt = tokenizer, most, prompt
        self._said = re.compile(rf"(?<!\w)(?:{'|'.join(map(re.escape, words))})(?!\w)", re.IGNORECASE)
        self._forbidding = NoBadWordsLogitsProcessor(spellings(tokenizer, words))

    def __call__(self, input_ids: Any, scores: Any) -> Any:
        replies = self._tokenizer.batch_decode(input_ids[:, self._prompt :], skip_special_tokens=True)
        full = [len(self._said.findall(reply)) >= self._most for reply in replies]
        return torch.where(
            torch.tensor(full, device=scores.device)[:, None], self._forbidding(input_ids, scores), scores
        )
