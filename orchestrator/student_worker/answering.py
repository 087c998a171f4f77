"""Lets a student answer questions: greedy, in batches sorted by length and padded on the left."""

import json
import os
from pathlib import Path
from typing import Any

import torch
from peft import PeftModel
from transformers import AutoModelForCausalLM, AutoTokenizer

from orchestrator.student_worker.events import Events

BATCH = 64


@torch.inference_mode()
def answer(job: dict[str, Any], events: Events) -> dict[str, Any]:
    """Writes `replies.jsonl` beside the job, one {key, reply, tokens} a line; facts of the result: replies, tokens."""
    device = "cuda" if torch.cuda.is_available() else "cpu"
    tokenizer = AutoTokenizer.from_pretrained(job["base"], trust_remote_code=False, padding_side="left")
    # float32: in half precision greedy text changes with the batch it is in
    model: Any = AutoModelForCausalLM.from_pretrained(job["base"], dtype=torch.float32, trust_remote_code=False)
    if job["adapter"]:
        model = PeftModel.from_pretrained(model, job["adapter"]).merge_and_unload()
    model.to(device).eval()
    asked = [json.loads(line) for line in Path(job["questions"]).read_text(encoding="utf-8").splitlines()]
    texts = [tokenizer.apply_chat_template(q["prompt"], tokenize=False, add_generation_prompt=True) for q in asked]
    order = sorted(range(len(asked)), key=lambda i: len(texts[i]))
    partial = Path(job["folder"]) / "replies.jsonl.partial"
    total = 0
    with partial.open("w", encoding="utf-8") as out:
        for start in range(0, len(order), BATCH):
            chosen = order[start : start + BATCH]
            for i, (reply, tokens) in zip(
                chosen, _generate(model, tokenizer, [texts[i] for i in chosen], job), strict=True
            ):
                out.write(json.dumps({"key": asked[i]["key"], "reply": reply, "tokens": tokens}) + "\n")
                total += tokens
            events.say("answered", done=min(start + BATCH, len(order)), of=len(order))
    os.replace(partial, Path(job["folder"]) / "replies.jsonl")
    return {"replies": len(asked), "tokens": total}


def _generate(model: Any, tokenizer: Any, texts: list[str], job: dict[str, Any]) -> list[tuple[str, int]]:
    batch = tokenizer(texts, return_tensors="pt", padding=True, add_special_tokens=False).to(model.device)
    out = model.generate(
        input_ids=batch["input_ids"],
        attention_mask=batch["attention_mask"],
        max_new_tokens=job["max_tokens"],
        do_sample=False,
        pad_token_id=tokenizer.pad_token_id,
        eos_token_id=tokenizer.eos_token_id,
    )
    new = out[:, batch["input_ids"].shape[1] :]
    lengths = (new != tokenizer.pad_token_id).sum(dim=1).tolist()
    return list(zip(tokenizer.batch_decode(new, skip_special_tokens=True), lengths, strict=True))
