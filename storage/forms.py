"""The forms in which others expect rows: pure functions from a row as a trainer here reads it."""

from collections.abc import Callable, Iterator
from typing import Any

Row = dict[str, Any]
HUMAN = {"user": "human", "assistant": "gpt", "system": "system", "tool": "tool"}
"""What ShareGPT calls the roles."""


class NoSuchForm(Exception):
    """A row that does not say what the form needs, or a form that there is not."""


def reshape(form: str, row: Row) -> list[Row]:
    """The rows that one row becomes: none, one, or of a pair two. Raises NoSuchForm.

    A reply that is labelled bad, or that was rejected, is only in forms that say so; one that weighs nothing is in none,
    and other weights are left out, since no form has them.
    """
    if form not in FORMS:
        raise NoSuchForm(f"there is no form {form!r}; there are {', '.join(FORMS)}")
    if "text" in row:
        raise NoSuchForm(
            f"rows of plain text have no prompt and reply, which the form {form} needs; take the rows as they are"
        )
    return list(FORMS[form](row))


def _messages(row: Row) -> Iterator[Row]:
    yield from ({"messages": [*prompt, *reply]} for prompt, reply in _good(row))


def _prompt_completion(row: Row) -> Iterator[Row]:
    yield from ({"prompt": prompt, "completion": reply} for prompt, reply in _good(row))


def _alpaca(row: Row) -> Iterator[Row]:
    """One exchange; a system prompt goes into `system`, earlier turns into `history` as pairs, as LLaMA-Factory reads them."""
    for prompt, reply in _good(row):
        system = "\n".join(turn["content"] for turn in prompt if turn["role"] == "system")
        said = [turn for turn in prompt if turn["role"] != "system"]
        if [turn["role"] for turn in said] != ["user", "assistant"] * (len(said) // 2) + ["user"]:
            raise NoSuchForm(
                "the form alpaca needs turns of user and assistant in turn, the last of the user; take sharegpt"
            )
        texts = [turn["content"] for turn in said]
        asked = {"instruction": texts[-1], "input": "", "output": _text(reply)}
        earlier = [list(pair) for pair in zip(texts[:-1:2], texts[1::2], strict=False)]
        yield {**asked, **({"system": system} if system else {}), **({"history": earlier} if earlier else {})}


def _sharegpt(row: Row) -> Iterator[Row]:
    for prompt, reply in _good(row):
        turns = [*prompt, *reply]
        yield {"conversations": [{"from": HUMAN[turn["role"]], "value": turn["content"]} for turn in turns]}


def _dpo(row: Row) -> Iterator[Row]:
    if "chosen" not in row:
        raise NoSuchForm(
            "the form dpo needs pairs, and these rows have one reply each; train with a format that writes pairs"
        )
    yield {"prompt": row["prompt"], "chosen": row["chosen"], "rejected": row["rejected"]}


def _kto(row: Row) -> Iterator[Row]:
    if "chosen" in row:
        yield {"prompt": row["prompt"], "completion": row["chosen"], "label": True}
        yield {"prompt": row["prompt"], "completion": row["rejected"], "label": False}
    elif row.get("weight", 1) > 0:
        yield {"prompt": row["prompt"], "completion": row["completion"], "label": bool(row.get("label", True))}


def _good(row: Row) -> Iterator[tuple[list[Row], list[Row]]]:
    """Prompt and reply, as far as the reply is one to learn."""
    if "chosen" in row:
        yield row["prompt"], row["chosen"]
    elif row.get("label", True) and row.get("weight", 1) > 0:
        yield row["prompt"], row["completion"]


def _text(reply: list[Row]) -> str:
    return "".join(turn["content"] for turn in reply)


FORMS: dict[str, Callable[[Row], Iterator[Row]]] = {
    "messages": _messages,
    "prompt-completion": _prompt_completion,
    "alpaca": _alpaca,
    "sharegpt": _sharegpt,
    "dpo": _dpo,
    "kto": _kto,
}
