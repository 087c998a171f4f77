"""What a flow run shows of its run on its page: the story with the learning curve, yields, spending, answers, exams."""

import asyncio
import base64
from typing import Any

from prefect.artifacts import acreate_markdown_artifact, acreate_table_artifact

from flows.telling import sentence, story_lines
from orchestrator.report import excerpts
from orchestrator.report.charts import LARGE, Curve, curve, points_of
from orchestrator.report.page import spending_table
from orchestrator.standing import Standing, standing_of
from orchestrator.summary import Summary, summary_of
from orchestrator.work import Work

MOST_CAUSES = 50
"""Rows of the artifact that lists causes; the report has all."""
MOST_LETTERS = 400
"""Of a question or an answer."""
TOLD = (
    "round", "why", "seeds", "targets", "lessons", "calls", "tokens", "usd", "training", "before", "after", "low", "high",
    "points", "per_100_calls", "per_usd",
)  # fmt: skip
"""Columns of the artifact that lists rounds."""
INK, LINE, BAND, RULE = "#5c5f66", "#1a6684", "#d9e6eb", "#dcd8ce"


async def show(work: Work) -> Summary:
    """Each artifact is kept under the recipe's name and its own, so that the next run's is the next version of it."""
    summary, story, tables = await asyncio.to_thread(_read, work)
    prefix = work.recipe.name.replace("_", "-")
    await acreate_markdown_artifact(markdown=story, key=f"{prefix}-story", description="What came of it, and why")
    for name, (about, rows) in tables.items():
        await acreate_table_artifact(table=rows, key=f"{prefix}-{name}", description=about)
    return summary


def _read(work: Work) -> tuple[Summary, str, dict[str, tuple[str, list[dict[str, Any]]]]]:
    """Tables by name, with what each is about; those that have no row yet are left out."""
    standing = standing_of(work.store, work.run)
    summary = summary_of(work.store, standing)
    causes = work.store.yields(work.run.key)[:MOST_CAUSES]
    tables = {
        "skills": ("Accuracy before and after, by skill", [{"skill": s, **n} for s, n in summary.skills.items()]),
        "yield": ("What judges said of drafts, by cause", [vars(c) | {"outcome": str(c.outcome)} for c in causes]),
        "rounds": ("What each round cost and brought", [{n: getattr(r, n) for n in TOLD} for r in summary.story]),
        "spending": ("What each stage cost", _spending(work, standing)),
        "forecast": ("What was expected, and what it was", [dict(line) for line in summary.forecast]),
        "answers": ("The same questions before and after", _answers(work, standing)),
        "exams": ("Every scorecard, with what was measured", _exams(summary)),
    }
    return summary, _story(work, standing, summary), {name: told for name, told in tables.items() if told[1]}


def _spending(work: Work, standing: Standing) -> list[dict[str, Any]]:
    table = spending_table(work.store, standing)
    lines = [(str(row.round), row.stage, row.spent, row.seconds) for row in table.rows]
    lines.append(("all", "", table.bought, sum(row.seconds for row in table.rows)))
    return [
        {
            "round": number,
            "stage": stage,
            "calls": spent.calls,
            "tokens": spent.prompt_tokens + spent.completion_tokens,
            "usd": "unknown" if spent.usd is None else round(spent.usd, 4),
            "computing, s": round(seconds, 1),
        }
        for number, stage, spent, seconds in lines
    ]


def _answers(work: Work, standing: Standing) -> list[dict[str, Any]]:
    found = excerpts.comparison(work.store, standing)
    names = ("skill", "question", "gold", "before", "after")
    return [{name: _cut(getattr(one, name)) for name in names} for one in found.answers] if found else []


def _cut(text: str) -> str:
    return text if len(text) <= MOST_LETTERS else f"{text[:MOST_LETTERS]}…"


def _exams(summary: Summary) -> list[dict[str, Any]]:
    exams = [{**exam, **exam["measures"]} for exam in summary.exams]
    columns = [name for name in dict.fromkeys(name for exam in exams for name in exam) if name != "measures"]
    return [{name: exam.get(name) for name in columns} for exam in exams]


def _story(work: Work, standing: Standing, summary: Summary) -> str:
    """Markdown. What teachers and users wrote is told as code lines, which nothing in it can leave."""
    parts = [f"## {_plain(sentence(summary))}"]
    if summary.ruling:
        parts.append(f"**The gate:** {_plain(summary.ruling['why'])}")
    if len(standing.probe) > 1:
        drawn = base64.b64encode(learning_curve(curve(points_of(standing.probe), LARGE)).encode()).decode()
        parts.append(f"Accuracy on {standing.probe[0].exam}, round by round, with 95 % intervals:")
        parts.append(f"![learning curve](data:image/svg+xml;base64,{drawn})")
    told = [line for line in story_lines(summary) if not line.startswith("gate: ")]  # it stands above
    parts.append("\n".join(f"- {_plain(line)}" for line in told))
    best = next((s for s in standing.students if s.key == standing.best and s.adapter), None)
    links = [f"- report: `{(work.folder / 'report.html').resolve()}`"]
    if best:
        links.append(
            f"- adapter of the best student, of round {best.round}: `{(work.folder / best.adapter).resolve()}`"
        )
        key = work.folder.name
        links.append(f"- to hand it over: `orchestrator export {key} --home {work.folder.parent.resolve()}`")
    return "\n\n".join([*parts, "### Where it lies", "\n".join(links)])


def _plain(line: str) -> str:
    """So that no name or reason turns into markup."""
    return "".join(f"\\{sign}" if sign in "\\`*_[]<>#|!~" else sign for sign in line)


def learning_curve(drawn: Curve) -> str:
    """An SVG picture with its own colours, since an artifact has no style sheet."""
    frame = drawn.frame
    grid = "".join(
        f'<path d="M{frame.left} {y}H{frame.width - frame.right}" stroke="{RULE}"/>'
        f'<text x="{frame.left - 6}" y="{y + 4}" text-anchor="end">{share:.0%}</text>'
        for y, share in drawn.levels
    )
    marks = "".join(
        f'<circle cx="{mark.x}" cy="{mark.y}" r="4" fill="{LINE}"/>'
        f'<text x="{mark.x}" y="{mark.label_y}" text-anchor="middle" font-weight="bold">{mark.point.accuracy:.0%}</text>'
        f'<text x="{mark.x}" y="{frame.height - 8}" text-anchor="middle">'
        f"{f'round {mark.point.round}' if mark.point.round else 'base'}</text>"
        for mark in drawn.marks
    )
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{frame.width:g}" height="{frame.height:g}" '
        f'font-family="sans-serif" font-size="12" fill="{INK}"><rect width="100%" height="100%" fill="white"/>{grid}'
        f'<path d="{drawn.band}" fill="{BAND}"/><path d="{drawn.line}" fill="none" stroke="{LINE}" stroke-width="3"/>'
        f"{marks}</svg>"
    )
