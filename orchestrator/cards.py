"""The cards that go with what is handed over: where it comes from, what it can do, under which terms, and how to serve it."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import yaml

from orchestrator.examination.decontamination import GRAM, OVERLAP
from orchestrator.merged import Merged
from orchestrator.summary import Summary
from orchestrator.terms import Bound, TermsClass
from orchestrator.training import BASE_ROUND
from storage.records import Dataset, Run, Student

UNRULED = "it has not ruled yet, since the tests have not been read"
MEANS = {
    TermsClass.FREE: "its teachers' terms set no condition that the table knows",
    TermsClass.NAMED: "a student that is given away carries a teacher's name or notice",
    TermsClass.BOUND: "a teacher's licence goes along with the student",
    TermsClass.NO_COMPETITION: "the student must not compete with whoever offers a teacher",
    TermsClass.NO_TRAINING: "a teacher's terms forbid to train other models on what it writes",
    TermsClass.UNKNOWN: "of a teacher nobody has looked up the terms: find out before you give anything away",
}


@dataclass(frozen=True)
class Told:
    """What cards say of a run."""

    run: Run
    summary: Summary
    terms: Bound
    gate: str


def model_card(told: Told, student: Student, dataset: Dataset | None, merged: Merged | None) -> str:
    front = {"library_name": "transformers" if merged else "peft", "base_model": student.base, "tags": ["distillation"]}
    what = "merged into its base" if merged else "LoRA adapter, for PEFT"
    return "\n\n".join(
        (
            f"---\n{yaml.safe_dump(front, sort_keys=False)}---",
            f"# A student of the run {told.run.recipe_name}",
            f"{what[0].upper()}{what[1:]}. Student `{student.key}` of round {student.round}.",
            f"The gate: {told.gate}.",
            _table("Lineage", ("what", "which"), _lineage(told, student, dataset)),
            _exams(told.summary, student),
            _decontamination(told.summary),
            _terms(told.terms),
            *([_parity(merged), _serving(merged)] if merged else [_loading(student)]),
        )
    )


def dataset_card(told: Told, dataset: Dataset, manifest: dict[str, Any]) -> str:
    shares = sorted(manifest["skills"].items(), key=lambda each: -each[1])
    return "\n\n".join(
        (
            f"---\n{yaml.safe_dump(front_matter(manifest['name'], manifest['files']), sort_keys=False)}---",
            f"# Lessons `{dataset.name}` of round {dataset.round}, run {told.run.recipe_name}",
            f"{dataset.size:,} rows in the format `{dataset.format}`, written by models. `draft` is a row's key, by which "
            "`orchestrator why` finds seed, prompt, reply and verdicts.",
            '```python\nfrom datasets import load_dataset\n\nrows = load_dataset("path/of/this/folder", split="train")\n```',
            _table(
                "Lineage",
                ("what", "which"),
                [
                    ("dataset", f"`{dataset.key}`, digest `{dataset.digest}`"),
                    ("run", f"`{told.run.key}`"),
                    ("recipe", f"{told.run.recipe_name}, digest `{told.run.recipe_digest}`"),
                ],
            ),
            _table("Files", ("file", "form", "rows", "SHA-256"), _files(manifest)),
            _table("Skills", ("skill", "rows"), [(skill or "all", f"{count:,}") for skill, count in shares[:40]]),
            _decontamination(told.summary),
            _terms(told.terms),
        )
    )


def front_matter(name: str, files: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """Names the files, so that `datasets.load_dataset(folder)` reads them as they lie there, and not the manifest."""
    named = [("default", f"{name}.jsonl"), *((_config(file), file["file"]) for file in files)]
    return {
        "configs": [{"config_name": config, "data_files": [{"split": "train", "path": path}]} for config, path in named]
    }


def _config(file: dict[str, Any]) -> str:
    """A name without blanks, which Hugging Face refuses."""
    return f"{file['form'].replace(' ', '-')}{'-parquet' if file['file'].endswith('.parquet') else ''}"


def _files(manifest: dict[str, Any]) -> list[tuple[Any, ...]]:
    first = (f"{manifest['name']}.jsonl", "as trained", f"{manifest['rows']:,}", manifest["sha256"])
    return [first, *((f["file"], f["form"], f"{f['rows']:,}", f["sha256"]) for f in manifest["files"])]


def _lineage(told: Told, student: Student, dataset: Dataset | None) -> list[tuple[str, str]]:
    trained = (
        f"{dataset.name} of round {dataset.round}, {dataset.size:,} rows, digest `{dataset.digest}`" if dataset else ""
    )
    lora, settings = student.settings.get("lora", {}), student.settings.get("settings", {})
    return [
        ("run", f"`{told.run.key}`"),
        ("recipe", f"{told.run.recipe_name}, digest `{told.run.recipe_digest}`"),
        ("base", f"`{student.base}`, digest `{student.base_digest}`"),
        ("adapter", f"digest `{student.adapter_digest}`" if student.adapter else "none: the base itself"),
        ("parent", f"`{student.parent}`" if student.parent else "none: a fresh adapter"),
        ("trained on", trained or "nothing"),
        ("LoRA", ", ".join(f"{name} {value}" for name, value in lora.items()) or "none"),
        ("settings", ", ".join(f"{name} {value}" for name, value in settings.items()) or "none"),
    ]


def _exams(summary: Summary, student: Student) -> str:
    rows = [
        (
            exam["exam"],
            exam["part"],
            "this student" if exam["student"] == student.key else "base",
            exam["n"],
            f"{exam['accuracy']:.1%}",
            f"{exam['low']:.1%} to {exam['high']:.1%}",
        )
        for exam in summary.exams
        if exam["student"] == student.key or exam["round"] == BASE_ROUND
    ]
    head = ("exam", "part", "who", "questions", "right", "95 % interval")
    notes = [f"- {sentence}" for sentence in summary.unchecked]
    return "\n\n".join((_table("Exams", head, rows), *(["\n".join(notes)] if notes else [])))


def _decontamination(summary: Summary) -> str:
    canaries = [
        f"- Canaries of {c['exam']}, round {c['round']}: {c['right']} of {c['n']} right, {c['by_chance']:.0f} by chance."
        for c in summary.canaries
    ]
    said = (
        f"- {summary.left_out} lessons were left out because their text holds {OVERLAP:.0%} of the {GRAM}-word grams of a "
        "question of a probe or test, or the whole of a short one. A paraphrase passes this test; the canaries are for that.\n"
        "- No lesson shares its split key (question, document, head) with an exam item."
    )
    return "\n".join(("## Decontamination\n", said, *canaries))


def _terms(terms: Bound) -> str:
    rows = [(name, str(each.kind), each.says, each.source) for name, each in terms.by_model.items()]
    whole = (
        f"Together: **{terms.kind}**, {MEANS[terms.kind]}. The base has a licence of its own. This is not legal advice."
    )
    return "\n\n".join(
        (_table("Teachers and their terms", ("model", "class", "says", "where to read it"), rows), whole)
    )


def _parity(merged: Merged) -> str:
    found = merged.parity
    return (
        "## Parity\n\n"
        f"{found['prompts']} held-out prompts of its exam, greedily, computed in float32: {found['identical']:.1%} of the merged "
        f"weights' replies ({merged.stored}) are identical to those of base and adapter; mean agreement of tokens "
        f"{found['tokens']:.1%}."
    )


def _serving(merged: Merged) -> str:
    ollama = (
        "ollama create student -f Modelfile && ollama run student"
        if merged.turns
        else "# the chat template does more than wrap turns: write TEMPLATE of a Modelfile by hand, after chat_template.jinja"
    )
    return (
        "## Serving\n\n"
        f"The chat template is `chat_template.jinja` in this folder, and replies end in `{merged.end}`. vLLM and transformers "
        "read both from here. Give sampling temperature 0 to get the replies that were examined.\n\n"
        "```sh\n"
        "vllm serve path/of/this/folder\n"
        "transformers serve path/of/this/folder          # pip install 'transformers[serving]'\n"
        f"{ollama}\n"
        "```\n\n"
        "GGUF: a checkout of llama.cpp has the converter: `python convert_hf_to_gguf.py path/of/this/folder --outfile "
        "student.gguf`. It knows tokenizers by name and refuses others. Ask the result a few prompts before you trust it."
    )


def _loading(student: Student) -> str:
    return (
        "## Loading\n\n"
        "```python\n"
        "from peft import AutoPeftModelForCausalLM\n\n"
        'model = AutoPeftModelForCausalLM.from_pretrained("path/of/this/folder")   # finds the base at the path above\n'
        "```\n\n"
        f"Elsewhere, load the base yourself (`{student.base}` here) and then `PeftModel.from_pretrained(base, folder)`. "
        "`orchestrator export --merged` writes plain weights."
    )


def _table(title: str, head: Sequence[str], rows: Sequence[Sequence[Any]]) -> str:
    if not rows:
        return f"## {title}\n\nnone"
    lines = [f"| {' | '.join(head)} |", f"|{'---|' * len(head)}"]
    lines += [f"| {' | '.join(_cell(value) for value in row)} |" for row in rows]
    return "\n".join((f"## {title}\n", *lines))


def _cell(value: Any) -> str:
    """On one line, and what a model may have named is shown as text: no column, link, picture or HTML begins in it."""
    return re.sub(r"([|<\[])", r"\\\1", " ".join(str(value).split()))
