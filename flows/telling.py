"""Tells on a terminal what a run came to."""

from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table
from rich.text import Text

from orchestrator.forecast import Outlook, Span
from orchestrator.summary import Summary
from orchestrator.why import Lineage
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
    said += [_forecast(line) for line in summary.forecast]
    if summary.forecast and summary.forecast[0]["rounds"] != summary.forecast[0]["rounds_expected"]:
        said.append(f"the forecast was for {summary.forecast[0]['rounds_expected']} rounds, and the run needed fewer")
    out.print()
    out.print(_skills(summary))
    out.print(Text(f"\n{_sentence(summary)}", style="bold"), soft_wrap=True)
    # as text, never as markup: what teachers and users write may look like it
    out.print(Text("\n".join([*said, f"report: {report}"])), soft_wrap=True)


def print_lineage(lineage: Lineage, out: Console) -> None:
    """A draft's way from its seed, for people: what was asked, what came back, what was said of it, what it cost."""
    told: list[str | tuple[str, str]] = []
    if seed := lineage.seed:
        told += [("seed ", "bold"), f"{seed.key} from {seed.stream}, {seed.origin}\n{_fields(seed.fields)}\n"]
    for one in lineage.drafts:
        told += [("\ndraft ", "bold"), f"{one.draft.key} by {one.draft.producer}, step {one.draft.step}\n"]
        if call := one.call:
            several = call.reply.get("choices") or [call.reply]
            reply = several[one.draft.sample % len(several)]
            money = "price unknown" if call.usd is None else f"${call.usd:.6f}"
            if len(several) > 1:
                cost = "of unknown price" if call.usd is None else f"that cost {money}"
                money = f"one of {len(several)} choices of a call {cost}"
            tokens = f"{call.prompt_tokens} + {call.completion_tokens} tokens"
            told += [("asked ", "bold"), f"{call.model}, {tokens}, {money}, {call.attempts} attempts\n"]
            told += [(f"  {message['role']}: {message['content']}\n", "dim") for message in call.request["messages"]]
            read = f"{call.outcome}{': ' + call.reason if call.reason else ''}"
            told += [("answered ", "bold"), f"({read})\n  {reply.get('content') or reply.get('refusal')}\n"]
        told.append(f"{_fields(one.draft.fields)}\n")
        for verdict in one.verdicts:
            told += [(f"{verdict.outcome} ", "bold"), f"by {verdict.judge}, step {verdict.step}: {verdict.reason}\n"]
    out.print(Text.assemble(*told), soft_wrap=True)


def _fields(fields: dict[str, Any]) -> str:
    return "\n".join(f"  {name}: {value}" for name, value in fields.items())


def print_outlook(outlook: Outlook, pilot: bool, out: Console) -> None:
    """What a run will cost and give, step by step and in all."""
    columns = ["round", "step", "calls", "usd" if outlook.usd else "tokens", "go on"]
    table = Table(box=None, header_style="bold", pad_edge=False)
    for name in columns:
        table.add_column(name, justify="left" if name == "step" else "right", no_wrap=True)
    for stage in (stage for stage in outlook.stages if stage.accepted.high or stage.calls.high):
        asked = {"calls": _span(stage.calls), "tokens": _span(stage.tokens), "usd": _money(stage.usd)}
        told = {"round": str(stage.round), "step": stage.step, "go on": _span(stage.accepted)}
        told |= asked if stage.model else {}
        table.add_row(*(told.get(name, "") for name in columns), style="" if stage.known else "dim")
    out.print(table)
    whole = [
        ("calls", _span(outlook.calls)),
        ("tokens", _span(outlook.tokens)),
        ("money", _money(outlook.usd) or "price unknown"),
        ("asking", f"{_span(outlook.seconds)} s, and training and examining on top"),
        ("lessons", _span(outlook.lessons)),
    ]
    out.print(Text("\n" + "\n".join(f"{name:<8} {said}" for name, said in whole), style="bold"))
    if any(stage.batch and stage.calls.high for stage in outlook.stages):
        out.print("batch steps take up to a day each on top")
    if cost := outlook.pilot:
        money = "price unknown" if cost.usd is None else f"${cost.usd:.2f}"
        out.print(f"the pilot cost {cost.calls:,} calls, {money}, beside the run's own budget")
    for what, cap in outlook.caps.items():
        span = getattr(outlook, what)
        passes = "; by this forecast it will" if span and span.likely > cap else ""
        out.print(f"the budget stops the run before it passes {cap:g} {what}{passes}")
    unknown = sorted({stage.step for stage in outlook.stages if not stage.known})
    rounds = max(stage.round for stage in outlook.stages)
    every = f", if all {rounds} rounds are needed" if rounds > 1 else ""
    told = f"\nfrom {outlook.basis}{every}; in brackets what nine runs of ten stay within"
    out.print(Text(f"{told}; `go on` are the drafts that a step lets through"), soft_wrap=True)
    if unknown:
        hint = "" if pilot else "; `--pilot 20` asks for a few seeds first, and the run will not pay for them again"
        out.print(
            Text(f"nothing is known yet of {', '.join(unknown)}: all of it is counted as going on{hint}"),
            soft_wrap=True,
        )


def _span(span: Span) -> str:
    return f"{_short(span.likely)} [{_short(span.low)}–{_short(span.high)}]"


def _short(number: float) -> str:
    for size, sign in ((1e6, "M"), (1e3, "k")):
        if number >= size:
            return f"{number / size:.3g}{sign}" if number < 1000 * size else f"{number / size:,.0f}{sign}"
    return f"{number:,.0f}"


def _money(span: Span | None) -> str:
    return f"${_cents(span.likely)} [{_cents(span.low)}–{_cents(span.high)}]" if span else ""


def _cents(usd: float) -> str:
    return f"{usd:,.2f}" if usd >= 1 or not usd else f"{usd:.2g}"


def _forecast(line: dict[str, Any]) -> str:
    places = 2 if line["what"] == "usd" else 0
    low, high, actual = (f"{line[name]:,.{places}f}" for name in ("low", "high", "actual"))
    wrong = f"{line['wrong']:+.0%}" if line["wrong"] is not None else "nothing came"
    where = "within" if line["held"] else "outside"
    return f"forecast of {line['what']}: {where} {low}–{high}; it was {actual}, the middle was off by {wrong}"


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
