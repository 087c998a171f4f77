"""How fast drafts are kept, as ratios to raw sqlite3 in one run: `python bench/store.py [--rows 20000] [--json]`."""

import argparse
import json
import sqlite3
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from storage.bulk import insert_new
from storage.records import Draft, Run
from storage.store import Store, open_store

TEXT = "a step that is written out, " * 40


def drafts(count: int) -> list[Draft]:
    facts = {"run": "run", "round": 1, "step": "solve", "kind": "solution", "split_key": "k", "producer": "bench@1"}
    return [
        Draft.new(**facts, fields={"rationale": TEXT, "answer": str(i)}, parents=[f"seed:{i}"]) for i in range(count)
    ]


def raw(path: Path, rows: list[Draft]) -> Callable[[], None]:
    """The floor: ready-made tuples, one transaction, the same columns."""
    columns = list(Draft.model_fields)
    values = [
        [v if isinstance(v := getattr(row, c), str | int | None) else json.dumps(v, default=str) for c in columns]
        for row in rows
    ]

    def write() -> None:
        with sqlite3.connect(path) as connection:
            connection.execute("pragma journal_mode=wal")
            connection.execute("pragma synchronous=normal")
            connection.execute(f"create table draft ({columns[0]} text primary key, {', '.join(columns[1:])})")
            connection.executemany(f"insert into draft values ({', '.join('?' * len(columns))})", values)

    return write


def bulk(store: Store, rows: list[Draft]) -> Callable[[], None]:
    ready = [row.model_dump() for row in rows]

    def write() -> None:
        with store.writing() as connection:
            insert_new(connection, Draft, ready)

    return write


def rate(write: Callable[[], object], count: int) -> float:
    began = time.perf_counter()
    write()
    return count / (time.perf_counter() - began)


def measure(count: int) -> dict[str, float]:
    rows = drafts(count)
    with tempfile.TemporaryDirectory() as folder:
        floor = rate(raw(Path(folder) / "raw.sqlite", rows), count)
        with open_store(Path(folder) / "bulk.sqlite") as store:
            unchecked = rate(bulk(store, rows), count)
        with open_store(Path(folder) / "add.sqlite") as store:
            store.add(Run.new(recipe_name="bench", recipe_digest="bench"))
            checked = rate(lambda: store.add(*rows), count)
    return {"raw rows/s": floor, "bulk/raw": unchecked / floor, "Store.add/raw": checked / floor}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=20_000)
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    figures = measure(options.rows)
    if options.json:
        print(json.dumps(figures))
        return
    for name, figure in figures.items():
        print(f"{name:16} {figure:,.2f}")


if __name__ == "__main__":
    main()
