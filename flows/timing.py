"""When a deployment runs, and what it may be called: read, checked and said to people. Prefect is not needed for it."""

import re
from dataclasses import dataclass
from datetime import timedelta
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

SPAN = re.compile(r"(\d{1,6})\s*(m|h|d|w)")
UNITS = {"m": "minutes", "h": "hours", "d": "days", "w": "weeks"}
FIELDS = (("minute", 0, 59), ("hour", 0, 23), ("day of the month", 1, 31), ("month", 1, 12), ("day of the week", 0, 7))
NAMES = {
    3: "jan feb mar apr may jun jul aug sep oct nov dec".split(),
    4: "sun mon tue wed thu fri sat".split(),
}
PART = re.compile(r"(\*|\w+(?:-\w+)?)(?:/(\d+))?")


class TimingError(Exception):
    """A schedule that cannot be kept: what was found, what was expected."""


class UnfitName(Exception):
    """A name that Prefect would not take."""


def check_name(option: str, name: str) -> None:
    """Raises UnfitName."""
    if found := sorted(set(name) & set("/%&<>")):
        raise UnfitName(f"{option} {name!r} has {' '.join(found)} in it; expected a name without / % & < >")


@dataclass(frozen=True)
class Timing:
    """Either a cron expression in a time zone, or an interval; neither for a deployment that is only started by hand."""

    cron: str | None = None
    every: timedelta | None = None
    timezone: str = "UTC"

    def __str__(self) -> str:
        if self.cron:
            return f"{self.cron} ({self.timezone})"
        return f"every {_spoken(self.every)}" if self.every else "by hand"


def read_timing(cron: str | None, every: str | None, timezone: str) -> Timing:
    """Raises TimingError."""
    if cron and every:
        raise TimingError("a deployment has one schedule: say --cron or --every, not both")
    try:
        ZoneInfo(timezone)
    except (ZoneInfoNotFoundError, ValueError, OSError) as error:
        raise TimingError(
            f"no time zone is named {timezone!r}; expected one of the IANA database, e.g. Europe/London or UTC"
        ) from error
    if cron:
        _check_cron(cron)
        return Timing(cron=" ".join(cron.split()), timezone=timezone)
    return Timing(every=_interval(every) if every else None, timezone=timezone)


def _interval(text: str) -> timedelta:
    found = SPAN.fullmatch(text.strip().lower())
    if not found or not int(found[1]):
        raise TimingError(
            f"--every {text!r} is no span of time; expected a number and m, h, d or w, e.g. 30m, 6h, 1d or 2w"
        )
    try:
        return timedelta(**{UNITS[found[2]]: int(found[1])})
    except OverflowError as error:
        raise TimingError(f"--every {text!r} is too long") from error


def _check_cron(text: str) -> None:
    """Five fields, each of them named in the error that is about it. Prefect has the last word on rarer forms."""
    fields = text.split()
    if len(fields) != len(FIELDS):
        raise TimingError(
            f"--cron {text!r} has {len(fields)} fields; expected five: minute, hour, day of the month, month, day of the "
            "week, e.g. '0 3 * * *' for every night at three, in quotes"
        )
    for place, (field, (name, low, high)) in enumerate(zip(fields, FIELDS, strict=True)):
        for part in field.split(","):
            found = PART.fullmatch(part.lower())
            numbers = [_number(word, place) for word in found[1].split("-")] if found and found[1] != "*" else []
            fits = all(number is not None and low <= number <= high for number in numbers)
            step = int(found[2]) if found and found[2] else 1
            if not found or not fits or not step or (numbers[1:] and (numbers[1] or 0) < (numbers[0] or 0)):
                raise TimingError(
                    f"--cron {text!r}: {part!r} is no {name}; expected {low} to {high}, a range such as "
                    f"{low}-{high}, a list, * for every one, or */n for every nth"
                )


def _number(word: str, place: int) -> int | None:
    if word.isascii() and word.isdecimal():
        return int(word)
    names = NAMES.get(place, [])
    return names.index(word) + (place == 3) if word in names else None


def _spoken(span: timedelta | None) -> str:
    """In the largest unit in which it is whole."""
    minutes = round(span.total_seconds() / 60) if span else 0
    for unit, size in (("week", 10_080), ("day", 1_440), ("hour", 60), ("minute", 1)):
        if minutes % size == 0:
            number = minutes // size
            return unit if number == 1 else f"{number} {unit}s"
    raise AssertionError("a span is a whole number of minutes")
