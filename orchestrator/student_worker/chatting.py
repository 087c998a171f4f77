"""Talks with a student: one model kept in memory, a line of JSON in, a line of JSON out."""

import json
import os
import sys
from typing import Any

import torch

from orchestrator.student_worker.answering import generate, student
from orchestrator.student_worker.events import Events


@torch.inference_mode()
def chat(job: dict[str, Any], _events: Events) -> dict[str, Any]:
    """Reads conversations (`prompt`, `max_tokens`) from standard input until it ends; writes `reply` and `finished` of each.

    Replies are greedy. The first line out, `{"ready": true}`, says that the model is loaded; nothing but these lines goes to
    standard output, whatever a library prints.
    """
    with os.fdopen(os.dup(sys.stdout.fileno()), "w", encoding="utf-8", buffering=1) as lines:
        os.dup2(sys.stderr.fileno(), sys.stdout.fileno())
        tokenizer, model = student(job["base"], job["adapter"])
        lines.write(json.dumps({"ready": True}) + "\n")
        replies = 0
        for line in sys.stdin:
            asked = json.loads(line)
            text = tokenizer.apply_chat_template(asked["prompt"], tokenize=False, add_generation_prompt=True)
            [said] = generate(model, tokenizer, [(text, asked["max_tokens"])], {"do_sample": False})
            lines.write(json.dumps({"reply": said["reply"], "finished": said["finished"]}) + "\n")
            replies += 1
    return {"replies": replies}
