"""Packed lines, and paths that are no files."""

import gzip
import json
import os
from pathlib import Path
from typing import Any

import pytest

from agents import text_lines
from agents.kinds import SourceError
from agents.sources.documents import Documents
from agents.sources.lines import Lines
from agents.sources.questions import Questions
from agents.tables import table_of

ROWS = [{"question": f"What is {n}?", "answer": str(n)} for n in range(40)]
JSONL = "".join(f"{json.dumps(row)}\n" for row in ROWS).encode()


def materials(found: Any) -> list[dict[str, Any]]:
    return [
        m.fields for part in ("train", "probe", "test") for s in found.skills() for m in found.materials(part, s, 0)
    ]


def questions(path: Path, content: bytes, **options: Any) -> Questions:
    path.write_bytes(content)
    return Questions(use="questions", path=str(path), **options)


def test_a_packed_table_is_the_table(tmp_path: Path) -> None:
    plain = questions(tmp_path / "q.jsonl", JSONL)
    packed = questions(tmp_path / "q.jsonl.gz", gzip.compress(JSONL))
    assert materials(packed) == materials(plain)
    assert len(materials(packed)) == len(ROWS)
    assert packed.signature == plain.signature
    csv = questions(tmp_path / "q.csv.GZ", gzip.compress(b"question,answer\nWhat?,1\n"))
    assert materials(csv) == [{"question": "What?", "gold": "1"}]


def test_a_bomb_is_refused_by_name_before_it_fills_the_disk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(text_lines, "SMALL", 2**20)
    bomb = questions(tmp_path / "q.jsonl.gz", gzip.compress(b" " * 64 * 2**20))
    with pytest.raises(SourceError, match=r"q\.jsonl\.gz unpacks to more than 200 times its size"):
        bomb.skills()


@pytest.mark.parametrize("content", [b"no gzip", gzip.compress(JSONL)[:-20], b""])
def test_a_damaged_pack_is_refused_by_name(tmp_path: Path, content: bytes) -> None:
    with pytest.raises(SourceError, match=r"q\.jsonl\.gz"):
        questions(tmp_path / "q.jsonl.gz", content).skills()


def test_parquet_is_packed_already(tmp_path: Path) -> None:
    with pytest.raises(SourceError, match=r"expected \.jsonl"):
        table_of(str(tmp_path / "q.parquet.gz"), [])


@pytest.mark.parametrize("name", ["q.jsonl", "q.csv", "q.parquet", "q.jsonl.gz"])
def test_a_pipe_is_refused_rather_than_waited_for(tmp_path: Path, name: str) -> None:
    os.mkfifo(tmp_path / name)
    with pytest.raises(SourceError, match="a pipe or a device"):
        Questions(use="questions", path=str(tmp_path / name)).skills()
    with pytest.raises(SourceError, match="a pipe or a device"):
        Lines(use="lines", path=str(tmp_path / name)).skills()


def test_a_pipe_or_a_device_among_documents_is_refused_by_name(tmp_path: Path) -> None:
    (tmp_path / "a.md").write_text("One text.")
    os.mkfifo(tmp_path / "b.md")
    with pytest.raises(SourceError, match=r"b\.md is no file"):
        Documents(use="documents", path=str(tmp_path)).skills()
    with pytest.raises(SourceError, match=r"b\.md is no file"):
        Documents(use="documents", path=str(tmp_path / "b.md")).skills()
    (tmp_path / "b.md").unlink()
    (tmp_path / "b.md").symlink_to("/dev/zero")
    with pytest.raises(SourceError, match=r"b\.md is no file"):
        Documents(use="documents", path=str(tmp_path)).skills()


def test_a_document_that_is_too_large_is_refused_by_name(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text("Some words. " * 100_000)
    with pytest.raises(SourceError, match=r"a\.txt has 1,200,000 bytes, at most 1,048,576"):
        Documents(use="documents", path=str(tmp_path), megabytes=1).skills()


# --- dotted names ---------------------------------------------------------------------------------------------------

NESTED = {"qa": {"q": "What?", "a": {"text": ["seven", "7"]}}, "qa.x": "here"}
DOTTED = {"question": "qa.q", "answer": "qa.a.text.1"}


def test_dotted_names_lead_into_rows(tmp_path: Path) -> None:
    import pyarrow
    from pyarrow import parquet

    line = json.dumps(NESTED).encode()
    parquet.write_table(pyarrow.Table.from_pylist([NESTED]), tmp_path / "q.parquet")
    for found in (
        questions(tmp_path / "q.jsonl", line, **DOTTED, keep=["qa.x"]),
        Questions(use="questions", path=str(tmp_path / "q.parquet"), **DOTTED, keep=["qa.x"]),
    ):
        assert materials(found) == [{"question": "What?", "gold": "7", "qa.x": "here"}]


@pytest.mark.parametrize("name", ["qa.b", "qa.q.c", "qa.a.text.2", "qa.a.text.x", "nothing.q"])
def test_a_dotted_name_that_leads_nowhere_is_named(tmp_path: Path, name: str) -> None:
    with pytest.raises(SourceError, match=name):
        questions(tmp_path / "q.jsonl", json.dumps(NESTED).encode(), question=name, answer="qa.q").skills()


def test_a_damaged_parquet_is_said_to_be(tmp_path: Path) -> None:
    import pyarrow
    from pyarrow import parquet

    table = pyarrow.Table.from_pylist([{"question": f"Question {n * 7919}?", "answer": str(n)} for n in range(5000)])
    parquet.write_table(table, tmp_path / "q.parquet")
    content = bytearray((tmp_path / "q.parquet").read_bytes())
    content[100:2000] = bytes(1900)
    with pytest.raises(SourceError, match=r"q\.parquet is damaged"):
        questions(tmp_path / "q.parquet", bytes(content)).skills()
