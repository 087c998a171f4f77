"""The report: one HTML file that shows what a run did, and why its numbers can be believed."""

import os
from collections import Counter, defaultdict
from contextlib import suppress
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any
from uuid import uuid4

import yaml
from jinja2 import Environment, FileSystemLoader, StrictUndefined

from orchestrator.diversity import varied_in_words
from orchestrator.report import charts, excerpts, wording
from orchestrator.standing import Pair, Standing, standing_of
from orchestrator.story import COMPUTING, RoundStory, bought
from orchestrator.summary import Summary, summary_of
from storage.accounts import CallCount
from storage.records import Run, Scorecard
from storage.store import Spending, Store

LARGEST = 400_000
"""Bytes of a report; long texts are cut shorter until it fits."""
SHOWN = (400, 120, 40)
"""Characters of a text that teachers or students wrote."""
SKILLS = 60
LATEST = 8
"""Rounds that are told with their failures; the table has all."""


def write_report(store: Store, run: Run, folder: Path) -> Path:
    """Write `folder/report.html`, whole or not at all."""
    page = _rendered(_facts(store, run))
    folder.mkdir(parents=True, exist_ok=True)
    path, draft = folder / "report.html", folder / f".report-{uuid4().hex}.html"
    try:
        draft.write_bytes(page)
        os.replace(draft, path)
    finally:
        with suppress(FileNotFoundError):
            draft.unlink()
    return path


def _rendered(facts: dict[str, Any]) -> bytes:
    template = _environment().get_template("report.html.jinja")
    page = b""
    for length in SHOWN:
        page = template.render(facts, length=length).encode("utf-8", "replace")
        if len(page) < LARGEST:
            break
    return page


@cache
def _environment() -> Environment:
    environment = Environment(
        loader=FileSystemLoader(Path(__file__).parent),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    words = (wording.percent, wording.points, wording.between, wording.count, wording.duration, wording.dollars, cut)
    environment.filters.update({spell.__name__: spell for spell in (*words, varied_in_words)})
    environment.globals["measure"] = wording.measure
    return environment


def cut(text: str, length: int) -> str:
    return text if len(text) <= length else f"{text[:length].rstrip()}…"


def _facts(store: Store, run: Run) -> dict[str, Any]:
    """What the template draws: plain data, a name for each section."""
    standing = standing_of(store, run)
    summary = summary_of(store, standing)
    calls = store.calls_by_stage(run.key)
    models = sorted({call.model for call in calls})
    return {
        "run": standing.run,
        "summary": summary,
        "opening": wording.opening(standing, summary),
        "caveats": wording.caveats(standing, summary, models),
        "models": models,
        "rounds": _rounds(store, standing, summary),
        "curve": _curve(standing),
        "measures": _measures(summary),
        "names": wording.MEASURES,
        "priced": any(one.per_usd is not None for one in summary.story),
        "left_out": excerpts.left_out(store, run.key),
        "steps": _steps(store, standing, calls),
        "wrong_reasons": excerpts.right_for_wrong_reasons(store, standing),
        "spending": spending_table(store, standing),
        "comparison": excerpts.comparison(store, standing),
        "lineage": _lineage(store, standing),
    }


@dataclass(frozen=True)
class RoundTold:
    """A round's facts, and what its plan led to."""

    story: RoundStory
    planned: excerpts.Planned
    wrong_before: int | None
    """Wrong in the probe of the round before; None in the first."""


def _rounds(store: Store, standing: Standing, summary: Summary) -> list[RoundTold]:
    """The latest."""
    wrong = {one.round: one.probe.wrong for one in summary.story}
    return [
        RoundTold(one, excerpts.planned(store, standing, one.round), wrong.get(one.round - 1))
        for one in summary.story[-LATEST:]
    ]


def _measures(summary: Summary) -> list[str]:
    """What any exam measured besides, in the order of its columns; an interval stands in the cell of its estimate."""
    there = {name for exam in summary.exams for name in exam["measures"]}
    named = [name for name in wording.MEASURES if name in there]
    bounds = {f"{name}_{end}" for name in there for end in ("low", "high")}
    sampled = sorted(there - set(named) - bounds, key=lambda name: (len(name), name))
    return [*sampled, *named]


@dataclass(frozen=True)
class SkillRow:
    """One skill in the test, or all of them."""

    name: str
    n: int
    before: float
    after: float | None
    low: float
    high: float
    """Interval of the later of the two."""
    start: float
    """Where `before`, `after` and the interval lie, in percent of the drawing."""
    end: float
    reach: tuple[float, float]


@dataclass(frozen=True)
class Sparkline:
    name: str
    curve: charts.Curve


def _curve(standing: Standing) -> dict[str, Any]:
    skills = sorted({skill for card in standing.probe for skill in card.skills})
    return {
        "overall": charts.curve(charts.points_of(standing.probe), charts.LARGE) if standing.probe else None,
        "n": standing.probe[0].n if standing.probe else 0,
        "skills": [
            Sparkline(skill or "all", charts.curve(charts.skill_points(standing.probe, skill), charts.SMALL))
            for skill in skills[:SKILLS]
        ],
        "more_skills": max(0, len(skills) - SKILLS),
        "exam": standing.test.exam,
        "table": _skill_rows(standing.test),
        "kept": [pair for pair in standing.kept if pair.before],
        "improved": standing.improved,
    }


def _skill_rows(pair: Pair) -> list[SkillRow]:
    if pair.before is None:
        return []
    later = pair.after.skills if pair.after else {}
    whole = _skill_row("all", _score(pair.before), _score(pair.after) if pair.after else None)
    single = [_skill_row(name, score, later.get(name)) for name, score in sorted(pair.before.skills.items()) if name]
    return [*single[:SKILLS], whole]


def _score(card: Scorecard) -> dict[str, float]:
    return {"n": card.n, "accuracy": card.accuracy, "low": card.low, "high": card.high}


def _skill_row(name: str, before: dict[str, float], after: dict[str, float] | None) -> SkillRow:
    latest = after or before
    low, high = latest["low"], latest["high"]
    return SkillRow(
        name=name,
        n=int(latest["n"]),
        before=before["accuracy"],
        after=after["accuracy"] if after else None,
        low=low,
        high=high,
        start=round(100 * before["accuracy"], 2),
        end=round(100 * latest["accuracy"], 2),
        reach=(round(100 * low, 2), round(100 * high, 2)),
    )


@dataclass(frozen=True)
class StepBar:
    """A step's story, and its bar on the scale that all steps share."""

    story: excerpts.StepStory
    parts: list[tuple[float, float]]


def _steps(store: Store, standing: Standing, calls: list[CallCount]) -> list[StepBar]:
    ended: dict[str, Counter[str]] = defaultdict(Counter)
    for call in calls:
        ended[call.stage][str(call.outcome)] += call.count
    stories = [
        excerpts.step_story(store, standing.run.key, step, sorted(ended[step.step].items()))
        for step in standing.recipe.lessons
    ]
    whole = max(story.accepted + story.rejected + story.unreadable for story in stories)
    return [
        StepBar(story, charts.bar(story.accepted, story.rejected, story.unreadable, whole=whole)) for story in stories
    ]


@dataclass(frozen=True)
class SpendingRow:
    """What one stage of one round spent; seconds are those of computing."""

    round: int
    stage: str
    spent: Spending
    seconds: float


@dataclass(frozen=True)
class SpendingTable:
    rows: list[SpendingRow]
    bought: Spending
    """All calls."""


def spending_table(store: Store, standing: Standing) -> SpendingTable:
    order = [*(step.step for step in standing.recipe.lessons), *COMPUTING]
    spent = store.spending_by_stage(standing.run.key)
    rows = [
        SpendingRow(number, stage, each, each.seconds if stage in COMPUTING else 0.0)
        for (number, stage), each in spent.items()
    ]
    rows.sort(key=lambda row: (row.round, order.index(row.stage) if row.stage in order else -1, row.stage))
    return SpendingTable(rows, bought(spent.values()))


def _lineage(store: Store, standing: Standing) -> dict[str, Any]:
    resolved = standing.recipe.resolved()
    # The stored recipe counts; the resolved one is the same in the order in which it was written.
    method = resolved if resolved == standing.run.recipe else standing.run.recipe
    datasets = {dataset.key: dataset for dataset in store.datasets(standing.run.key)}
    return {
        "recipe": yaml.safe_dump(method, sort_keys=False, allow_unicode=True, width=100)[:40_000],
        "about": standing.recipe.about,
        "paper": standing.recipe.paper,
        "students": [(student, datasets.get(student.dataset)) for student in standing.students],
        "best": standing.best,
        "place": store.place,
    }
