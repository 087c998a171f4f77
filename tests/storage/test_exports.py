"""An exported dataset is complete, described and checkable, or absent."""

import hashlib
import json
from pathlib import Path

import pyarrow.parquet
import pytest
from sqlalchemy import text

from storage.exports import export_dataset
from storage.lineage import PAGE, rows_digest
from storage.records import Dataset, DatasetRow
from storage.store import Store, StoreError
from tests.storage.lessons import RUN, a_dataset, a_draft, a_run


def test_rows_and_manifest_agree(store: Store, tmp_path: Path) -> None:
    drafts = [a_draft(number, producer=f"w@{number % 3}") for number in range(PAGE + 5)]
    dataset, *rows = a_dataset(*drafts)
    store.add(a_run(), dataset, *rows, *drafts)
    path = export_dataset(store, dataset.key, tmp_path / "new" / "folder")
    lines = path.read_bytes().splitlines()
    manifest = json.loads((path.parent / "manifest.json").read_bytes())
    assert [json.loads(line) for line in lines] == [{**row.content, "draft": row.draft} for row in rows]
    assert manifest["rows"] == len(lines) == sum(manifest["skills"].values()) == sum(manifest["producers"].values())
    assert manifest["sha256"] == hashlib.sha256(path.read_bytes()).hexdigest()
    assert manifest["recipe"] == {"name": "maths", "digest": "d1"}
    assert manifest["digest"] == dataset.digest
    assert sorted(file.name for file in path.parent.iterdir()) == ["manifest.json", "train.jsonl"]


def test_exporting_twice_gives_the_same_bytes(sqlite_store: Store, tmp_path: Path) -> None:
    records = a_dataset(a_draft(1), a_draft(2))
    sqlite_store.add(a_run(), *records, a_draft(1), a_draft(2))
    first, second = (export_dataset(sqlite_store, records[0].key, tmp_path / name) for name in "ab")
    assert first.read_bytes() == second.read_bytes()
    assert (first.parent / "manifest.json").read_bytes() == (second.parent / "manifest.json").read_bytes()


def test_a_tampered_dataset_leaves_neither_rows_nor_manifest(sqlite_store: Store, tmp_path: Path) -> None:
    dataset, *rows = a_dataset(a_draft(1))
    sqlite_store.add(dataset, *rows)
    folder = tmp_path / "out"
    export_dataset(sqlite_store, dataset.key, folder)
    with sqlite_store.writing() as connection:
        connection.execute(text("UPDATE datasetrow SET draft = 'other'"))
    with pytest.raises(StoreError, match="changed or are incomplete"):
        export_dataset(sqlite_store, dataset.key, folder)
    assert [file.name for file in folder.iterdir()] == ["train.jsonl"]


def test_an_unknown_dataset_is_refused(sqlite_store: Store, tmp_path: Path) -> None:
    with pytest.raises(StoreError, match="no dataset has the key"):
        export_dataset(sqlite_store, RUN, tmp_path)


def test_a_name_that_leaves_the_folder_is_refused(sqlite_store: Store, tmp_path: Path) -> None:
    dataset, *rows = a_dataset(a_draft(1), name="../elsewhere")
    sqlite_store.add(dataset, *rows)
    with pytest.raises(StoreError, match="without slashes"):
        export_dataset(sqlite_store, dataset.key, tmp_path)


@pytest.mark.parametrize("folder", ["/proc/here", "/dev/null/here"])
def test_a_folder_that_cannot_be_written_is_explained(sqlite_store: Store, folder: str) -> None:
    dataset, *rows = a_dataset(a_draft(1))
    sqlite_store.add(dataset, *rows)
    with pytest.raises(StoreError, match=r"cannot be written.*choose another place"):
        export_dataset(sqlite_store, dataset.key, Path(folder))


def lessons_of(store: Store) -> str:
    """Key of a dataset of two conversations."""
    drafts, facts = (
        [a_draft(1), a_draft(2)],
        {"run": a_run().key, "round": 1, "name": "train", "format": "f", "size": 2},
    )
    contents = [
        {"prompt": [{"role": "user", "content": f"{i}?"}], "completion": [{"role": "assistant", "content": str(i)}]}
        for i in (1, 2)
    ]
    rows = [
        DatasetRow(dataset="", position=i, draft=draft.key, content=content)
        for i, (draft, content) in enumerate(zip(drafts, contents, strict=True))
    ]
    dataset = Dataset.new(**facts, digest=rows_digest(rows))
    for row in rows:
        row.dataset = dataset.key
    store.add(a_run(), dataset, *rows, *drafts)
    return dataset.key


def test_further_forms_and_parquet_lie_beside_the_rows_and_in_the_manifest(store: Store, tmp_path: Path) -> None:
    path = export_dataset(store, lessons_of(store), tmp_path, ["messages", "alpaca"], parquet=True)
    files = json.loads((tmp_path / "manifest.json").read_bytes())["files"]
    assert [(each["file"], each["form"], each["rows"]) for each in files] == [
        ("train.messages.jsonl", "messages", 2),
        ("train.alpaca.jsonl", "alpaca", 2),
        ("train.parquet", "as trained", 2),
        ("train.messages.parquet", "messages", 2),
        ("train.alpaca.parquet", "alpaca", 2),
    ]
    for each in files:
        assert each["sha256"] == hashlib.sha256((tmp_path / each["file"]).read_bytes()).hexdigest()
    [first, _] = [json.loads(line) for line in (tmp_path / "train.alpaca.jsonl").read_text().splitlines()]
    assert (first["instruction"], first["output"]) == ("1?", "1")
    as_trained = [json.loads(line) for line in path.read_text().splitlines()]
    assert pyarrow.parquet.read_table(tmp_path / "train.parquet").to_pylist() == as_trained
    assert {row["draft"] for row in as_trained} == {first["draft"], a_draft(2).key}


@pytest.mark.parametrize(
    ("form", "why"), [("dpo", "Row 1 of train.jsonl: .*one reply each"), ("pickle", "no form 'pickle'")]
)
def test_rows_that_a_form_cannot_hold_leave_no_manifest(store: Store, tmp_path: Path, form: str, why: str) -> None:
    key = lessons_of(store)
    with pytest.raises(StoreError, match=why):
        export_dataset(store, key, tmp_path, [form])
    assert not (tmp_path / "manifest.json").exists()
