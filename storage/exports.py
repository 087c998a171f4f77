"""A dataset as files that any trainer reads. A folder with a manifest is complete."""

import hashlib
import os
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import NamedTemporaryFile
from typing import IO, Any

import orjson
import pyarrow.json
import pyarrow.parquet

from storage.engine import StoreError
from storage.forms import FORMS, NoSuchForm, reshape
from storage.keyed import canonical_json
from storage.lineage import PAGE, rows_digest
from storage.records import Dataset, DatasetRow, Draft, Run
from storage.store import Store

LARGEST_BLOCK = (1 << 31) - 1
"""Bytes of JSON that Arrow can read at once."""


@dataclass
class _Tally:
    """What the manifest says of the rows that were written."""

    sha256: Any = field(default_factory=hashlib.sha256)
    rows: int = 0
    skills: Counter[str] = field(default_factory=Counter)
    producers: Counter[str] = field(default_factory=Counter)


def export_dataset(
    store: Store, dataset_key: str, folder: Path, forms: Sequence[str] = (), *, parquet: bool = False
) -> Path:
    """Write `<name>.jsonl`, a file for each further form, all as Parquet besides if wanted, and then `manifest.json`.

    Returns the path of the rows. Raises StoreError, also for rows that cannot be put into a form.
    """
    dataset = store.dataset(dataset_key)
    if dataset is None:
        raise StoreError(f"Store {store.place}: no dataset has the key {dataset_key!r}. See Store.datasets(run).")
    if Path(dataset.name).name != dataset.name:
        raise StoreError(f"The dataset's name {dataset.name!r} cannot be a file's. Expected a name without slashes.")
    rows, manifest = folder / f"{dataset.name}.jsonl", folder / "manifest.json"
    tally = _Tally()
    with _written(folder):
        manifest.unlink(missing_ok=True)  # an old manifest must not vouch for new rows
        with _replacing(rows) as file:
            digest = rows_digest(_writing_rows(store, dataset_key, tally, file))
            if digest != dataset.digest:
                raise StoreError(
                    f"Dataset {dataset_key} has the digest {dataset.digest}, but its rows have {digest}: "
                    "they were changed or are incomplete. Nothing was exported. See Store.verify()."
                )
        others = [_write_form(rows, form) for form in dict.fromkeys(forms)]
        if parquet:
            written = [(rows.name, "as trained"), *((each["file"], each["form"]) for each in others)]
            others += [_write_parquet(folder / file, form) for file, form in written]
        with _replacing(manifest) as file:
            content = {**_manifest(store.run(dataset.run), dataset, tally), "files": others}
            file.write(orjson.dumps(content, option=orjson.OPT_INDENT_2 | orjson.OPT_APPEND_NEWLINE))
    return rows


def _write_form(rows: Path, form: str) -> dict[str, Any]:
    """What the manifest says of the file. The draft goes along, so that `why` finds a row in whatever form."""
    if form not in FORMS:
        raise StoreError(f"There is no form {form!r} of rows. Expected one of {', '.join(FORMS)}.")
    place = rows.with_name(f"{rows.stem}.{form}.jsonl")
    with rows.open("rb") as lines, _replacing(place) as file:
        for number, line in enumerate(lines, 1):
            row = orjson.loads(line)
            draft = row.pop("draft")
            try:
                reshaped = reshape(form, row)
            except NoSuchForm as error:
                raise StoreError(f"Row {number} of {rows.name}: {error}.") from error
            for each in reshaped:
                file.write(canonical_json({**each, "draft": draft}) + b"\n")
    return _described(place, form)


def _write_parquet(rows: Path, form: str) -> dict[str, Any]:
    place = rows.with_suffix(".parquet")
    whole = min(rows.stat().st_size + 1, LARGEST_BLOCK)  # one block: a column that only later rows have is found
    try:
        options = pyarrow.json.ReadOptions(block_size=whole)
        table = pyarrow.json.read_json(rows, read_options=options) if whole > 1 else pyarrow.table({})
        with _replacing(place) as file:
            pyarrow.parquet.write_table(table, file)
    except pyarrow.ArrowInvalid as error:
        raise StoreError(
            f"The rows of {rows.name} do not fit into the columns of a Parquet file ({error}). Export them without --parquet."
        ) from error
    return {**_described(place, form), "rows": table.num_rows}


def _described(place: Path, form: str) -> dict[str, Any]:
    content = place.read_bytes()
    return {
        "file": place.name,
        "form": form,
        "rows": content.count(b"\n"),
        "sha256": hashlib.sha256(content).hexdigest(),
    }


def _writing_rows(store: Store, dataset_key: str, tally: _Tally, file: IO[bytes]) -> Iterator[DatasetRow]:
    """Pass on the rows, each written and counted."""
    page: list[DatasetRow] = []
    for row in store.dataset_rows(dataset_key):
        line = canonical_json({**row.content, "draft": row.draft}) + b"\n"  # by which `why` finds it
        file.write(line)
        tally.sha256.update(line)
        tally.rows += 1
        page.append(row)
        if len(page) == PAGE:
            _count_drafts(store, page, tally)
            page = []
        yield row
    _count_drafts(store, page, tally)


def _count_drafts(store: Store, page: list[DatasetRow], tally: _Tally) -> None:
    drafts = store.by_key(Draft, [row.draft for row in page])
    for row in page:
        if row.draft in drafts:
            tally.skills[drafts[row.draft].skill] += 1
            tally.producers[drafts[row.draft].producer] += 1


def _manifest(run: Run | None, dataset: Dataset, tally: _Tally) -> dict[str, Any]:
    return {
        "dataset": dataset.key,
        "name": dataset.name,
        "format": dataset.format,
        "digest": dataset.digest,
        "run": dataset.run,
        "round": dataset.round,
        "recipe": {"name": run.recipe_name, "digest": run.recipe_digest} if run else None,
        "rows": tally.rows,
        "skills": dict(sorted(tally.skills.items())),
        "producers": dict(sorted(tally.producers.items())),
        "file": f"{dataset.name}.jsonl",
        "sha256": tally.sha256.hexdigest(),
    }


@contextmanager
def _written(folder: Path) -> Iterator[None]:
    try:
        folder.mkdir(parents=True, exist_ok=True)
        yield
    except OSError as error:
        raise StoreError(
            f"The export folder {folder} cannot be written ({error.strerror}). "
            "Expected a folder with room that can be written: choose another place, or free space, and export again."
        ) from error


@contextmanager
def _replacing(path: Path) -> Iterator[IO[bytes]]:
    """A file that appears under its name when it is whole and on the disk, or not at all."""
    with NamedTemporaryFile(dir=path.parent, prefix=f".{path.name}.", delete=False) as file:
        try:
            yield file
            file.flush()
            os.fsync(file.fileno())
            os.chmod(file.name, 0o644)  # a temporary file is for its owner only
            os.replace(file.name, path)
        except BaseException:
            os.unlink(file.name)
            raise
