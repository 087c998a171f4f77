"""The tokenizer of a base, as every job here reads it."""

from typing import Any

from transformers import AutoTokenizer


def load_tokenizer(base: str, **more: Any) -> Any:
    """From the base's folder, and none of its code. One without a padding token, as Llama's and Mistral's, pads with its end
    token: what is learned, and where a reply ends, is decided without looking for padding."""
    tokenizer = AutoTokenizer.from_pretrained(base, trust_remote_code=False, **more)
    if tokenizer.pad_token is None:
        tokenizer.pad_token = tokenizer.eos_token
    return tokenizer
