"""A tape as a file: gzip of JSON lines. A header first, then records in a fixed order, and last the digest of them all."""

import gzip
import os
import zlib
from collections.abc import Iterable, Iterator, Mapping
from hashlib import blake2b
from itertools import count
from pathlib import Path
from typing import Any

import orjson
from pydantic import BaseModel, ConfigDict, ValidationError

from agents.endpoint import Mode
from storage.accounts import INCIDENTAL
from storage.keyed import Keyed, canonical_json
from storage.records import Call, Draft, Plan, Seed, Verdict

VERSION = 1
KINDS: dict[str, type[Keyed]] = {kind.__name__.lower(): kind for kind in (Plan, Seed, Draft, Verdict, Call)}
LONGEST_LINE, LONGEST_HEADER = 32 << 20, 8 << 20
"""In bytes: a small file can unpack to a line that fits into no memory."""
LEFT_OUT = INCIDENTAL | {"origin", "usd"}
"""What differs between two runs that do the same work, where on this machine data lay, and what was paid for it."""


class TapeError(Exception):
    """A tape that cannot be recorded or replayed; the message says what was found and what to do."""


class _Part(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Voice(_Part):
    """A role's model, and the machine facts that are part of its requests."""

    model: str
    max_tokens: int
    structured: Mode
    choices: int
    extra: dict[str, Any]


class Recorded(_Part):
    """A dataset that the run froze."""

    round: int
    name: str
    size: int
    digest: str


class Header(_Part):
    tape: int = VERSION
    run: str
    digest: str
    """Of the recipe, when the run was carried out; the run's key and its drafts' keys follow from it."""
    recipe: dict[str, Any]
    """The method, as it is stored with the run."""
    components: list[str]
    """Signatures of the recipe's components when the tape was recorded."""
    roles: dict[str, Voice]
    datasets: list[Recorded]
    guarded: list[str]
    """Split keys of the exam items that new items fell on. That no draft had the others says that they change nothing."""
    contaminated: list[str]
    """Keys of the drafts that no dataset holds because they hold an exam question."""
    unanswered: list[str]
    """Keys of requests that never got a reply, so that nothing came of them."""
    packages: dict[str, str]
    """Versions at the time of recording, for information."""


def write_tape(path: Path, header: Header, records: Iterable[Keyed], secrets: Mapping[str, str]) -> None:
    """The same content is the same file, byte for byte. Raises TapeError for a secret, and then there is no file."""
    hidden = {name: canonical_json(value)[1:-1] for name, value in secrets.items()}
    digest = blake2b(digest_size=16)
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_name(f".{path.name}.part")
    try:
        with part.open("wb") as file, gzip.GzipFile("", "wb", fileobj=file, mtime=0) as packed:
            for number, line in enumerate(_encoded(header, records), 1):
                _refuse_length(path, number, line)
                _refuse_secrets(line, hidden)
                digest.update(line)
                packed.write(line)
            packed.write(_end(digest.hexdigest()))
        os.replace(part, path)
    finally:
        part.unlink(missing_ok=True)


def read_header(path: Path) -> Header:
    """Raises TapeError, also for a tape of another version."""
    found = _json(next(_lines(path), b""))
    if not isinstance(found, dict) or not isinstance(found.get("tape"), int):
        raise TapeError(
            f"{path} is not a tape: its first line is no header; expected a file of `orchestrator tape record`"
        )
    if found["tape"] != VERSION:
        raise TapeError(
            f"{path} is a tape of version {found['tape']}, and this package reads version {VERSION}; replay it with the "
            "package that recorded it, or record it anew"
        )
    try:
        return Header.model_validate(found)
    except ValidationError as error:
        trouble = error.errors(include_url=False)[0]
        place = ".".join(map(str, trouble["loc"]))
        raise TapeError(
            f"{path}: the tape's header cannot be read ({place}: {trouble['msg']}); record it anew"
        ) from error


def read_records(path: Path) -> Iterator[Keyed]:
    """The records, in order. Raises TapeError where one is none, and at the end if anything was changed or is missing."""
    digest, last = blake2b(digest_size=16), b""
    for number, line in enumerate(_lines(path), 1):
        if last:
            digest.update(last)
        last = line
        found = _json(line)
        if number == 1 or (isinstance(found, dict) and "end" in found):
            continue
        yield _record(path, number, found)
    if last != _end(digest.hexdigest()):
        raise TapeError(
            f"{path} is not as it was recorded: lines were changed or are missing; copy it or record it anew"
        )


def _encoded(header: Header, records: Iterable[Keyed]) -> Iterator[bytes]:
    yield canonical_json(header.model_dump()) + b"\n"
    for record in records:
        kind = type(record)
        fields = {name: getattr(record, name) for name in kind.model_fields if name not in LEFT_OUT}
        yield canonical_json({kind.__name__.lower(): fields}) + b"\n"


def _refuse_secrets(line: bytes, hidden: Mapping[str, bytes]) -> None:
    for name, value in hidden.items():
        if value in line:
            raise TapeError(
                f"the tape would hold what is in {name}, so it was not written; find out how it came into the run, or, "
                "if it is no secret, take it away from there and record again"
            )


def _end(digest: str) -> bytes:
    return canonical_json({"end": f"tape:b2:{digest}"}) + b"\n"


def _lines(path: Path) -> Iterator[bytes]:
    try:
        with gzip.open(path) as file:
            for number in count(1):
                line = file.readline(_longest(number) + 1)
                if not line:
                    return
                _refuse_length(path, number, line)
                yield line
    except EOFError:
        raise TapeError(f"{path} ends in the middle; copy it again, or record it anew") from None
    except (gzip.BadGzipFile, zlib.error) as error:
        raise TapeError(
            f"{path} is not a tape, or is damaged ({error}); expected a file of `orchestrator tape record`"
        ) from None


def _longest(number: int) -> int:
    return LONGEST_HEADER if number == 1 else LONGEST_LINE


def _refuse_length(path: Path, number: int, line: bytes) -> None:
    if len(line) > _longest(number):
        what = "header" if number == 1 else "line"
        raise TapeError(
            f"{path}: line {number} is longer than the {_longest(number) >> 20} MiB that a tape's {what} may have; "
            "expected a file of `orchestrator tape record`"
        )


def _json(line: bytes) -> Any:
    try:
        return orjson.loads(line)
    except ValueError:
        return None


def _record(path: Path, number: int, found: Any) -> Keyed:
    named = next(iter(found.items())) if isinstance(found, dict) and len(found) == 1 else ("", None)
    kind, fields = KINDS.get(named[0]), named[1]
    if kind is None or not isinstance(fields, dict):
        raise TapeError(f"{path}: line {number} is not a record; expected one of {', '.join(KINDS)}. Record it anew")
    try:
        record = kind.new(**fields)
    except (ValidationError, TypeError) as error:
        said = " ".join(str(error).split())
        raise TapeError(f"{path}: line {number} is not a {named[0]} ({said}); record it anew") from error
    if record.derived_key() != fields.get("key"):
        raise TapeError(
            f"{path}: line {number} is not the {named[0]} that its key says: it was changed; record it anew"
        )
    return record
