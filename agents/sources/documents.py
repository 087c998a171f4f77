import hashlib
import os
import random
import re
from collections import defaultdict
from collections.abc import Iterator, Mapping
from functools import cached_property
from pathlib import Path
from typing import Literal, NoReturn

from pydantic import Field, model_validator

from agents.chunking import Passage, passages, windows
from agents.converting import FORMS, LARGEST, Outline, read_document
from agents.kinds import Fields, Material, Part, SourceError
from agents.registry import register
from agents.splits import SplitByHash, fingerprint, folded

MEGABYTE = 2**20
UNDECODED = re.compile("[\udc80-\udcff]")
"""What stands in a file's name for bytes that are not UTF-8."""


@register("documents")
class Documents(SplitByHash):
    """Passages of one document or of a folder of them, in Markdown, HTML, plain text, PDF and DOCX.

    Files of other kinds, and hidden ones, are passed over. Paragraphs under one heading are put together up to `words`
    words; code and tables stay whole where they fit. The same text is given once. The texts are held in memory.
    """

    kind = "passage"
    path: str
    words: int = Field(default=180, ge=20)
    """Words that a passage has at most."""
    sentences: int | None = Field(default=None, ge=1)
    """Give windows of so many sentences instead of paragraphs."""
    stride: int | None = Field(default=None, ge=1)
    """Sentences from the beginning of a window to that of the next; by default windows do not overlap."""
    split_by: Literal["document", "passage"] = "document"
    """What must not cross train, probe and test."""
    skill: Literal["folder"] | None = None
    """`folder`: a passage has the folder of its document for a skill."""
    megabytes: int = Field(default=LARGEST // MEGABYTE, ge=1)
    """A larger document is refused, and so is a DOCX that unpacks to four times as much."""

    @property
    def signature(self) -> str:
        return f"{super().signature}:{self._digest[:16]}"

    @model_validator(mode="after")
    def _leaves_no_gap(self) -> "Documents":
        if self.stride is not None and not (self.sentences and self.stride <= self.sentences):
            raise ValueError(
                "`stride` is for windows of `sentences`, and at most as many: others would leave sentences out"
            )
        if self.split_by == "passage" and self.stride != self.sentences and self.stride:
            raise ValueError(
                "windows that overlap would have the same sentences in train, probe and test; split by document, or let "
                "`stride` be as many as `sentences`"
            )
        return self

    def skills(self) -> list[str]:
        return sorted({skill for _, skill in self._index})

    def materials(self, part: Part, skill: str, seed: int) -> Iterator[Material]:
        chosen = list(self._index.get((part, skill), ()))
        random.Random(seed).shuffle(chosen)
        yield from chosen

    def split_key(self, fields: Fields) -> str:
        """The document, or a hash of the passage; a question that is of neither has itself."""
        if "document" in fields and self.split_by == "document":
            return f"document: {fields['document']}"
        if "text" in fields:
            return f"passage: {fingerprint(folded(fields['text'])).hex()}"
        return folded(fields.get("question", ""))

    @cached_property
    def _digest(self) -> str:
        """Of the passages: another version of a library may read a document otherwise."""
        digest = hashlib.sha256()
        for place in self._index:
            for material in self._index[place]:
                digest.update(f"{material.origin}\0{material.fields['text']}\0".encode())
        return digest.hexdigest()

    @cached_property
    def _index(self) -> Mapping[tuple[Part, str], list[Material]]:
        found: defaultdict[tuple[Part, str], list[Material]] = defaultdict(list)
        seen = set[bytes]()
        for path, document in self._files():
            outline = read_document(path, self.megabytes * MEGABYTE)
            for material in self._materials_of(outline, document):
                known = fingerprint(folded(material.fields["text"]))
                if known not in seen:
                    seen.add(known)
                    found[self.part_of(material.split_key), material.skill].append(material)
        if not seen:
            raise SourceError(f"the documents in {self.path} hold no text")
        if not any(part == "train" for part, _ in found):
            raise SourceError(
                f"none of the documents in {self.path} falls into the part `train`, by a hash of their names; give more "
                "documents, `split_by: passage`, or `probe: 0, test: 0` if no exam is about them"
            )
        return dict(found)

    def _materials_of(self, outline: Outline, document: str) -> Iterator[Material]:
        folder = Path(document).parent.as_posix()
        skill = folder if self.skill == "folder" and folder != "." else ""
        there = self._passages(outline)
        for number, passage in enumerate(there, 1):
            fields = {
                "text": passage.text,
                "document": document,
                "title": outline.title or Path(document).stem,
                "section": " > ".join(passage.section),
                "place": f"{number} of {len(there)}",
            }
            yield Material(fields, self.split_key(fields), skill, f"{document}#{number}")

    def _passages(self, outline: Outline) -> list[Passage]:
        if self.sentences is None:
            return list(passages(outline.blocks, self.words))
        return list(windows(outline.blocks, self.sentences, self.stride or self.sentences, self.words))

    def _files(self) -> Iterator[tuple[Path, str]]:
        """(file, its path inside the folder) of every document, in the order of these paths."""
        root = Path(self.path)
        if not root.exists():
            raise SourceError(f"cannot read {self.path}: there is no such file or folder; give the path of documents")
        there = sorted(_below(root), key=lambda each: each[1]) if root.is_dir() else [(root, root.name)]
        documents = [(path, name) for path, name in there if path.suffix.lower() in FORMS]
        if not documents:
            others = sorted({path.suffix.lower() or path.name for path, _ in there})
            raise SourceError(
                f"{self.path} holds no documents; expected {', '.join(FORMS)}, found {', '.join(others[:8]) or 'no files'}"
            )
        for path, name in documents:
            if UNDECODED.search(name):
                raise SourceError(f"{os.fsencode(path)!r} has a name that is not UTF-8; rename it")
            yield path, name


def _below(root: Path) -> Iterator[tuple[Path, str]]:
    """Links to folders are not followed: they may lead round in a circle. Raises SourceError for an unreadable folder."""

    def refuse(error: OSError) -> NoReturn:
        raise SourceError(
            f"cannot read {error.filename}: {error.strerror}; make it readable, or take it away"
        ) from error

    for folder, folders, names in os.walk(root, onerror=refuse):
        folders[:] = [name for name in folders if not name.startswith(".")]
        for name in names:
            path = Path(folder, name)
            if not name.startswith("."):
                yield path, path.relative_to(root).as_posix()
