"""A frozen base in four bits, under a LoRA that is not (QLoRA, Dettmers et al. 2023): on GPUs, by bitsandbytes."""

from importlib.util import find_spec
from typing import Any

import torch


class CannotQuantise(ValueError):
    """The machine lacks what it takes; the message says what."""


def check(lora: dict[str, Any]) -> None:
    """Raises CannotQuantise."""
    if not lora.get("quantised"):
        return
    if not torch.cuda.is_available():
        raise CannotQuantise(
            "lora.quantised: 4bit needs a GPU with CUDA, and there is none; remove it, or train elsewhere"
        )
    if find_spec("bitsandbytes") is None:
        raise CannotQuantise(
            "lora.quantised: 4bit needs bitsandbytes, which is not installed: pip install 'agentic-distillation[quantised]'"
        )


def arguments(lora: dict[str, Any]) -> dict[str, Any]:
    """What a base is loaded with: NormalFloat, each block's scale quantised again, and bfloat16 to compute in (§3)."""
    if not lora.get("quantised"):
        return {}
    from transformers import BitsAndBytesConfig

    config = BitsAndBytesConfig(
        load_in_4bit=True,
        bnb_4bit_quant_type="nf4",
        bnb_4bit_use_double_quant=True,
        bnb_4bit_compute_dtype=torch.bfloat16,
        bnb_4bit_quant_storage=torch.bfloat16,
    )
    return {"quantization_config": config, "device_map": {"": torch.cuda.current_device()}}
