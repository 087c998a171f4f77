"""Tells on a terminal what a run came to."""

from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table
from rich.text import Text

from orchestrator.diversity import varied_in_words
from orchestrator.forecast import Outlook, Span
from orchestrator.story import ClusterStory, Failed, RoundStory
from orchestrator.summary import Summary
from orchestrator.why import Lineage
from orchestrator.withdrawals import counted
from storage.store import StepYield

SHOWN = 3
"""Clusters that a line names."""


def print_summary(summary: Summary, causes: list[StepYield], report: Path, out: Console) -> None:
    said = [*_withdrawn(summary), *summary.unchecked, _lessons(summary, causes)]
    said += [_forecast(line) for line in summary.forecast]
    if summary.forecast and summary.forecast[0]["rounds"] != summary.forecast[0]["rounds_expected"]:
        said.append(f"the forecast was for {summary.forecast[0]['rounds_expected']} rounds, and the run needed fewer")
    out.print()
    out.print(_skills(summary))
    _print(out, [f"\n{sentence(summary)}"], style="bold")
    _print(out, said)
    if any(one.round for one in summary.story):
        out.print()
        out.print(_story(summary))
        out.print()
    _print(out, story_lines(summary))
    out.print(Text(f"report: {report}"), soft_wrap=True)


def _withdrawn(summary: Summary) -> list[str]:
    """What of a run is not to be used any more, and what it was begun anew without."""
    told = [f"{each['told']}: {counted(each['records'])} of this run descend from it" for each in summary.withdrawn]
    followed = [f"`orchestrator run {summary.recipe}` begins a run without it"] if told else []
    return [*told, *followed, *(f"begun without: {each}" for each in summary.without)]


def story_lines(summary: Summary) -> list[str]:
    """Round by round, what was planned and what failed; how it ended, and what was found of judges and of the student."""
    told = [line for one in summary.story for line in _round(one)]
    judged = [*map(_hearing, summary.hearings), *map(_agreement, summary.agreement), *map(_canary, summary.canaries)]
    gate = [f"gate: {summary.ruling['why']}"] if summary.ruling else []
    return [*told, _ending(summary), *_measured(summary), *judged, *gate]


def _measured(summary: Summary) -> list[str]:
    """What else the exam measured that the accuracy is of, of the student that took it last."""
    taken = [exam for exam in summary.exams if exam["exam"] == summary.exam and exam["measures"]]
    if not taken:
        return []
    told = ", ".join(f"{name.replace('_', ' ')} {value:.3g}" for name, value in taken[-1]["measures"].items())
    return [
        f"measured on {summary.exam}, {'round ' + str(taken[-1]['round']) if taken[-1]['round'] else 'base'}: {told}"
    ]


def _print(out: Console, lines: list[str], style: str = "") -> None:
    """As text, never as markup: what teachers and users write may look like it. A pipe gets every line whole."""
    if lines:
        out.print(Text("\n".join(lines), style=style), soft_wrap=not out.is_terminal)


def print_lineage(lineage: Lineage, out: Console) -> None:
    """A draft's way from its seed, for people: what was asked, what came back, what was said of it, what it cost."""
    told: list[str | tuple[str, str]] = [(f"{each}\n", "bold yellow") for each in lineage.withdrawn]
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


def _ending(summary: Summary) -> str:
    if summary.finished:
        return f"stopped: {summary.ended}"
    return (
        f"ended early: {summary.ended}" if summary.ended else "unfinished: `orchestrator run` with its recipe goes on"
    )


def sentence(summary: Summary) -> str:
    before, after = summary.accuracy["before"], summary.accuracy["after"]
    if before is None or after is None:
        return "nothing has been examined yet" if before is None else f"the base answers {before:.1%}; no student yet"
    kept = summary.retention
    held = f"; what it could do before: {kept['before']:.0%} → {kept['after']:.0%}" if kept["after"] is not None else ""
    rounds = "1 round" if summary.rounds == 1 else f"{summary.rounds} rounds"
    cost = f"in {rounds}, {summary.calls:,} calls ({_paid(summary.usd, summary.unpriced)})"
    if summary.best and summary.last and summary.best["round"] == 0:
        made = f"the student of round {summary.last['round']} makes {after:.1%}"
        return f"the base is still the best, with {before:.1%} on {summary.exam}; {made}, {cost}"
    return f"accuracy {before:.1%} → {after:.1%} {cost}{held}"


def _paid(usd: float | None, unpriced: int) -> str:
    if usd is None:
        return "price unknown"
    return f"${usd:.2f}" + (f" and {unpriced:,} of unknown price" if unpriced else "")


def _lessons(summary: Summary, causes: list[StepYield]) -> str:
    left_out = f", {summary.left_out:,} left out for repeating an exam question" if summary.left_out else ""
    return (
        f"lessons {summary.accepted:,}, rejected {summary.rejected:,} ({_causes(causes)}){left_out}, "
        f"unreadable {summary.unreadable:,}"
    )


def _story(summary: Summary) -> Table:
    """A line for each round that fits into 80 columns: what went in, what it cost, what it brought."""
    dollars = any(one.usd for one in summary.story)
    names = ["round", "seeds", "lessons", "calls", "usd" if dollars else "tokens", "train", "probe", "points"]
    names.append("/usd" if dollars else "/100 calls")
    table = Table(box=None, header_style="bold", padding=(0, 1, 0, 0))
    for name in names:
        table.add_column(name, justify="right")
    for one in (one for one in summary.story if one.round):
        price = _money_of(one) if dollars else _short(one.tokens)
        gain = "" if one.points is None else f"{one.points:+.1f}"
        rate = one.per_usd if dollars else one.per_100_calls
        table.add_row(
            str(one.round),
            *(f"{number:,}" for number in (one.seeds, one.lessons, one.calls)),
            price,
            f"{one.training:,.0f}s",
            _accuracy(one),
            gain,
            "" if rate is None else f"{rate:+.1f}",
        )
    return table


def _money_of(one: RoundStory) -> str:
    return "unknown" if one.usd is None else f"{_cents(one.usd)}{'+?' if one.unpriced else ''}"


def _accuracy(one: RoundStory) -> str:
    """In percent, with the interval of the later of the two."""
    if one.after is None or one.low is None or one.high is None:
        return ""
    before = "" if one.before is None else f"{100 * one.before:.0f} → "
    return f"{before}{one.after:.0%} [{100 * one.low:.0f}–{100 * one.high:.0f}]"


def _round(one: RoundStory) -> list[str]:
    failed = _failed(one)
    planned = [f"round {one.round}: {one.why}"] if one.round else ["before the first lesson:"] if failed else []
    varied = [f"lessons: {varied_in_words(one.diversity)}"] if one.diversity else []
    return [*planned, *(f"  {line}" for line in (*varied, *failed))]


def round_lines(one: RoundStory) -> list[str]:
    """What a round cost and brought, and what still goes wrong after it."""
    bought = f"{one.calls:,} calls, {one.tokens:,} tokens ({_paid(one.usd, one.unpriced)}), " if one.calls else ""
    gain = "" if one.points is None else f"; it brought {one.points:+.1f} points"
    rate = f", {one.per_usd:+.1f} a dollar" if one.per_usd is not None else ""
    rate = f", {one.per_100_calls:+.1f} per 100 calls" if not rate and one.per_100_calls is not None else rate
    return [f"round {one.round} took {bought}{one.training:.0f}s of training{gain}{rate}", *_failed(one)]


def _failed(one: RoundStory) -> list[str]:
    parts = (("probe", one.probe), ("practice", one.practice))
    return [f"{failed.wrong:,} wrong in {part}: {_clusters(failed)}" for part, failed in parts if failed.wrong]


def _clusters(failed: Failed) -> str:
    told = ", ".join(f"{_kind(c)} {c.size}{_trend(c)}" for c in failed.clusters[:SHOWN])
    more = failed.more + max(0, len(failed.clusters) - SHOWN)
    return told + (f" and {more} smaller kind{'s' if more > 1 else ''}" if more else "")


def _kind(cluster: ClusterStory) -> str:
    """A label says skill and cause itself; a teacher's name says what it is about, but not what went wrong."""
    cause = f" ({cluster.cause})" if cluster.cause else ""
    return f"{cluster.name}{cause}" if cluster.name else cluster.label


def _trend(cluster: ClusterStory) -> str:
    if cluster.before is None:
        return ""
    return f" ({cluster.before} before)" if cluster.before else " (new)"


def _hearing(heard: dict[str, Any]) -> str:
    """What the court found of a judge, with its figures as far as there are any."""
    share = {n: f"{100 * m['estimate']:.0f}% [{100 * m['low']:.0f}–{100 * m['high']:.0f}]" for n, m in heard.items()
             if n in ("sensitivity", "specificity", "flips") and m}  # fmt: skip
    figures = ", ".join(f"{name} {said}" for name, said in share.items())
    found = f" ({heard['cases']} cases: {figures})" if figures else ""
    return f"judge {heard['model']}: {'admitted' if heard['admitted'] else 'refused'}, {heard['why']}{found}"


def _agreement(pair: dict[str, Any]) -> str:
    """A person and a judge on the same drafts."""
    other = f"{pair['step']} ({pair['other']})" if pair["step"] else pair["other"]
    kappa = "none, since one of both said the same of all"
    if pair["kappa"] is not None:
        kappa = f"{pair['kappa']:.2f} [{pair['kappa_low']:.2f} to {pair['kappa_high']:.2f}]"
    same = f"{100 * pair['raw']:.0f}% [{100 * pair['raw_low']:.0f}–{100 * pair['raw_high']:.0f}] of {pair['n']} drafts"
    return f"{pair['person']} and {other} agree on {same}; kappa {kappa}"


def _canary(planted: dict[str, Any]) -> str:
    who = f"student of round {planted['round']}" if planted["round"] else "base"
    right = f"{planted['right']} of {planted['n']} right, {planted['by_chance']:g} by chance"
    return f"canaries of {planted['exam']}: {who} {right}"


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
