"""Rows of a table wherever it lies: JSON Lines, CSV, TSV, Parquet, or a data set of Hugging Face. They are read, never held."""

import hashlib
import json
from abc import ABC, abstractmethod
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import cached_property
from itertools import islice
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict

from agents.kinds import SourceError
from agents.text_lines import PACKED, Cells, LinesOfText, first_line

Row = dict[str, Any]
AHEAD = 1000
"""Rows that are fetched together where fetching one means reading many."""
SAVED = ("dataset_info.json", "dataset_dict.json")
"""What `save_to_disk` leaves in a folder."""


class Table(ABC):
    """Rows that can be read in order, and again at the places where they were found."""

    @abstractmethod
    def rows(self) -> Iterator[tuple[int, Row]]:
        """(place, row) of every row, in order. Raises SourceError for what is no row."""

    @abstractmethod
    def at(self, places: Sequence[int]) -> Iterator[Row]:
        """The rows at these places, in this order."""

    @abstractmethod
    def where(self, place: int) -> str:
        """What people call the place."""

    @abstractmethod
    def digest(self) -> str:
        """SHA-256 of the content, in hex."""


class JsonLines(LinesOfText, Table):
    """One JSON object a line. Dotted names lead into objects and lists: `qa.question`, `answers.text.0`."""

    def __init__(self, path: str, names: Sequence[str] = ()) -> None:
        super().__init__(path)
        self.names = names

    def rows(self) -> Iterator[tuple[int, Row]]:
        for place, text in self.lines():
            yield place, self._row(text, place)

    def at(self, places: Sequence[int]) -> Iterator[Row]:
        for place, text in zip(places, self.lines_at(places), strict=True):
            yield self._row(text, place)

    def _row(self, text: str, place: int) -> Row:
        where = self.where(place)
        try:
            row = json.loads(text)
        except json.JSONDecodeError as error:
            raise SourceError(f"{where} is not JSON ({error.msg}); expected one JSON object a line") from error
        except RecursionError as error:
            raise SourceError(f"{where} is nested too deep to be a row; expected one JSON object a line") from error
        except ValueError as error:  # Python's limit on the digits of an integer
            raise SourceError(f"{where} holds a number of too many digits; write it as a text") from error
        if not isinstance(row, dict):
            raise SourceError(f"{where} holds {type(row).__name__}; expected one JSON object a line")
        return _led(row, self.names)


class CellTable(Cells, Table):
    """A CSV or TSV file whose first line names the columns. An empty cell is None."""

    @cached_property
    def columns(self) -> list[str]:
        found = next((cells for _, cells in self.records()), [])
        names = [name.strip() for name in found]
        if twice := [name for name in names if names.count(name) > 1]:
            raise SourceError(
                f"{self.path} names the column {twice[0]!r} twice; expected a first line of distinct names"
            )
        return names

    def rows(self) -> Iterator[tuple[int, Row]]:
        for place, cells in islice(self.records(), 1, None):
            yield place, self._row(cells, place)

    def at(self, places: Sequence[int]) -> Iterator[Row]:
        for place, cells in zip(places, self.records_at(places), strict=True):
            yield self._row(cells, place)

    def _row(self, cells: list[str], place: int) -> Row:
        if len(cells) != len(self.columns):
            raise SourceError(
                f"{self.where(place)} has {len(cells)} cells, expected {len(self.columns)}, which its first line names: "
                f"{', '.join(self.columns)}"
            )
        return {name: cell or None for name, cell in zip(self.columns, cells, strict=True)}


class ParquetTable(Table):
    """A Parquet file, of which some columns are read, one row group at a time."""

    def __init__(self, path: str, names: list[str]) -> None:
        self.path, self.names = path, names
        self._held: tuple[int, Any] | None = None

    def rows(self) -> Iterator[tuple[int, Row]]:
        place = 0
        with self._readable():
            for batch in self._file.iter_batches(columns=self._columns):
                for row in batch.to_pylist():
                    yield place, _led(row, self.names)
                    place += 1

    def at(self, places: Sequence[int]) -> Iterator[Row]:
        """In steps, each of which reads a row group at most once: one row alone costs as much as its group."""
        for start in range(0, len(places), AHEAD):
            wanted = places[start : start + AHEAD]
            found = dict(self._gathered(wanted))
            yield from (found[place] for place in wanted)

    def where(self, place: int) -> str:
        return f"{self.path}:{place + 1}"

    def digest(self) -> str:
        return LinesOfText(self.path).digest()

    def _gathered(self, places: Sequence[int]) -> Iterator[tuple[int, Row]]:
        first = 0
        for group in range(self._file.num_row_groups):
            rows = self._file.metadata.row_group(group).num_rows
            inside = sorted({place for place in places if first <= place < first + rows})
            if inside:
                taken = self._group(group).take([place - first for place in inside]).to_pylist()
                yield from ((place, _led(row, self.names)) for place, row in zip(inside, taken, strict=True))
            first += rows

    def _group(self, group: int) -> Any:
        if self._held is None or self._held[0] != group:
            with self._readable():
                self._held = group, self._file.read_row_group(group, columns=self._columns)
        return self._held[1]

    @contextmanager
    def _readable(self) -> Iterator[None]:
        """A file may open, for its end is whole, and turn out to be damaged when its pages are read."""
        import pyarrow

        try:
            yield
        except (OSError, UnicodeDecodeError, pyarrow.ArrowException) as error:
            raise SourceError(
                f"{self.path} is damaged ({first_line(error)}); fetch it again, or write it anew"
            ) from error

    @cached_property
    def _file(self) -> Any:
        import pyarrow
        from pyarrow import parquet

        LinesOfText(self.path).opened().close()  # no pipe or device: the library would wait for it
        try:
            return parquet.ParquetFile(self.path)
        except (OSError, pyarrow.ArrowException) as error:
            raise SourceError(f"cannot read {self.path}: {first_line(error)}; expected a Parquet file") from error

    @cached_property
    def _columns(self) -> list[str]:
        return _present(self.names, self._file.schema_arrow.names, self.path)


class HubDataset(BaseModel):
    """A data set of the Hugging Face Hub, or a folder with one: of the Hub's form, or written by `save_to_disk`."""

    model_config = ConfigDict(frozen=True, extra="forbid")
    name: str
    config: str | None = None
    split: str | None = None
    """`train` unless said otherwise."""
    revision: str | None = None
    """Commit, tag or branch on the Hub."""


class DatasetTable(Table):
    """Some columns of a data set, mapped into memory from Hugging Face's cache. Labels are given by their names."""

    def __init__(self, of: HubDataset, names: list[str]) -> None:
        self.of, self.names = of, names

    def rows(self) -> Iterator[tuple[int, Row]]:
        place = 0
        for batch in self._rows.iter(AHEAD):
            for values in zip(*batch.values(), strict=True):
                yield place, _led(self._named(dict(zip(batch, values, strict=True))), self.names)
                place += 1

    def at(self, places: Sequence[int]) -> Iterator[Row]:
        for place in places:
            yield _led(self._named(self._rows[place]), self.names)

    def where(self, place: int) -> str:
        return f"{self._called}:{place + 1}"

    def digest(self) -> str:
        """Of the rows, not of the files: the same data set has the same digest wherever it was loaded from."""
        digest = hashlib.sha256()
        for _, row in self.rows():
            digest.update(json.dumps(row, sort_keys=True, default=str).encode() + b"\n")
        return digest.hexdigest()

    @property
    def _called(self) -> str:
        return "/".join(filter(None, (self.of.name, self.of.config, self.of.split)))

    @cached_property
    def _rows(self) -> Any:
        found = self._loaded()
        return found.select_columns(_present(self.names, found.column_names, self._called))

    @cached_property
    def _labels(self) -> dict[str, list[str]]:
        return {name: feature.names for name, feature in self._rows.features.items() if hasattr(feature, "names")}

    def _named(self, row: Row) -> Row:
        """With the names of labels; the Hub marks a hidden one by -1."""
        for name, labels in self._labels.items():
            label = row[name]
            row[name] = None if label is None or label < 0 else labels[label]
        return row

    def _loaded(self) -> Any:
        import datasets
        from datasets.exceptions import DatasetsError

        of, local = self.of, Path(self.of.name)
        try:
            if any((local / name).is_file() for name in SAVED):
                return _split_of(datasets.load_from_disk(of.name), of)
            return datasets.load_dataset(of.name, of.config, split=of.split or "train", revision=of.revision)
        except (OSError, ValueError, RuntimeError, DatasetsError) as error:
            raise SourceError(
                f"cannot load the data set {self._called}: {first_line(error)}. Give its name on the Hub with its config "
                "and split, and be online the first time; the path of a folder with its files, or of one that "
                "`save_to_disk` wrote, works offline"
            ) from error


def table_of(path: str, names: list[str]) -> Table:
    """The table in a file, by its extension, of which these columns will be read. Raises SourceError for another."""
    match suffix := Path(path.lower().removesuffix(PACKED)).suffix:
        case ".jsonl" | ".ndjson" | ".json":
            return JsonLines(path, names)
        case ".csv" | ".tsv":
            table = CellTable(path, tabs=suffix == ".tsv")
            if table.columns:
                _present(names, table.columns, path)
            return table
        case ".parquet" if path.lower().endswith(suffix):
            return ParquetTable(path, names)
    raise SourceError(
        f"{path} ends in {suffix or 'no extension'!r}; expected .jsonl (or .json, .ndjson: one object a line), .csv, .tsv, "
        "each perhaps with .gz behind it, or .parquet"
    )


def _present(names: list[str], columns: list[str], where: str) -> list[str]:
    """The columns that hold what is named: a dotted name that is none itself leads into the column before its first dot."""
    wanted = [name if name in columns else name.partition(".")[0] for name in names]
    if missing := [name for name, column in zip(names, wanted, strict=True) if column not in columns]:
        raise SourceError(
            f"{where} has no column {missing[0]!r}; it has: {', '.join(columns)}. Name the columns in the recipe"
        )
    return list(dict.fromkeys(wanted))


def _led(row: Row, names: Sequence[str]) -> Row:
    """The row, and under each dotted name what it leads to, if there is anything."""
    nested = [name for name in names if "." in name and name not in row]
    return row | {name: found for name in nested if (found := _within(row, name.split("."))) is not None}


def _within(value: Any, way: Sequence[str]) -> Any:
    for step in way:
        if isinstance(value, dict):
            value = value.get(step)
        elif isinstance(value, list) and step.isdecimal() and int(step) < len(value):
            value = value[int(step)]
        else:
            return None
    return value


def _split_of(found: Any, of: HubDataset) -> Any:
    """One split of what `load_from_disk` gave: several by name, or one that may know what it is called."""
    if isinstance(found, dict):
        wanted = of.split or ("train" if "train" in found or len(found) != 1 else next(iter(found)))
        if wanted not in found:
            raise ValueError(f"there is no split {wanted!r}; there are: {', '.join(found)}")
        return found[wanted]
    if of.split and found.split is not None and str(found.split) != of.split:
        raise ValueError(f"the folder holds the split {str(found.split)!r} alone, not {of.split!r}")
    return found
