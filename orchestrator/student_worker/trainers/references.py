"""What the student said before, with which a trainer compares what it says now."""

from typing import Any


def check_reference(model: Any) -> None:
    """Raises ArithmeticError unless the student starts as its own reference.

    With an adapter that is gone on from, the reference is a frozen copy of it, `ref`; with a fresh one, which adds
    nothing yet, it is the base.
    """
    weights = dict(model.named_parameters())
    if "ref" in model.peft_config:
        same = all(
            (weights[name.replace(".default.", ".ref.")] == p).all() for name, p in weights.items() if _own(name)
        )
    else:
        same = not any(p.any() for name, p in weights.items() if _own(name) and "lora_B" in name)
    if not same:
        raise ArithmeticError("the reference is not the student as it starts; this trl and peft do not go together")


def _own(name: str) -> bool:
    return ".default." in name
