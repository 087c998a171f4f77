import re
from collections.abc import Iterator

from pydantic import Field, model_validator

from agents.chunking import count_words, split_sentences
from agents.kinds import Judgement, Verifier, accepted, rejected
from agents.registry import register
from storage.records import Draft

CHAT_TOKENS = (
    "<|im_start|>", "<|im_end|>", "<|endoftext|>", "<|eot_id|>", "<|start_header_id|>", "<|end_header_id|>",
    "<start_of_turn>", "<end_of_turn>", "[INST]", "[/INST]", "<<SYS>>", "<think>", "</think>",
)  # fmt: skip
"""What chat templates put around turns: in a lesson it would end the student's turn, or begin another."""
Range = tuple[int, int]


@register("text_limits")
class TextLimits(Verifier):
    """Keeps a draft whose texts are as long as asked and hold nothing that is forbidden.

    Each limit is `[least, most]` and is for every one of `fields` by itself. A field that the draft lacks is empty.
    """

    fields: tuple[str, ...] = Field(default=("question", "rationale", "answer"), min_length=1)
    words: Range | None = None
    sentences: Range | None = None
    characters: Range | None = None
    forbidden: tuple[str, ...] = CHAT_TOKENS
    """Strings that no field may hold, in any case of letters; by default the marks of chat templates."""
    form: str | None = None
    """Regular expression that every field has to match from end to end."""

    @model_validator(mode="after")
    def _can_be_met(self) -> "TextLimits":
        for name in ("words", "sentences", "characters"):
            limit: Range | None = getattr(self, name)
            if limit and not 0 <= limit[0] <= limit[1]:
                raise ValueError(f"`{name}` is [least, most], found {list(limit)}; write e.g. [3, 120]")
        if not all(self.forbidden):
            raise ValueError("`forbidden` holds an empty text, which every text holds; leave it out")
        if self.form is not None:
            try:
                re.compile(self.form)
            except re.error as error:
                raise ValueError(f"`form` is no regular expression ({error}), found {self.form!r}") from error
        return self

    def judge(self, draft: Draft) -> Judgement:
        texts = {name: str(draft.fields.get(name, "")) for name in self.fields}
        for name, text in texts.items():
            for reason, found in self._faults(text):
                return rejected(reason, evidence={"field": name, "found": found})
        return accepted("within the limits")

    def _faults(self, text: str) -> Iterator[tuple[str, int | str]]:
        for limit, unit, count in (
            (self.characters, "characters", len),
            (self.words, "words", count_words),
            (self.sentences, "sentences", _count_sentences),
        ):
            if limit and not limit[0] <= (size := count(text)) <= limit[1]:
                yield f"too {'few' if size < limit[0] else 'many'} {unit}", size
        small = text.casefold()
        if held := next((one for one in self.forbidden if one.casefold() in small), None):
            yield "holds a forbidden text", held
        if self.form is not None and not re.fullmatch(self.form, text, re.DOTALL):
            yield "not of the form asked for", text[:200]


def _count_sentences(text: str) -> int:
    return sum(bool(one.strip()) for one in split_sentences(text))
