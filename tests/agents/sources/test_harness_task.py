"""A task's own splits as the parts of a source."""

import json
from pathlib import Path
from typing import Any

import pytest
import yaml
from pydantic import ValidationError

from agents import harness
from agents.kinds import SourceError
from agents.sources.harness_task import HarnessTask

pytest.importorskip("lm_eval", reason="the extra `harness` is not installed")
ROOT = Path(__file__).parents[3]
OWN = ROOT / "tests" / "data" / "harness"


@pytest.fixture(autouse=True)
def _at_the_root(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(ROOT)
    monkeypatch.setattr(harness, "_known", {})
    harness._manager.cache_clear()


def source(task: str = "sums", folder: Path = OWN, **options: Any) -> HarnessTask:
    return HarnessTask(use="harness_task", task=task, include_path=str(folder), **options)


def written(folder: Path, name: str, **splits: list[tuple[str, str]]) -> None:
    """A task with these questions and answers in its splits."""
    said = yaml.safe_load((OWN / "sums.yaml").read_text())
    files = {split: str(folder / f"{name}_{split}.jsonl") for split in splits}
    for split, rows in splits.items():
        Path(files[split]).write_text("\n".join(json.dumps({"question": q, "answer": a}) for q, a in rows))
    said |= {
        "task": name,
        "tag": "both",
        "dataset_kwargs": {"data_files": files},
        "num_fewshot": 0,
        "fewshot_split": "test",
    }
    for split in ("train", "validation", "test"):
        said["training_split" if split == "train" else f"{split}_split"] = split if split in splits else None
    (folder / f"{name}.yaml").write_text(yaml.safe_dump(said))


def test_splits_are_parts_and_exams_keep_their_order() -> None:
    found = source()
    for part, split in {"train": "training", "probe": "validation", "test": "test"}.items():
        materials = list(found.materials(part, "sums", 5))  # type: ignore[arg-type]
        numbers = [m.fields["document"]["number"] for m in materials]
        assert sorted(numbers) == list(range(8))
        assert (numbers == list(range(8))) is (part != "train")
        assert {m.fields["document"]["split"] for m in materials} == {split}
    assert list(found.materials("test", "another", 0)) == []


def test_a_final_answer_is_gold_and_the_rest_its_solution() -> None:
    first = next(source().materials("test", "sums", 0))
    assert (first.fields["gold"], first.fields["solution"]) == ("2013", "1003+1010=2013\n#### 2013")
    assert first.origin == "sums/test:1"
    picked = next(source("picks", parts={"test": "validation"}).materials("test", "picks", 0))
    assert (picked.fields["gold"], picked.fields["choices"]) == ("blue", ["blue", "made of green cheese"])
    assert "solution" not in picked.fields


def test_a_split_that_a_task_lacks_is_an_error_and_can_be_named() -> None:
    for part in ("train", "probe", "test"):
        with pytest.raises(SourceError, match=rf"'picks' has no questions for the part '{part}'.* it has: validation"):
            next(source("picks", parts={"train": "training", "test": "test"}).materials(part, "picks", 0))  # type: ignore[arg-type]
    assert len(list(source("picks").materials("probe", "picks", 0))) == 8
    with pytest.raises(ValidationError, match="two parts are the same split"):
        source("picks", parts={"probe": "validation", "test": "validation"})


def test_a_question_of_several_splits_is_in_the_part_that_is_kept_closest(tmp_path: Path) -> None:
    one, two, three = ("How many are 1 and 1?", "2"), ("how  many are 1 and 1?", "3"), ("How many are 2 and 2?", "4")
    written(tmp_path, "a", train=[one, three], validation=[two, three], test=[one])
    found = source("a", tmp_path)
    parts = {p: [m.fields["gold"] for m in found.materials(p, "a", 0)] for p in ("train", "probe", "test")}  # type: ignore[arg-type]
    assert parts == {"train": [], "probe": ["4"], "test": ["2"]}


def test_the_tasks_of_a_group_are_skills(tmp_path: Path) -> None:
    written(tmp_path, "a", test=[("How many are 1 and 1?", "2")])
    written(tmp_path, "b", test=[("How many are 1 and 1?", "2"), ("How many are 3 and 1?", "4")])
    found = source("both", tmp_path)
    assert found.skills() == ["a", "b"]
    assert [len(list(found.materials("test", name, 0))) for name in "ab"] == [1, 1]


def test_its_signature_is_of_the_questions_and_answers(tmp_path: Path) -> None:
    signatures = set()
    for answer, folder in (("2", "one"), ("2", "two"), ("3", "three")):
        place = tmp_path / folder
        place.mkdir()
        written(place, "a", test=[("How many are 1 and 1?", answer)])
        signatures.add(source("a", place).signature)
    assert len(signatures) == 2
