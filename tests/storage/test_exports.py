"""An exported dataset is complete, described and checkable, or absent."""

import hashlib
import json
from pathlib import Path

import pytest
from sqlalchemy import text

from storage.exports import export_dataset
from storage.lineage import PAGE
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
