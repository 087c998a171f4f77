"""How fast the student worker trains and examines, as ratios in one run: `OMP_NUM_THREADS=1 python bench/training.py [--json]`.

Training: the same rows, settings and seed by the orchestrated worker and by a plain script of TRL (`bench/training_side.py`),
each a process of its own, by turns. Examination: the questions of an exam in batches, and one by one, by the student that the
first training made.
"""

import argparse
import asyncio
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from datetime import UTC, datetime
from itertools import islice
from pathlib import Path
from typing import Any

from agents.registry import build, import_components
from agents.rehearsal import world
from orchestrator.formats.rationale_then_answer import RationaleThenAnswer
from orchestrator.kinds import Objective
from orchestrator.machine import EMBEDDED
from orchestrator.worker_process import carry_out

HERE = Path(__file__).parent
SKILLS = ("film", "trip", "change", "lead")
FORM = RationaleThenAnswer(use="rationale_then_answer")
LORA = {
    "rank": 32,
    "alpha": 64,
    "dropout": 0.0,
    "rank_stabilised": False,
    "weight_decomposed": False,
    "quantised": None,
}
LIMIT = 160
"""Tokens of a reply, as in exams."""
Row = dict[str, Any]


def lessons(count: int) -> list[Row]:
    """Solutions of rehearsed questions, a quarter of each skill, in turns."""
    each = zip(*(islice(world.items(skill, 0, "train"), count // len(SKILLS)) for skill in SKILLS), strict=True)
    facts = ({"question": i.question, "rationale": i.rationale, "answer": i.answer} for four in each for i in four)
    return [FORM.row(fields) for fields in facts]


def job(folder: Path, rows: Path, epochs: int) -> dict[str, Any]:
    import_components("orchestrator.objectives")
    objective = build({"use": "sft", "learning_rate": 2e-3, "epochs": epochs, "batch": 8}, Objective)
    facts = {"kind": "train", "folder": str(folder), "base": str(EMBEDDED), "adapter": None, "rows": str(rows)}
    how = {"trainer": objective.trainer, "settings": objective.settings(), "own": objective.own()}
    return {**facts, **how, "lora": LORA, "seed": 0}


def orchestrated(facts: dict[str, Any]) -> Row:
    """Seconds of the steps, by the trainer's own clock and of CPU time, and of the whole process; tokens of all epochs."""
    said: list[Row] = []
    began = time.monotonic()
    result = asyncio.run(carry_out(facts, said.append))
    whole = time.monotonic() - began
    last = next(event for event in said if "train_runtime" in event)
    took = {"steps": last["train_runtime"], "cpu": last["cpu_seconds"], "whole": whole}
    more = {"adapter": result["adapter_digest"], "peak_memory": result["peak_memory"]}
    return {**took, "tokens": result["tokens"], **more}


def by_hand(facts: dict[str, Any], folder: Path) -> Row:
    """The same of the plain script."""
    folder.mkdir(parents=True)
    written = folder / "job.json"
    written.write_text(json.dumps({**facts, "folder": str(folder)}))
    began = time.monotonic()
    command = [sys.executable, str(HERE / "training_side.py"), str(written)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        raise SystemExit(f"the plain script failed:\n{done.stderr[-2000:]}")
    told = json.loads(done.stdout.strip().splitlines()[-1])
    return {**told, "whole": time.monotonic() - began}


def trained(folder: Path, rows: int, epochs: int, repeats: int) -> tuple[Row, Path]:
    """Ratios of tokens a second, each of neighbours in time; and the adapter of the first worker."""
    written = folder / "rows.jsonl"
    written.write_text("\n".join(map(json.dumps, lessons(rows))))
    pairs = []
    for i in range(repeats):
        facts = job(folder / f"worker-{i}", written, epochs)
        sides: list[Callable[[], Row]] = [
            lambda facts=facts: orchestrated(facts),
            lambda facts=facts, i=i: by_hand(facts, folder / f"hand-{i}"),
        ]
        if i % 2:  # whoever comes second would profit from a machine that falls quiet
            hand, ours = sides[1](), sides[0]()
        else:
            ours, hand = sides[0](), sides[1]()
        pairs.append((ours, hand))

    def ratios(clock: str) -> list[float]:
        return sorted(round(hand[clock] / ours[clock], 3) for ours, hand in pairs)

    return {
        "tokens": pairs[0][0]["tokens"],
        "worker tokens/s": statistics.median(ours["tokens"] / ours["steps"] for ours, _ in pairs),
        "by hand tokens/s": statistics.median(ours["tokens"] / hand["steps"] for ours, hand in pairs),
        "ratio": statistics.median(ratios("steps")),
        "ratios": ratios("steps"),
        "worker tokens/CPU s": statistics.median(ours["tokens"] / ours["cpu"] for ours, _ in pairs),
        "ratio in CPU time": statistics.median(ratios("cpu")),
        "ratios in CPU time": ratios("cpu"),
        "whole process ratio": statistics.median(ratios("whole")),
        "same adapter": float(len({side["adapter"] for pair in pairs for side in pair}) == 1),
    }, folder / "worker-0" / "adapter"


def examined(adapter: Path, questions: int, alone: int) -> Row:
    """Questions a second in batches, and one by one by transformers alone, which measures no confidence either."""
    import torch

    from orchestrator.student_worker.answering import BATCH, generate, student

    tokenizer, model = student(str(EMBEDDED), str(adapter))
    each = zip(*(islice(world.items(s, 0, "probe"), questions // len(SKILLS)) for s in SKILLS), strict=True)
    prompts = [FORM.prompt({"question": item.question}) for four in each for item in four]
    texts = [tokenizer.apply_chat_template(p, tokenize=False, add_generation_prompt=True) for p in prompts]
    greedy: dict[str, Any] = {"do_sample": False}

    def batched() -> int:
        order = sorted(texts, key=len)
        batches = ([(text, LIMIT) for text in order[i : i + BATCH]] for i in range(0, len(order), BATCH))
        return sum(reply["tokens"] for batch in batches for reply in generate(model, tokenizer, batch, greedy))

    def one_by_one() -> int:
        tokens = 0
        for text in texts[:alone]:
            asked = tokenizer(text, return_tensors="pt", add_special_tokens=False).to(model.device)
            ends = {"pad_token_id": tokenizer.pad_token_id, "eos_token_id": tokenizer.eos_token_id}
            out = model.generate(**asked, max_new_tokens=LIMIT, **greedy, **ends)
            tokens += out.shape[1] - asked["input_ids"].shape[1]
        return tokens

    def rate(work: Callable[[], int], count: int) -> tuple[float, float, float]:
        """Questions and tokens a second, and questions a second of CPU time."""
        began, cpu = time.perf_counter(), time.process_time()
        tokens = work()
        took = time.perf_counter() - began
        return count / took, tokens / took, count / (time.process_time() - cpu)

    with torch.inference_mode():
        generate(model, tokenizer, [(texts[0], 4)], greedy)
        measured = [(rate(batched, len(texts)), rate(one_by_one, alone)) for _ in range(3)]
    many, few = ([statistics.median(pair[side][unit] for pair in measured) for unit in range(3)] for side in (0, 1))
    return {
        "batch": BATCH,
        "batched questions/s": many[0],
        "batched tokens/s": many[1],
        "one by one questions/s": few[0],
        "one by one tokens/s": few[1],
        "ratio": statistics.median(pair[0][0] / pair[1][0] for pair in measured),
        "ratio in CPU time": statistics.median(pair[0][2] / pair[1][2] for pair in measured),
    }


def where() -> Row:
    command = ["git", "describe", "--always", "--dirty", "--exclude", "*"]
    commit = subprocess.run(command, cwd=HERE, capture_output=True, text=True, check=False).stdout.strip()
    load = os.getloadavg()[0]
    threads = os.environ.get("OMP_NUM_THREADS", "default")
    day = datetime.now(tz=UTC).date().isoformat()
    return {"commit": commit or "unknown", "date": day, "load": round(load, 2), "threads": threads}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", type=int, default=600)
    parser.add_argument("--epochs", type=int, default=2)
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--questions", type=int, default=256)
    parser.add_argument("--alone", type=int, default=32, help="questions that are asked one by one")
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    facts = where()
    with tempfile.TemporaryDirectory() as folder:
        training, adapter = trained(Path(folder).resolve(), options.rows, options.epochs, options.repeats)
        figures = {**facts, "training": training, "examination": examined(adapter, options.questions, options.alone)}
    figures["load at the end"] = round(os.getloadavg()[0], 2)
    if options.json:
        print(json.dumps(figures))
        return
    print(", ".join(f"{name} {value}" for name, value in figures.items() if not isinstance(value, dict)))
    for part in ("training", "examination"):
        for name, value in figures[part].items():
            shown = ", ".join(f"{one:.3f}" for one in value) if isinstance(value, list) else f"{value:,.3f}"
            print(f"{part:12} {name:24} {shown}")


if __name__ == "__main__":
    main()
