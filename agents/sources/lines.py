import random
from array import array
from collections import defaultdict
from collections.abc import Iterator, Mapping
from functools import cached_property
from typing import ClassVar

from pydantic import Field

from agents.kinds import Fields, Material, Part, SourceError
from agents.registry import register
from agents.splits import SplitByHash, fingerprint, folded
from agents.text_lines import LinesOfText


@register("lines")
class Lines(SplitByHash):
    """A plain list, one item a line, such as seed events; the recipe says what the items are called.

    Blank lines are passed over, repeated items given once. Split by a hash of the item.
    """

    longest: ClassVar[int] = 20_000
    """Characters an item may have; a longer one is no list."""
    path: str
    field: str = Field(default="item", min_length=1)
    """Name of the field that holds the item in materials, such as `event`."""

    @property
    def kind(self) -> str:  # pyright: ignore[reportIncompatibleVariableOverride]
        """What its items are called is what they are."""
        return self.field

    @property
    def signature(self) -> str:
        return f"{super().signature}:{self._digest[:16]}"

    def skills(self) -> list[str]:
        return [""] if self._index else []

    def materials(self, part: Part, skill: str, seed: int) -> Iterator[Material]:
        chosen = list(self._index.get(part, ()))
        random.Random(seed).shuffle(chosen)
        for place, text in zip(chosen, self._file.lines_at(chosen), strict=True):
            fields = {self.field: text}
            yield Material(fields, self.split_key(fields), "", self._file.where(place))

    def split_key(self, fields: Fields) -> str:
        return folded(fields.get(self.field, fields.get("question", "")))

    @cached_property
    def _file(self) -> LinesOfText:
        return LinesOfText(self.path)

    @cached_property
    def _digest(self) -> str:
        return self._file.digest()

    @cached_property
    def _index(self) -> "Mapping[Part, array[int]]":
        """Where every item lies, by part."""
        seen = set[bytes]()
        places: defaultdict[Part, array[int]] = defaultdict(lambda: array("Q"))
        for place, text in self._file.lines():
            if len(text) > self.longest or "\0" in text:
                raise SourceError(
                    f"{self._file.where(place)} has {len(text):,} characters or a NUL; expected one item a line, of at most "
                    f"{self.longest:,} characters"
                )
            if (known := fingerprint(folded(text))) not in seen:
                seen.add(known)
                places[self.part_of(folded(text))].append(place)
        if not seen:
            raise SourceError(f"{self.path} holds no items; expected one a line")
        return dict(places)
