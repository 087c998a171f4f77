"""Passages of a folder: which files, which fields, and what must not cross the parts."""

import os
from pathlib import Path
from typing import Any

import pytest

from agents.chunking import count_words
from agents.kinds import Material, SourceError
from agents.sources.documents import Documents


def source(path: Path, **options: Any) -> Documents:
    return Documents(use="documents", path=str(path), **{"probe": 0, "test": 0, **options})


def everything(found: Documents) -> list[Material]:
    return [
        m for part in ("train", "probe", "test") for skill in found.skills() for m in found.materials(part, skill, 0)
    ]


def folder(place: Path, files: dict[str, str]) -> Path:
    for name, text in files.items():
        (place / name).parent.mkdir(parents=True, exist_ok=True)
        (place / name).write_text(text, encoding="utf-8")
    return place


def sentences(start: int, count: int) -> str:
    return " ".join(f"Sentence number {n} of the document ends here." for n in range(start, start + count))


def test_a_passage_says_where_it_is_from(tmp_path: Path) -> None:
    text = f"# Towns\n\n{sentences(0, 2)}\n\n## Roads\n\n{sentences(2, 2)}\n\n{sentences(4, 2)}"
    found = everything(source(folder(tmp_path, {"a/b/towns.md": text}), words=20, skill="folder"))
    by_origin = {m.origin: m for m in found}
    assert sorted(by_origin) == [f"a/b/towns.md#{n}" for n in (1, 2, 3)]
    second = by_origin["a/b/towns.md#2"]
    assert second.fields == {
        "text": sentences(2, 2),
        "document": "a/b/towns.md",
        "title": "Towns",
        "section": "Towns > Roads",
        "place": "2 of 3",
    }
    assert (second.skill, second.split_key) == ("a/b", "document: a/b/towns.md")


def test_one_file_is_read_too_and_windows_may_overlap(tmp_path: Path) -> None:
    place = folder(tmp_path, {"a.txt": sentences(0, 5)}) / "a.txt"
    found = {m.origin: m.fields["text"] for m in everything(source(place, sentences=2, stride=1))}
    assert found == {f"a.txt#{n + 1}": sentences(n, 2) for n in range(4)}


def test_hidden_and_foreign_files_are_passed_over(tmp_path: Path) -> None:
    files = {"a.md": "One.", ".hidden.md": "Two.", ".git/b.md": "Three.", "picture.png": "Four.", "LICENSE": "Five."}
    assert [m.fields["text"] for m in everything(source(folder(tmp_path, files)))] == ["One."]


def test_a_link_to_a_folder_above_is_not_followed(tmp_path: Path) -> None:
    folder(tmp_path, {"a/a.md": "One."})
    (tmp_path / "a" / "round").symlink_to(tmp_path)
    assert len(everything(source(tmp_path))) == 1


def test_the_same_text_is_given_once(tmp_path: Path) -> None:
    files = {"a.md": "One.\n\n# H\n\nFooter.", "b.md": "One.\n\n# H\n\nFooter.", "c.md": "# G\nTwo.\n# H\nfooter. "}
    found = everything(source(folder(tmp_path, files)))
    assert sorted(m.origin for m in found) == ["a.md#1", "a.md#2", "c.md#1"]


def test_no_document_crosses_the_parts_unless_passages_may(tmp_path: Path) -> None:
    files = {f"{n}.txt": "\n\n".join(sentences(50 * n + 5 * p, 2) for p in range(10)) for n in range(20)}
    folder(tmp_path, files)
    for split_by, across in (("document", False), ("passage", True)):
        found = source(tmp_path, words=20, split_by=split_by, probe=0.3, test=0.3)
        parts = {
            document: {found.part_of(m.split_key) for m in everything(found) if m.fields["document"] == document}
            for document in files
        }
        assert any(len(there) > 1 for there in parts.values()) is across
        assert set.union(*parts.values()) == {"train", "probe", "test"}


def test_the_signature_follows_what_is_said_and_not_when_files_were_written(tmp_path: Path) -> None:
    folder(tmp_path, {"a.md": "One.", "b.md": "Two."})
    first = source(tmp_path).signature
    folder(tmp_path, {"b.md": "Two.\n\n"})
    assert source(tmp_path).signature == first
    folder(tmp_path, {"b.md": "Three."})
    assert source(tmp_path).signature != first


def test_a_text_without_any_end_is_cut_between_words(tmp_path: Path) -> None:
    found = everything(source(folder(tmp_path, {"a.txt": "word " * 200_000}), words=5000))
    assert [count_words(m.fields["text"]) for m in found] == [5000]  # all are the same text
    longer = everything(source(folder(tmp_path, {"a.txt": " ".join(map(str, range(100_000)))}), words=5000))
    assert sorted(int(m.fields["text"].split()[0]) for m in longer) == list(range(0, 100_000, 5000))


def test_what_cannot_be_used_is_refused_with_what_to_do(tmp_path: Path) -> None:
    with pytest.raises(SourceError, match=r"cannot read .*none: there is no such file or folder"):
        source(tmp_path / "none").skills()
    with pytest.raises(SourceError, match=r"holds no documents; expected .md, .*found no files"):
        source(tmp_path).skills()
    folder(tmp_path, {"a.odt": "x", "b.png": "y"})
    with pytest.raises(SourceError, match=r"holds no documents; expected .*\.docx, found \.odt, \.png"):
        source(tmp_path).skills()
    folder(tmp_path, {"a.html": "<html></html>"})
    with pytest.raises(SourceError, match=r"the documents in .* hold no text"):
        source(tmp_path).skills()


def test_documents_that_are_none_of_them_taught_are_refused(tmp_path: Path) -> None:
    folder(tmp_path, {"a.md": "One."})
    options = {"probe": 0.499, "test": 0.499}
    with pytest.raises(SourceError, match=r"none of the documents .* falls into the part `train`.*`split_by: passage`"):
        source(tmp_path, **options).skills()


def test_a_stride_that_leaves_sentences_out_is_refused() -> None:
    for options in ({"stride": 1}, {"sentences": 2, "stride": 3}):
        with pytest.raises(ValueError, match="others would leave sentences out"):
            Documents(use="documents", path="x", **options)  # type: ignore[arg-type]


def test_passages_that_overlap_never_cross_the_parts() -> None:
    with pytest.raises(ValueError, match="windows that overlap would have the same sentences in train, probe and test"):
        Documents(use="documents", path="x", sentences=3, stride=1, split_by="passage")
    assert Documents(use="documents", path="x", sentences=3, stride=3, split_by="passage").stride == 3


def test_a_name_that_is_no_utf_8_is_refused(tmp_path: Path) -> None:
    Path(os.fsdecode(os.fsencode(tmp_path) + b"/d\xe9.md")).write_text("text")
    with pytest.raises(SourceError, match=r"d\\xe9.md' has a name that is not UTF-8; rename it"):
        source(tmp_path).skills()


def test_a_folder_that_cannot_be_read_is_not_passed_over(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    scan = os.scandir

    def guarded(path: Any) -> Any:
        if Path(path).name == "locked":
            raise PermissionError(13, "Permission denied", str(path))
        return scan(path)

    monkeypatch.setattr(os, "scandir", guarded)  # whoever tests as root can read whatever is locked
    with pytest.raises(SourceError, match=r"cannot read .*locked: Permission denied; make it readable"):
        source(folder(tmp_path, {"a.md": "text", "locked/b.md": "text"})).skills()
