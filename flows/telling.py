"""Tells on a terminal what a run came to."""

from pathlib import Path

from rich.console import Console
from rich.table import Table
from rich.text import Text

from orchestrator.summary import Summary
from storage.store import StepYield


def print_summary(summary: Summary, causes: list[StepYield], report: Path, out: Console) -> None:
    said = [f"lessons {summary.accepted:,}, rejected {summary.rejected:,} ({_causes(causes)})"]
    said[0] += f", unreadable {summary.unreadable:,}"
    said += [f"{'stopped' if plan['stop'] else 'round ' + str(plan['round'])}: {plan['why']}" for plan in summary.plans]
    if not _stopped(summary):
        ended = (
            f"ended early: {summary.ended}"
            if summary.ended
            else "unfinished: `orchestrator run` with its recipe goes on"
        )
        said.append(ended)
    out.print()
    out.print(_skills(summary))
    out.print(Text(f"\n{_sentence(summary)}", style="bold"), soft_wrap=True)
    # as text, never as markup: what teachers and users write may look like it
    out.print(Text("\n".join([*said, f"report: {report}"])), soft_wrap=True)


def _stopped(summary: Summary) -> bool:
    return bool(summary.plans) and summary.plans[-1]["stop"] is True


def _sentence(summary: Summary) -> str:
    before, after = summary.accuracy["before"], summary.accuracy["after"]
    if before is None or after is None:
        return "nothing has been examined yet" if before is None else f"the base answers {before:.1%}; no student yet"
    money = "price unknown" if summary.usd is None else f"${summary.usd:.2f}"
    kept = summary.retention
    held = f"; what it could do before: {kept['before']:.0%} → {kept['after']:.0%}" if kept["after"] is not None else ""
    rounds = "1 round" if summary.rounds == 1 else f"{summary.rounds} rounds"
    return f"accuracy {before:.1%} → {after:.1%} in {rounds}, {summary.calls:,} calls ({money}){held}"


def _skills(summary: Summary) -> Table:
    table = Table(box=None, header_style="bold", pad_edge=False)
    for name, justify in (("skill", "left"), ("before", "right"), ("after", "right"), ("n", "right"), ("", "left")):
        table.add_column(name, justify=justify)  # type: ignore[arg-type]
    for skill, score in summary.skills.items():
        after = score["after"]
        bar = "█" * round(20 * after) if after is not None else ""
        table.add_row(
            skill, f"{score['before']:.0%}", "" if after is None else f"{after:.0%}", f"{score['n']:.0f}", bar
        )
    return table


def _causes(causes: list[StepYield]) -> str:
    rejected = [f"{cause.count} {cause.reason}" for cause in causes if cause.outcome == "rejected"]
    shown = [cause for cause in rejected if len(cause) < 60][:5]
    return ", ".join(shown) or "none"
