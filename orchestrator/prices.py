"""What models charge: dated tables, the shipped one and a user's own. A model that neither names has no known price."""

from dataclasses import dataclass
from datetime import UTC, date, datetime
from fnmatch import fnmatchcase
from functools import lru_cache
from pathlib import Path
from typing import Annotated, Any

import yaml
from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, ValidationError, model_validator

from agents.endpoint import Price

SHIPPED = Path(__file__).parent / "prices.yaml"

Usd = Annotated[float, Field(ge=0, allow_inf_nan=False)]


class PricesError(Exception):
    """A price table that cannot be used; the message says what was found and what to do."""


class Tariff(BaseModel):
    """What one model, or every model that a pattern fits, charges from a day on: dollars per million tokens."""

    model_config = ConfigDict(frozen=True, extra="forbid")
    model: str = Field(min_length=1)
    """Its exact name, or a pattern such as `gpt-x-mini*`."""
    since: date
    prompt: Usd
    completion: Usd
    cached_prompt: Usd | None = None
    batch: float | None = Field(default=None, gt=0, le=1)
    """What a batch endpoint charges of it; unknown counts as all of it."""
    source: str = Field(min_length=1)
    """Where the figures were read."""

    @model_validator(mode="after")
    def _caching_is_no_dearer(self) -> "Tariff":
        # The worst case of a call assumes that nothing is cached.
        if self.cached_prompt is not None and self.cached_prompt > self.prompt:
            raise ValueError("cached_prompt is more than prompt; expected at most as much")
        return self

    @property
    def price(self) -> Price:
        return Price(self.prompt, self.completion, self.cached_prompt, self.batch or 1.0)


@dataclass(frozen=True)
class Prices:
    """A user's own table, and after it the shipped one."""

    own: tuple[Tariff, ...] = ()
    shipped: tuple[Tariff, ...] = ()

    def of(self, model: str, today: date | None = None) -> Tariff | None:
        """The newest entry that holds today: of one's own table before the shipped one, by name before by pattern."""
        today = today or datetime.now(UTC).date()
        for table in (self.own, self.shipped):
            held = [tariff for tariff in table if tariff.since <= today]
            named = [tariff for tariff in held if tariff.model == model]
            if found := named or [tariff for tariff in held if fnmatchcase(model, tariff.model)]:
                return max(found, key=lambda tariff: (tariff.since, len(tariff.model)))
        return None

    def rows(self, model: str | None = None) -> list[dict[str, Any]]:
        """The tables as they are shown, or the one entry that a model would get."""
        chosen = self.of(model) if model else None
        shown = [(tariff, "yours") for tariff in self.own] + [(tariff, "shipped") for tariff in self.shipped]
        return [
            {"table": table, **tariff.model_dump(mode="json")}
            for tariff, table in shown
            if model is None or tariff is chosen
        ]

    def only_own(self) -> "Prices":
        return Prices(self.own)


def open_prices(own: Path | None) -> Prices:
    """Raises PricesError."""
    return Prices(read_prices(own) if own else (), _shipped())


def read_prices(path: Path) -> tuple[Tariff, ...]:
    """Raises PricesError."""
    try:
        with path.open(encoding="utf-8") as file:
            data = yaml.safe_load(file) or []
    except (OSError, ValueError, yaml.YAMLError) as error:
        raise PricesError(f"cannot read the price table {path}: {' '.join(str(error).split())}") from error
    try:
        return _TABLE.validate_python(data)
    except ValidationError as error:
        raise PricesError(f"price table {path}: {_misfit(error, data)}") from error


_TABLE = TypeAdapter(tuple[Tariff, ...])


@lru_cache
def _shipped() -> tuple[Tariff, ...]:
    return read_prices(SHIPPED)


def _misfit(error: ValidationError, data: Any) -> str:
    if not isinstance(data, list):
        return "expected a list of entries, each with model, since, prompt, completion, source"
    first = error.errors(include_url=False)[0]
    number, *field = first["loc"]
    entry = data[int(number)]
    model = f" ({entry['model']})" if isinstance(entry, dict) and "model" in entry else ""
    place = ": ".join([f"entry {int(number) + 1}{model}", *map(str, field)])
    return f"{place}: {first['msg'].removeprefix('Value error, ')}"
