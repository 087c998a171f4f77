"""Files of lines, and of lines of cells: read in order, and again at the places where a line was found. Never held."""

import csv
import gzip
import hashlib
import os
import re
import reprlib
import stat
import zlib
from collections.abc import Iterable, Iterator
from functools import cached_property
from io import BufferedReader
from pathlib import Path
from tempfile import NamedTemporaryFile
from typing import Any

from agents.kinds import SourceError

LINE_BITS = 28
LINE_MASK = (1 << LINE_BITS) - 1
"""A place in a file of lines is its offset in bytes and the number of its line, in one integer."""
QUOTED = re.compile(r'"((?:[^"]|"")*)"')
PACKED = ".gz"
TIGHTEST = 200
"""Times that a packed table may grow when it is unpacked: rows of text pack to a tenth, a bomb to a thousandth."""
SMALL = 64 * 2**20
"""Bytes that any packed file may unpack to."""


class LinesOfText:
    """A file of UTF-8 lines, with or without a byte order mark, ended by LF or CR LF; one named .gz is unpacked first."""

    def __init__(self, path: str) -> None:
        self.path = path

    def opened(self) -> BufferedReader:
        try:
            if not stat.S_ISREG(os.stat(self.path).st_mode):
                raise SourceError(f"{self.path} is no file, but a folder, a pipe or a device; give the path of a file")
            return Path(self._unpacked.name if self.path.lower().endswith(PACKED) else self.path).open("rb")
        except OSError as error:
            raise SourceError(f"cannot read {self.path}: {error.strerror}; give the path of a file") from error

    @cached_property
    def _unpacked(self) -> Any:
        """On disk, gone with this object: what is packed can be read in order alone, and rows are read in any."""
        size, most = 0, max(SMALL, TIGHTEST * Path(self.path).stat().st_size)
        file = NamedTemporaryFile()  # noqa: SIM115 - it is to outlive this call
        try:
            with gzip.open(self.path) as packed:
                while piece := packed.read(2**20):
                    size += len(piece)
                    if size > most:
                        raise SourceError(
                            f"{self.path} unpacks to more than {TIGHTEST} times its size, which no table does; if it is one, "
                            "unpack it first"
                        )
                    file.write(piece)
        except (gzip.BadGzipFile, EOFError, zlib.error) as error:
            raise SourceError(
                f"{self.path} cannot be unpacked ({first_line(error)}); pack it anew with gzip"
            ) from error
        file.flush()
        return file

    def decoded(self, line: bytes, number: int) -> str:
        try:
            return line.decode("utf-8-sig" if number == 1 else "utf-8")
        except UnicodeDecodeError as error:
            raise SourceError(
                f"{self.path}:{number} is not UTF-8 text ({error.reason} at byte {error.start}); save it as UTF-8"
            ) from error

    def lines(self) -> Iterator[tuple[int, str]]:
        """(place, text without its ends) of every line that is not blank."""
        offset = 0
        with self.opened() as file:
            for number, line in enumerate(file, 1):
                if text := self.decoded(line, number).strip():
                    yield offset << LINE_BITS | number, text
                offset += len(line)

    def lines_at(self, places: Iterable[int]) -> Iterator[str]:
        with self.opened() as file:
            for place in places:
                file.seek(place >> LINE_BITS)
                yield self.decoded(file.readline(), place & LINE_MASK).strip()

    def where(self, place: int) -> str:
        return f"{self.path}:{place & LINE_MASK}"

    def digest(self) -> str:
        with self.opened() as file:
            return hashlib.file_digest(file, "sha256").hexdigest()


class Cells(LinesOfText):
    """Lines of cells, with commas (RFC 4180: a cell in quotes may hold commas and line ends) or tabs between them.

    With tabs a line end always ends the row, and quotes are signs like others unless they enclose a whole cell.
    """

    def __init__(self, path: str, tabs: bool) -> None:
        super().__init__(path)
        self.tabs = tabs

    def records(self) -> Iterator[tuple[int, list[str]]]:
        """(place, cells) of every line that is not blank."""
        with self.opened() as file:
            yield from self._records(file, 0, 0)

    def records_at(self, places: Iterable[int]) -> Iterator[list[str]]:
        with self.opened() as file:
            for place in places:
                file.seek(place >> LINE_BITS)
                yield next(self._records(file, place >> LINE_BITS, (place & LINE_MASK) - 1))[1]

    def _records(self, file: BufferedReader, offset: int, number: int) -> Iterator[tuple[int, list[str]]]:
        def lines() -> Iterator[str]:
            nonlocal offset, number
            for line in file:
                offset, number = offset + len(line), number + 1
                yield self.decoded(line, number)

        start = offset, number + 1
        try:
            for cells in self._reader(lines()):
                if any(cell.strip() for cell in cells):
                    yield start[0] << LINE_BITS | start[1], cells
                start = offset, number + 1
        except csv.Error as error:
            raise SourceError(
                f"{self.path}:{start[1]} cannot be read as cells ({error}); check its quotes and line ends"
            ) from error

    def _reader(self, lines: Iterator[str]) -> Iterator[list[str]]:
        if not self.tabs:
            return csv.reader(lines, strict=True)
        return ([_unquoted(cell) for cell in line.rstrip("\r\n").split("\t")] for line in lines)


def _unquoted(cell: str) -> str:
    whole = QUOTED.fullmatch(cell)
    return whole[1].replace('""', '"') if whole else cell


def short(value: Any) -> str:
    """What a file holds, in a few signs: a list that refers to others may be too long to write down whole."""
    return repr(value[:80]) if isinstance(value, str) else reprlib.repr(value)


def first_line(error: Exception) -> str:
    """What an error of a library says, in a line."""
    return (str(error).strip() or type(error).__name__).splitlines()[0].rstrip(".")
