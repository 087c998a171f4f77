"""The page of a comparison: accuracy against spending, one line an arm, and the table of differences."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import fmean

from jinja2 import Environment, PackageLoader, StrictUndefined

from orchestrator.comparison import Comparison, Point
from orchestrator.report.charts import SHARES, Frame

FRAME = Frame(620, 340, left=48, top=18, right=16, bottom=44)
COLOURS = ("#2a5d8f", "#c4572e", "#3d8a4f", "#8a4f9e", "#9a7b1d", "#4f7f8a", "#a33d5c", "#555555")


@dataclass(frozen=True)
class Line:
    """One arm: the mean of its seeds after each round, and every seed as a faint dot."""

    arm: str
    colour: str
    path: str
    marks: list[tuple[float, float]]
    dots: list[tuple[float, float]]


def write_comparison(comparison: Comparison, page: Path) -> None:
    """Writes the page anew; it needs no other file. Raises OSError."""
    env = Environment(
        loader=PackageLoader("orchestrator", "report"), autoescape=True, undefined=StrictUndefined, trim_blocks=True
    )
    most = max(point.spent for result in comparison.results for point in result.points) or 1.0
    text = env.get_template("comparison.html.jinja").render(
        comparison=comparison,
        frame=FRAME,
        lines=_lines(comparison, most),
        levels=[(FRAME.y(share), share) for share in SHARES],
        ticks=[(FRAME.x(i / 4), _amount(most * i / 4, comparison.currency)) for i in range(5)],
        amount=_amount,
    )
    page.parent.mkdir(parents=True, exist_ok=True)
    page.write_text(text, encoding="utf-8")


def _lines(comparison: Comparison, most: float) -> list[Line]:
    arms = list(dict.fromkeys(result.arm for result in comparison.results))
    return [_line(comparison, arm, COLOURS[i % len(COLOURS)], most) for i, arm in enumerate(arms)]


def _line(comparison: Comparison, arm: str, colour: str, most: float) -> Line:
    curves = [result.points for result in comparison.results if result.arm == arm]
    rounds = sorted({point.round for curve in curves for point in curve})
    means = [_mean([p for curve in curves for p in curve if p.round == number], most) for number in rounds]
    dots = [_place(point.spent, point.accuracy, most) for curve in curves for point in curve]
    path = "".join(f"{'L' if i else 'M'}{x:g} {y:g}" for i, (x, y) in enumerate(means))
    return Line(arm, colour, path, means, dots)


def _mean(points: Sequence[Point], most: float) -> tuple[float, float]:
    return _place(fmean(p.spent for p in points), fmean(p.accuracy for p in points), most)


def _place(spent: float, accuracy: float, most: float) -> tuple[float, float]:
    return FRAME.x(spent / most), FRAME.y(accuracy)


def _amount(amount: float, currency: str) -> str:
    return f"${amount:,.2f}" if currency == "usd" else f"{amount:,.0f}"
