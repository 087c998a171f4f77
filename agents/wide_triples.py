"""ATOMIC as its authors hand it out (Sap et al. 2019): a line for each event, a column for each relation, a JSON list of
tails in each cell. Read as the triples that it means.
"""

import json
from array import array
from collections.abc import Iterable, Iterator, Sequence

from agents.kinds import SourceError
from agents.text_lines import Cells

SLOT_BITS = 16
"""A place is the number of a line's record and that of a triple in it, in one integer."""
EVENT = "event"


def relations_in(columns: Sequence[str], head: str, known: Iterable[str]) -> list[str]:
    """The relations that have columns of their own; none for a file of another form."""
    there = set(known)
    return [name for name in columns if name in there] if {head, EVENT} & set(columns) else []


class WideTriples(Cells):
    """Records of head, relation and tail, the first of which names them as it is told to."""

    def __init__(self, path: str, tabs: bool, names: Sequence[str], relations: Sequence[str]) -> None:
        super().__init__(path, tabs)
        self._names, self._relations = list(names), relations
        self._columns = [cell.strip() for cell in next(super().records())[1]]
        self._head = self._columns.index(names[0] if names[0] in self._columns else EVENT)
        self._starts = array("Q")

    def records(self) -> Iterator[tuple[int, list[str]]]:
        self._starts = array("Q")
        for number, (place, cells) in enumerate(super().records()):
            self._starts.append(place)
            threes = self._threes(cells, place) if number else [self._names]
            for slot, three in enumerate(threes):
                yield number << SLOT_BITS | slot, three

    def records_at(self, places: Iterable[int]) -> Iterator[list[str]]:
        for place in places:
            start = self._starts[place >> SLOT_BITS]
            cells = next(super().records_at([start]))
            yield self._threes(cells, start)[place & (1 << SLOT_BITS) - 1]

    def where(self, place: int) -> str:
        """Its line, and which of the line's triples."""
        line = super().where(self._starts[place >> SLOT_BITS])
        return f"{line}, triple {1 + (place & (1 << SLOT_BITS) - 1)}"

    def _threes(self, cells: list[str], place: int) -> list[list[str]]:
        if len(cells) != len(self._columns):
            raise SourceError(
                f"{super().where(place)} has {len(cells)} cells, expected {len(self._columns)}, which its first line names"
            )
        row = dict(zip(self._columns, cells, strict=True))
        found = [
            [cells[self._head], relation, tail]
            for relation in self._relations
            for tail in self._tails(row[relation], relation, place)
        ]
        if len(found) >= 1 << SLOT_BITS:
            raise SourceError(f"{super().where(place)} has {len(found):,} tails, which no event has")
        return found

    def _tails(self, cell: str, relation: str, place: int) -> list[str]:
        try:
            tails = json.loads(cell) if cell.strip() else []
        except (ValueError, RecursionError):
            tails = None
        if not isinstance(tails, list) or not all(isinstance(tail, str) for tail in tails):
            raise SourceError(
                f"{super().where(place)} has {cell[:40]!r} in the column {relation!r}; expected a JSON list of texts, such as "
                '["to eat", "none"]'
            )
        return tails
