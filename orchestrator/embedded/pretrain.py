"""Makes the embedded student's base checkpoint from nothing: `python -m orchestrator.embedded.pretrain OUT`.

A Llama-shaped model learns the world's drills and nothing else. Single-digit tokens and column scratchpads make
exact arithmetic learnable at this size; the taught skills are never shown. Two CPU cores need about half an hour.
"""

import argparse
import json
import math
import random
import time
from collections.abc import Iterator
from itertools import islice
from pathlib import Path
from typing import Any

import torch
from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers
from transformers import LlamaConfig, LlamaForCausalLM, PreTrainedTokenizerFast

from agents.rehearsal import world

PAD, END, UNKNOWN = "<|pad|>", "<|end|>", "<|unk|>"
ROLES = ["<|system|>", "<|user|>", "<|assistant|>"]
CHAT_TEMPLATE = (
    "{%- for message in messages -%}"
    "{%- if message['role'] == 'assistant' -%}"
    "{{ '<|assistant|>' }}{% generation %}{{ message['content'] + '<|end|>' }}{% endgeneration %}"
    "{%- else -%}{{ '<|' + message['role'] + '|>' + message['content'] + '<|end|>' }}{%- endif -%}"
    "{%- endfor -%}"
    "{%- if add_generation_prompt -%}{{ '<|assistant|>' }}{%- endif -%}"
)
ROW, ROWS = 256, 24
CARD = """# The embedded student

A Llama-shaped causal language model of {parameters:,} parameters (bfloat16, byte-level BPE with single digits), trained from
nothing on {tokens:,} tokens of procedural drills: column arithmetic, reading numbers, looking up, copying. It has seen no text
written by people and none of the skills that runs teach it. It is for rehearsals: it can do nothing else.

Made by `python -m orchestrator.embedded.pretrain OUT {command}` in {seconds} s on two CPU cores.

| drill, items never seen | accuracy |
|---|---|
{scores}

Licence: Apache-2.0, as the project.
"""
SHARES = {"lookup": 2.0, "lookup_twice": 2.5, "plan": 1.5, "operation": 1.5, "chain": 1.5, "copy": 0.7, "fill": 0.7}


def build_tokenizer(vocabulary: int = 1024) -> PreTrainedTokenizerFast:
    """Byte-level BPE over the world's own text; every digit is a token of its own."""
    tokenizer = Tokenizer(models.BPE())
    digits = pre_tokenizers.Digits(individual_digits=True)
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence([digits, pre_tokenizers.ByteLevel(add_prefix_space=False)])
    tokenizer.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=vocabulary,
        special_tokens=[PAD, END, *ROLES, UNKNOWN],
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    texts = (
        f"{i.question}\n{i.rationale}\n{i.answer}" for name in world.SKILLS for i in islice(world.items(name, 1), 500)
    )
    tokenizer.train_from_iterator(texts, trainer)
    fast = PreTrainedTokenizerFast(
        tokenizer_object=tokenizer,
        pad_token=PAD,
        eos_token=END,
        unk_token=UNKNOWN,
        additional_special_tokens=ROLES,
        clean_up_tokenization_spaces=False,
        model_max_length=1024,
    )
    fast.chat_template = CHAT_TEMPLATE
    return fast


def build_model(tokenizer: PreTrainedTokenizerFast, hidden: int) -> LlamaForCausalLM:
    return LlamaForCausalLM(
        LlamaConfig(
            vocab_size=len(tokenizer),
            hidden_size=hidden,
            intermediate_size=hidden * 8 // 3 // 32 * 32,
            num_hidden_layers=4,
            num_attention_heads=hidden // 32,
            num_key_value_heads=hidden // 32,
            max_position_embeddings=1024,
            tie_word_embeddings=True,
            bos_token_id=None,
            eos_token_id=tokenizer.convert_tokens_to_ids(END),
            pad_token_id=tokenizer.convert_tokens_to_ids(PAD),
        )
    )


def encoded_drills(tokenizer: PreTrainedTokenizerFast, seed: int) -> Iterator[tuple[list[int], list[int]]]:
    """(ids, labels) of one drill after another, for ever; only the answer is a label."""
    user, assistant, end = (tokenizer.convert_tokens_to_ids(t) for t in ("<|user|>", "<|assistant|>", END))
    rng = random.Random(seed)
    names = list(world.PRIMITIVE)
    shares = [SHARES.get(name, 1.0) for name in names]
    while True:
        chosen = rng.choices(names, shares, k=256)
        drawn = [_draw(name, rng) for name in chosen]
        questions = tokenizer([q for q, _ in drawn], add_special_tokens=False)["input_ids"]
        answers = tokenizer([a for _, a in drawn], add_special_tokens=False)["input_ids"]
        for question, answer in zip(questions, answers, strict=True):
            prompt, completion = [user, *question, end, assistant], [*answer, end]
            yield prompt + completion, [-100] * len(prompt) + completion


def _draw(name: str, rng: random.Random) -> tuple[str, str]:
    skill = world.PRIMITIVE[name]
    while True:
        slots = skill.draw(rng)
        if world.part_of(skill.split_key(slots)) == "train":
            solution = skill.solve(slots)
            return skill.write(slots, rng), f"{solution.rationale}\n#### {solution.answer}"


def batches(drills: Iterator[tuple[list[int], list[int]]]) -> Iterator[tuple[torch.Tensor, torch.Tensor]]:
    while True:
        rows, labels = [], []
        for _ in range(ROWS):
            row: list[int] = []
            label: list[int] = []
            while len(row) < ROW:
                ids, marks = next(drills)
                row += ids
                label += marks
            rows.append(row[:ROW])
            labels.append(label[:ROW])
        yield torch.tensor(rows), torch.tensor(labels)


def learning_rate(step: int, steps: int, peak: float) -> float:
    warm = min(1.0, (step + 1) / 60)
    return peak * warm * (0.02 + 0.98 * 0.5 * (1 + math.cos(math.pi * step / steps)))


def train(model: LlamaForCausalLM, tokenizer: PreTrainedTokenizerFast, steps: int, peak: float, seed: int) -> None:
    matrices = [p for p in model.parameters() if p.ndim > 1]
    vectors = [p for p in model.parameters() if p.ndim <= 1]
    groups = [{"params": matrices, "weight_decay": 0.05}, {"params": vectors, "weight_decay": 0.0}]
    optimizer = torch.optim.AdamW(groups, lr=peak, betas=(0.9, 0.95), fused=True)
    model.train()
    began = time.monotonic()
    for step, (ids, labels) in zip(range(steps), batches(encoded_drills(tokenizer, seed)), strict=False):
        for group in optimizer.param_groups:
            group["lr"] = learning_rate(step, steps, peak)
        with torch.autocast("cpu", torch.bfloat16):
            loss = model(input_ids=ids, labels=labels, use_cache=False).loss
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        optimizer.zero_grad(set_to_none=True)
        if (step + 1) % 100 == 0:
            rate = (step + 1) * ROW * ROWS / (time.monotonic() - began)
            print(f"step {step + 1} loss {loss.item():.4f} tokens/s {rate:.0f}", flush=True)


@torch.inference_mode()
def examine(model: LlamaForCausalLM, tokenizer: PreTrainedTokenizerFast, count: int = 40) -> dict[str, float]:
    """Greedy accuracy on `count` unseen items of every drill."""
    model.eval()
    tokenizer.padding_side = "left"
    scores: dict[str, float] = {}
    for name in world.PRIMITIVE:
        asked = list(islice(world.items(name, 77, "test"), count))
        prompts = [f"<|user|>{item.question}<|end|><|assistant|>" for item in asked]
        batch = tokenizer(prompts, return_tensors="pt", padding=True, add_special_tokens=False)
        out = model.generate(
            input_ids=batch["input_ids"], attention_mask=batch["attention_mask"], max_new_tokens=160, do_sample=False
        )
        replies = tokenizer.batch_decode(out[:, batch["input_ids"].shape[1] :], skip_special_tokens=True)
        right = sum(r.rpartition("####")[2].strip() == i.answer for r, i in zip(replies, asked, strict=True))
        scores[name] = right / count
    return scores


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("out", type=Path)
    parser.add_argument("--steps", type=int, default=5500)
    parser.add_argument("--hidden", type=int, default=128)
    parser.add_argument("--peak", type=float, default=3e-3)
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    torch.manual_seed(options.seed)
    torch.set_num_threads(2)
    tokenizer = build_tokenizer()
    model = build_model(tokenizer, options.hidden)
    began = time.monotonic()
    train(model, tokenizer, options.steps, options.peak, options.seed)
    scores = examine(model, tokenizer)
    model.to(torch.bfloat16).save_pretrained(options.out)
    tokenizer.padding_side = "right"
    tokenizer.save_pretrained(options.out)
    made = {
        "parameters": sum(p.numel() for p in model.parameters()),
        "tokens": options.steps * ROW * ROWS,
        "seconds": round(time.monotonic() - began),
        "arguments": {k: v for k, v in vars(options).items() if k != "out"},
        "accuracy_on_unseen_drills": scores,
    }
    (options.out / "made.json").write_text(json.dumps(made, indent=1) + "\n")
    (options.out / "README.md").write_text(card(made))
    print(json.dumps(made))


def card(made: dict[str, Any]) -> str:
    scores = "\n".join(f"| {name} | {score:.1%} |" for name, score in made["accuracy_on_unseen_drills"].items())
    arguments = " ".join(f"--{name} {value}" for name, value in made["arguments"].items())
    return CARD.format(**made, scores=scores, command=arguments)


if __name__ == "__main__":
    main()
