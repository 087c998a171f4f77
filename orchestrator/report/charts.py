"""Geometry of the report's charts: numbers in, coordinates out. What is drawn with them, the template says."""

from collections.abc import Sequence
from dataclasses import dataclass

from storage.records import Scorecard

SHARES = (0.0, 0.25, 0.5, 0.75, 1.0)


@dataclass(frozen=True)
class Point:
    """An accuracy with its 95 % interval, in one round."""

    round: int
    accuracy: float
    low: float
    high: float


@dataclass(frozen=True)
class Frame:
    """The size of a drawing, and the margins around what it plots."""

    width: float
    height: float
    left: float
    top: float
    right: float
    bottom: float
    inset: float = 0.0
    """Between the ends of the axis and the first and last mark."""

    def x(self, share: float) -> float:
        start, end = self.left + self.inset, self.width - self.right - self.inset
        return round(start + share * (end - start), 2)

    def y(self, share: float) -> float:
        return round(self.top + (1 - share) * (self.height - self.top - self.bottom), 2)


@dataclass(frozen=True)
class Mark:
    """One point of a curve with its whisker."""

    x: float
    y: float
    low: float
    high: float
    label_y: float
    point: Point


@dataclass(frozen=True)
class Curve:
    """A line through marks, the band of its intervals, and the levels of a grid."""

    frame: Frame
    line: str
    band: str
    marks: list[Mark]
    levels: list[tuple[float, float]]
    """Height and share of each grid line."""
    base: float
    """Height of the axis."""


LARGE = Frame(460, 240, left=44, top=18, right=8, bottom=30, inset=32)
SMALL = Frame(150, 44, left=4, top=4, right=4, bottom=4)


def points_of(cards: Sequence[Scorecard]) -> list[Point]:
    return [Point(card.round, card.accuracy, card.low, card.high) for card in cards]


def skill_points(cards: Sequence[Scorecard], skill: str) -> list[Point]:
    scored = [(card.round, card.skills[skill]) for card in cards if skill in card.skills]
    return [Point(number, s["accuracy"], s["low"], s["high"]) for number, s in scored]


def curve(points: Sequence[Point], frame: Frame) -> Curve:
    marks = [_mark(point, points, frame) for point in points]
    edge = [(mark.x, mark.high) for mark in marks] + [(mark.x, mark.low) for mark in reversed(marks)]
    return Curve(
        frame=frame,
        line=_path([(mark.x, mark.y) for mark in marks]),
        band=_path(edge) + "Z" if len(marks) > 1 else "",
        marks=marks,
        levels=[(frame.y(share), share) for share in SHARES],
        base=frame.y(0),
    )


def bar(*counts: int, whole: int) -> list[tuple[float, float]]:
    """Start and width of each part of a stacked bar, in percent of the whole."""
    parts, start = [], 0.0
    for count in counts:
        width = 100 * count / max(whole, 1)
        parts.append((round(start, 3), round(width, 3)))
        start += width
    return parts


def _mark(point: Point, points: Sequence[Point], frame: Frame) -> Mark:
    first, last = points[0].round, points[-1].round
    x = frame.x((point.round - first) / (last - first) if last > first else 0.5)
    y, high, low = frame.y(point.accuracy), frame.y(point.high), frame.y(point.low)
    # Above its whisker, unless that is the top of the drawing.
    return Mark(x, y, low, high, high - 6 if high > frame.top + 8 else low + 15, point)


def _path(corners: Sequence[tuple[float, float]]) -> str:
    return "".join(f"{'L' if i else 'M'}{x:g} {y:g}" for i, (x, y) in enumerate(corners))
