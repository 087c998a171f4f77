"""A student that is handed over, as its user meets it: in plain PEFT, transformers and datasets, in a chat, and served."""

import json
import shutil
import subprocess
import sys
import time
import urllib.request
from contextlib import nullcontext
from itertools import islice
from pathlib import Path
from typing import Any

import pytest

from agents.rehearsal import world
from orchestrator.chatting import talking
from orchestrator.formats.rationale_then_answer import RationaleThenAnswer
from orchestrator.machine import EMBEDDED
from orchestrator.merged import Merged, ParityFailed, check_parity
from orchestrator.serving import NoEngine, command, engine
from orchestrator.worker_process import WorkerFailed

pytestmark = pytest.mark.slow
FORM = RationaleThenAnswer(use="rationale_then_answer")
LORA = {"rank": 8, "alpha": 16, "dropout": 0.0, "rank_stabilised": False, "weight_decomposed": False}
SETTINGS = {
    "learning_rate": 2e-3,
    "num_train_epochs": 2,
    "per_device_train_batch_size": 8,
    "warmup_steps": 0.03,
    "lr_scheduler_type": "cosine",
    "weight_decay": 0.0,
}
PROMPT = [{"role": "user", "content": "A film lasts 2 hours and 16 minutes. How many minutes is that?"}]


def train_job(folder: Path, base: Path = EMBEDDED, rows: list[dict[str, Any]] | None = None) -> dict[str, Any]:
    folder.mkdir(parents=True, exist_ok=True)
    items = islice(world.items("film", 0, "train"), 120)
    lessons = [FORM.row({"question": i.question, "rationale": i.rationale, "answer": i.answer}) for i in items]
    path = folder / "rows.jsonl"
    path.write_text("".join(json.dumps(row) + "\n" for row in (lessons if rows is None else rows)))
    facts = {"kind": "train", "folder": str(folder), "base": str(base), "adapter": None, "rows": str(path)}
    return {**facts, "trainer": "sft", "own": {}, "seed": 0, "lora": LORA, "settings": SETTINGS}


def merge_job(folder: Path, adapter: Path, **more: Any) -> dict[str, Any]:
    folder.mkdir(parents=True, exist_ok=True)
    questions = [
        {"key": f"film/{i}", "prompt": FORM.prompt({"question": item.question}), "max_tokens": 90}
        for i, item in enumerate(islice(world.items("film", 77, "test"), 20))
    ]
    path = folder / "questions.jsonl"
    path.write_text("".join(json.dumps(line) + "\n" for line in questions))
    facts = {"kind": "merge", "folder": str(folder), "base": str(EMBEDDED), "adapter": str(adapter)}
    facts |= {"student": "student:a", "adapter_digest": "a", "float32": False}
    return {**facts, "questions": str(path), "to": str(folder / "merged"), **more}


@pytest.fixture(scope="module")
def student(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Folder of a student's adapter."""
    folder = tmp_path_factory.mktemp("student")
    job = train_job(folder)
    (folder / "job.json").write_text(json.dumps(job))
    _worker(folder)
    return folder / "adapter"


@pytest.fixture(scope="module")
def merged(student: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict[str, Any]]:
    """Folder of its merged weights, and what the worker said of them."""
    folder = tmp_path_factory.mktemp("merging")
    (folder / "job.json").write_text(json.dumps(merge_job(folder, student)))
    return folder / "merged", _worker(folder)


def _worker(folder: Path) -> dict[str, Any]:
    words = [sys.executable, "-m", "orchestrator.student_worker", str(folder / "job.json")]
    done = subprocess.run(words, capture_output=True, text=True)
    result = json.loads((folder / "result.json").read_text())
    assert result["ok"], (result, done.stderr)
    return result


def greedy(model: Any, tokenizer: Any) -> str:
    text = tokenizer.apply_chat_template(PROMPT, tokenize=False, add_generation_prompt=True)
    shown = tokenizer(text, return_tensors="pt", add_special_tokens=False)
    shown.pop("token_type_ids", None)
    out = model.generate(**shown, max_new_tokens=90, do_sample=False)
    return tokenizer.decode(out[0, shown["input_ids"].shape[1] :], skip_special_tokens=True)


def test_merged_weights_answer_as_base_and_adapter_do(merged: tuple[Path, dict[str, Any]]) -> None:
    _, result = merged
    assert result["parity"]["prompts"] == 20
    assert result["parity"]["identical"] >= 0.9
    assert result["stored"] == "bfloat16"
    assert result["turns"]["roles"]["user"] == ["<|user|>", "<|end|>"]
    assert result["turns"]["opens"] == "<|assistant|>"


def test_plain_peft_and_plain_transformers_load_them_and_say_the_same(
    student: Path, merged: tuple[Path, dict[str, Any]]
) -> None:
    from peft import AutoPeftModelForCausalLM, PeftModel
    from transformers import AutoModelForCausalLM, AutoTokenizer

    tokenizer = AutoTokenizer.from_pretrained(merged[0])
    plain = greedy(AutoModelForCausalLM.from_pretrained(merged[0], dtype="float32"), tokenizer)
    by_name = greedy(AutoPeftModelForCausalLM.from_pretrained(student, dtype="float32"), tokenizer)
    base = AutoModelForCausalLM.from_pretrained(EMBEDDED, dtype="float32")
    untaught = greedy(base, tokenizer)
    assert plain == by_name == greedy(PeftModel.from_pretrained(base, student), tokenizer)
    assert "####" in plain
    assert plain != untaught


async def test_a_wrong_template_in_what_is_exported_fails_parity(
    student: Path, tmp_path: Path, monkeypatch: Any
) -> None:
    from orchestrator.student_worker import merging
    from orchestrator.student_worker.events import Events

    write = merging._write

    def spoilt(job: dict[str, Any], tokenizer: Any, to: Path) -> str:
        stored = write(job, tokenizer, to)
        template = to / "chat_template.jinja"
        template.write_text(template.read_text().replace("<|assistant|>", "<|system|>"))
        return stored

    monkeypatch.setattr(merging, "_write", spoilt)
    result = merging.merge(merge_job(tmp_path, student), Events(tmp_path))
    found = Merged(tmp_path / "merged", result["parity"], result["turns"], result["end"], result["stored"])
    with pytest.raises(ParityFailed, match="The first that differs"):
        check_parity(found, 0.9)
    assert not (tmp_path / "merged").exists()


def test_a_chat_keeps_one_model_open_and_answers_as_it_does_alone(
    merged: tuple[Path, dict[str, Any]], tmp_path: Path
) -> None:
    from transformers import AutoModelForCausalLM, AutoTokenizer

    with talking(str(EMBEDDED), None, tmp_path) as talk:
        first = talk.ask(PROMPT[0]["content"])
        talk.ask("And 3 hours?")
        talk.forget()
        again = talk.ask(PROMPT[0]["content"])
    base = AutoModelForCausalLM.from_pretrained(EMBEDDED, dtype="float32")
    assert first == again == greedy(base, AutoTokenizer.from_pretrained(EMBEDDED))


def test_a_chat_with_nobody_says_why(tmp_path: Path) -> None:
    with pytest.raises(WorkerFailed, match="the student's process ended"), talking("/nowhere", None, tmp_path):
        pass


def test_an_engine_that_is_installed_serves_it(merged: tuple[Path, dict[str, Any]]) -> None:
    try:
        words = command(engine(), merged[0], "127.0.0.1", 8765)
    except NoEngine as error:
        pytest.skip(str(error))
    process = subprocess.Popen(words, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
    asked = json.dumps(
        {"model": str(merged[0].resolve()), "messages": PROMPT, "max_tokens": 90, "temperature": 0}
    ).encode()
    request = urllib.request.Request(
        "http://127.0.0.1:8765/v1/chat/completions", asked, {"Content-Type": "application/json"}
    )
    try:
        deadline = time.monotonic() + 240
        while not _healthy():
            assert process.poll() is None, process.stderr and process.stderr.read()[-2000:]
            assert time.monotonic() < deadline
            time.sleep(1)
        with urllib.request.urlopen(request, timeout=120) as reply:
            assert "####" in json.loads(reply.read())["choices"][0]["message"]["content"]
    finally:
        process.terminate()
        process.wait(timeout=30)


def _healthy() -> bool:
    try:
        with urllib.request.urlopen("http://127.0.0.1:8765/health", timeout=5) as reply:
            return reply.status == 200
    except OSError:
        return False


def test_the_harness_examines_the_merged_student(merged: tuple[Path, dict[str, Any]]) -> None:
    lm_eval = pytest.importorskip("lm_eval", reason="the extra `harness` is not installed")
    from lm_eval.tasks import TaskManager

    own = str(Path(__file__).parents[1] / "data" / "harness")
    tasks = TaskManager(include_path=own, include_defaults=False)
    given = f"pretrained={merged[0]},dtype=float32"
    found = lm_eval.simple_evaluate(
        "hf", model_args=given, tasks=["sums"], task_manager=tasks, apply_chat_template=True
    )
    assert "sums" in found["results"]


def test_plain_datasets_reads_a_folder_with_its_card(tmp_path: Path) -> None:
    import datasets
    import yaml

    (tmp_path / "lessons.jsonl").write_text("".join(json.dumps({"draft": f"d{i}", "n": i}) + "\n" for i in range(3)))
    (tmp_path / "lessons.messages.jsonl").write_text(json.dumps({"draft": "d0", "messages": []}) + "\n")
    (tmp_path / "manifest.json").write_text('{"rows": 3}')
    from orchestrator.cards import front_matter

    card = front_matter("lessons", [{"file": "lessons.messages.jsonl", "form": "messages"}])
    (tmp_path / "README.md").write_text(f"---\n{yaml.safe_dump(card)}---\n")
    cache = str(tmp_path / "cache")
    assert datasets.load_dataset(str(tmp_path), split="train", cache_dir=cache)["n"] == [0, 1, 2]
    assert len(datasets.load_dataset(str(tmp_path), "messages", split="train", cache_dir=cache)) == 1


# --- refused before the first step ----------------------------------------------------------------------------------


def base_with(folder: Path, file: str, change: Any) -> Path:
    shutil.copytree(EMBEDDED, folder)
    (folder / file).write_text(change((folder / file).read_text()))
    return folder


@pytest.mark.parametrize(
    ("file", "change", "fault"),
    [
        ("generation_config.json", lambda t: t.replace('"eos_token_id": 1', '"eos_token_id": 7'), "end_not_heeded"),
        (
            "chat_template.jinja",
            lambda t: t.replace("{{ '<|assistant|>' }}{%- endif", "{{ '<|assistant|>so' }}{%- endif"),
            "prompt_no_prefix",
        ),
    ],
)
def test_a_training_that_would_go_wrong_is_refused_by_name(tmp_path: Path, file: str, change: Any, fault: str) -> None:
    """`test_worker` has what becomes of it outside of the process."""
    from orchestrator.student_worker.events import Events
    from orchestrator.student_worker.preflight import Refused
    from orchestrator.student_worker.training import train

    job = train_job(tmp_path / "job", base=base_with(tmp_path / "base", file, change))
    with pytest.raises(Refused, match=f"^{fault}: .* → "):
        train(job, Events(tmp_path / "job"))
    assert not list((tmp_path / "job").glob("checkpoint-*"))


def test_a_collator_that_masks_the_end_with_the_padding_is_found_out(tmp_path: Path) -> None:
    from transformers import AutoTokenizer, DataCollatorForLanguageModeling

    from orchestrator.student_worker.preflight import Refused, refuse_batch

    settings = EMBEDDED / "tokenizer_config.json"
    base = base_with(tmp_path / "base", settings.name, lambda t: t.replace("<|pad|>", "<|end|>"))
    for place, refused in ((base, True), (EMBEDDED, False)):
        tokenizer = AutoTokenizer.from_pretrained(place)
        trainer = OldFashioned(tokenizer, DataCollatorForLanguageModeling(tokenizer, mlm=False))
        with pytest.raises(Refused, match="end_masked") if refused else nullcontext():
            refuse_batch(trainer)


class OldFashioned:
    """A trainer whose collator makes labels of the padded batch."""

    train_dataset = [{"input_ids": [3, 70, 1], "labels": [3, 70, 1]}, {"input_ids": [3, 1], "labels": [3, 1]}]

    def __init__(self, tokenizer: Any, collator: Any) -> None:
        self.processing_class, self._collator = tokenizer, collator

    def data_collator(self, rows: list[dict[str, Any]]) -> Any:
        return self._collator([{"input_ids": row["input_ids"]} for row in rows])
