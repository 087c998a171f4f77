"""What a GPU makes of it, in one command, without a download: `python bench/gpu.py [--base 0.5b] [--to gpu.json]`.

The demo's cycle; LoRA of a model of public shape with random weights, by the worker and by a plain script of TRL: tokens a
second, memory, and the share of what the chip's matrix product reaches; a training that runs out of memory and goes on in
smaller parts; one whose base is in four bits. Weights that mean nothing train as fast as others.
"""

import argparse
import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from contextlib import contextmanager
from itertools import islice
from pathlib import Path
from typing import Any

import torch
from training import by_hand, job, orchestrated, where
from transformers import AutoTokenizer, Qwen2Config, Qwen2ForCausalLM

from agents.rehearsal import world
from orchestrator.machine import EMBEDDED
from orchestrator.student_worker.footprint import Load, flops, memory, shapes_of
from orchestrator.worker_process import WorkerFailed

SHAPES: dict[str, dict[str, Any]] = {
    "0.5b": {"hidden_size": 896, "intermediate_size": 4864, "num_hidden_layers": 24, "num_attention_heads": 14},
    "1.5b": {"hidden_size": 1536, "intermediate_size": 8960, "num_hidden_layers": 28, "num_attention_heads": 12},
    "tiny": {"hidden_size": 64, "intermediate_size": 128, "num_hidden_layers": 2, "num_attention_heads": 2},
}
"""Of Qwen2.5 (Yang et al. 2024, Table 1), which has two key-value heads and tied embeddings in both; and one for tests."""
VOCABULARY = {"0.5b": 151_936, "1.5b": 151_936, "tiny": 2048}
"""Rows of the embedding: more than the embedded base's tokenizer has, which lends its own."""
ROOM = 0.6
"""Of the memory that a training is predicted to need, what is left free to see it run out."""
Row = dict[str, Any]


def make_base(name: str, folder: Path) -> Path:
    """A base of that shape with random weights in bfloat16, and the embedded base's tokenizer."""
    tokenizer = AutoTokenizer.from_pretrained(EMBEDDED)
    tokenizer.model_max_length = 4096
    ends = {"eos_token_id": tokenizer.eos_token_id, "pad_token_id": tokenizer.pad_token_id}
    config = Qwen2Config(
        vocab_size=VOCABULARY[name],
        num_key_value_heads=2,
        tie_word_embeddings=True,
        bos_token_id=None,
        **SHAPES[name],
        **ends,
    )
    torch.manual_seed(0)
    model = Qwen2ForCausalLM(config).to(torch.bfloat16)  # type: ignore[arg-type]
    model.save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    return folder


def long_rows(count: int, tokens: int, base: Path) -> list[Row]:
    """Rows of about so many tokens: questions of the rehearsal world one after another, then their solutions."""
    tokenizer = AutoTokenizer.from_pretrained(base)
    items, rows = world.items("film", 0, "train"), []
    one = next(items)
    each = len(tokenizer(f"{one.question}\n{one.rationale}")["input_ids"])
    for _ in range(count):
        some = list(islice(items, max(1, tokens // each)))
        asked, said = ("\n".join(getattr(item, part) for item in some) for part in ("question", "rationale"))
        turns = [{"role": "user", "content": asked}], [{"role": "assistant", "content": said}]
        rows.append(dict(zip(("prompt", "completion"), turns, strict=True)))
    return rows


def matrix_rate(size: int = 8192, times: int = 50) -> float:
    """Operations a second of a bfloat16 matrix product: what this chip reaches, which its data sheet does not say."""
    left, right = (torch.randn(size, size, dtype=torch.bfloat16, device="cuda") for _ in range(2))
    for _ in range(5):
        left @ right
    torch.cuda.synchronize()
    began = time.perf_counter()
    for _ in range(times):
        left @ right
    torch.cuda.synchronize()
    return 2 * size**3 * times / (time.perf_counter() - began)


def facts_of(folder: Path, base: Path, rows: list[Row], batch: int, **lora: Any) -> Row:
    folder.mkdir(parents=True, exist_ok=True)
    written = folder / "rows.jsonl"
    written.write_text("\n".join(map(json.dumps, rows)))
    facts = job(folder, written, epochs=1)
    settings = {**facts["settings"], "learning_rate": 2e-4, "per_device_train_batch_size": batch}
    return {**facts, "base": str(base), "settings": settings, "lora": {**facts["lora"], **lora}}


def tuned(folder: Path, base: Path, rows: list[Row], batch: int, rate: float) -> Row:
    """The worker beside the plain script, and both beside the chip."""
    ours = orchestrated(facts_of(folder / "worker", base, rows, batch))
    hand = by_hand({**facts_of(folder / "rows", base, rows, batch), "max_length": 4096}, folder / "hand")
    shapes = shapes_of(base)
    assert shapes
    load = Load(rank=32, batch=batch, length=0, tokens=ours["tokens"])  # as on a CPU: what is recomputed is no use
    return {
        "worker tokens/s": ours["tokens"] / ours["steps"],
        "by hand tokens/s": ours["tokens"] / hand["steps"],
        "ratio": hand["steps"] / ours["steps"],
        "MFU, attention left out": flops(shapes, load) / ours["steps"] / rate,
        "peak GiB": ours["peak_memory"] / 2**30,
        "by hand peak GiB": hand["peak_memory"] / 2**30,
        "predicted GiB": sum(memory(shapes, _of_rows(folder, base, batch)).values()) / 2**30,
        "same adapter": ours["adapter"] == hand["adapter"],
    }


def _of_rows(folder: Path, base: Path, batch: int) -> Load:
    tokenizer = AutoTokenizer.from_pretrained(base)
    rows = [json.loads(line) for line in (folder / "worker" / "rows.jsonl").read_text().splitlines()]
    texts = [tokenizer.apply_chat_template(row["prompt"] + row["completion"], tokenize=False) for row in rows]
    longest = max(len(ids) for ids in tokenizer(texts)["input_ids"])
    return Load(rank=32, batch=batch, length=longest, tokens=0, device="cuda")


@contextmanager
def occupied(but: int) -> Any:
    """Inside, only so many bytes of the GPU are free."""
    free, _ = torch.cuda.mem_get_info()
    taken = torch.empty(max(0, free - but), dtype=torch.uint8, device="cuda")
    try:
        yield
    finally:
        del taken
        torch.cuda.empty_cache()


def recovered(folder: Path, base: Path, rows: list[Row], batch: int) -> Row:
    """A training for which there is too little memory."""
    facts = facts_of(folder / "worker", base, rows, batch)
    shapes = shapes_of(base)
    assert shapes
    needed = sum(memory(shapes, _of_rows(folder, base, batch)).values())
    with occupied(but=round(ROOM * needed)):
        out = told(lambda: orchestrated(facts))
    lines = (json.loads(line) for line in (folder / "worker" / "events.jsonl").read_text().splitlines())
    halvings = [[line["rows"], line["times"]] for line in lines if line["event"] == "out_of_memory"]
    return {"free GiB": ROOM * needed / 2**30, "parts": halvings, **out}


def told(work: Callable[[], Row]) -> Row:
    """What the work gives; that a worker failed is a finding, too."""
    try:
        return work()
    except WorkerFailed as error:
        return {"failed": str(error)}


def demo(folder: Path) -> Row:
    began = time.monotonic()
    command = [sys.executable, "-m", "flows.cli", "demo", "--without-prefect"]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
    return {"seconds": time.monotonic() - began, "code": done.returncode, "tail": done.stdout.splitlines()[-25:]}


def measure(options: argparse.Namespace, folder: Path) -> Row:
    rate = matrix_rate()
    chip = {"chip": torch.cuda.get_device_name(), "matrix TFLOP/s": rate / 1e12, "torch": torch.__version__}
    base = make_base(options.base, folder / "base")
    rows = long_rows(options.rows, options.tokens, base)
    few = rows[: 4 * options.batch]
    figures = {
        **where(),
        **chip,
        "base": options.base,
        "lora": told(lambda: tuned(folder / "lora", base, rows, options.batch, rate)),
        "out of memory": recovered(folder / "memory", base, few, options.batch),
        "four bits": told(
            lambda: orchestrated(facts_of(folder / "quantised", base, few, options.batch, quantised="4bit"))
        ),
    }
    return figures if options.without_demo else {**figures, "demo": demo(folder)}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--base", choices=list(SHAPES), default="0.5b")
    parser.add_argument("--rows", type=int, default=1024)
    parser.add_argument("--tokens", type=int, default=512, help="of a row, about")
    parser.add_argument("--batch", type=int, default=16)
    parser.add_argument("--without-demo", action="store_true")
    parser.add_argument("--to", type=Path, default=Path("gpu.json"))
    options = parser.parse_args()
    if not torch.cuda.is_available():
        parser.exit(
            2, "bench/gpu.py measures a GPU, and torch sees none with CUDA here; bench/training.py is for CPUs\n"
        )
    with tempfile.TemporaryDirectory() as folder:
        figures = measure(options, Path(folder).resolve())
    options.to.write_text(json.dumps(figures, indent=1), encoding="utf-8")
    print(json.dumps(figures, indent=1))


if __name__ == "__main__":
    main()
