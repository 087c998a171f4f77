"""How alike the replies of two models are, and how a chat template wraps a turn, for engines that do not read Jinja."""

from collections.abc import Mapping, Sequence
from typing import Any

ROLES = ("system", "user", "assistant")
MARK = "@@said@@"


def compare(
    asked: Sequence[Mapping[str, Any]], first: Mapping[str, str], second: Mapping[str, str], tokenizer: Any
) -> dict[str, Any]:
    """`prompts`, `identical` (share of replies), `tokens` (mean agreement), and `differing`: the first that differs, or None.

    Agreement of two replies: the tokens that stand in the same place in both, over the longer one's.
    """
    keys = [line["key"] for line in asked]
    if not keys:
        raise ValueError("there are no prompts to compare on; parity was not measured")
    apart = next((line for line in asked if first[line["key"]] != second[line["key"]]), None)
    agreement = [_agreement(_ids(tokenizer, first[key]), _ids(tokenizer, second[key])) for key in keys]
    return {
        "prompts": len(keys),
        "identical": sum(first[key] == second[key] for key in keys) / len(keys),
        "tokens": sum(agreement) / len(agreement),
        "differing": apart
        and {
            "prompt": apart["prompt"],
            "trained": first[apart["key"]],
            "exported": second[apart["key"]],
        },
    }


def _ids(tokenizer: Any, text: str) -> list[int]:
    return tokenizer(text, add_special_tokens=False)["input_ids"]


def _agreement(first: Sequence[int], second: Sequence[int]) -> float:
    longer = max(len(first), len(second))
    return sum(a == b for a, b in zip(first, second, strict=False)) / longer if longer else 1.0


def turns(tokenizer: Any) -> dict[str, Any] | None:
    """What the chat template puts before and behind a turn of each role, and before a reply; None if it does more than that.

    Found by rendering marks, and tried on a conversation: what is put together must be what the template renders.
    """

    def rendered(messages: Sequence[Mapping[str, str]], asks: bool = False) -> str:
        return tokenizer.apply_chat_template(list(messages), tokenize=False, add_generation_prompt=asks)

    talk = [{"role": role, "content": f"{MARK} {role}"} for role in (*ROLES, "user")]
    try:
        alone = {role: rendered([{"role": role, "content": MARK}]).split(MARK) for role in ROLES}
        if any(len(parts) != 2 for parts in alone.values()):
            return None
        opens = rendered(talk[:2], asks=True).removeprefix(rendered(talk[:2]))
        whole = "".join(f"{alone[turn['role']][0]}{turn['content']}{alone[turn['role']][1]}" for turn in talk)
        same = rendered(talk) == whole
    except Exception:  # noqa: BLE001 - a template may raise whatever it likes, e.g. that it knows no system
        return None
    return {"roles": alone, "opens": opens} if same else None
