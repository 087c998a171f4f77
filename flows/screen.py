"""What a person sees while a run works: one live block on a terminal, plain lines anywhere else."""

import logging
import time
from collections.abc import Callable
from types import TracebackType
from typing import Any, Self

from rich.console import Console, Group
from rich.live import Live
from rich.text import Text

from flows.telling import round_lines
from orchestrator.standing import standing_of
from orchestrator.story import story_of
from orchestrator.work import Work

log = logging.getLogger("flows.screen")
COUNTED = ("written", "accepted", "rejected", "unreadable")
SILENT_S = 15.0
"""After how long a worker that says only that it lives is told of."""


class Warnings(logging.Handler):
    """What those who ask teachers warn of, such as an endpoint that does not answer."""

    def __init__(self, say: Callable[[str], None]) -> None:
        super().__init__(logging.WARNING)
        self._told = say

    def emit(self, record: logging.LogRecord) -> None:
        self._told(f"  {record.getMessage()}")


class Screen:
    """Listens to a run (`tell`) and shows where it is: stage, yield, spending, time."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._began = time.monotonic()
        self.work: Work | None = None
        self._warnings = Warnings(self._say)
        self._yield = dict.fromkeys(COUNTED, 0)
        self._steps: dict[tuple[int, str], dict[str, int]] = {}
        self._paces: dict[str, tuple[float, int]] = {}
        self._unjudged, self._why_unjudged = 0, ""
        self._now = "starting"
        self._live = (
            Live(console=console, refresh_per_second=4, transient=True, get_renderable=self._block)
            if console.is_terminal
            else None
        )

    def __enter__(self) -> Self:
        logging.getLogger("agents").addHandler(self._warnings)
        if self._live:
            self._live.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        logging.getLogger("agents").removeHandler(self._warnings)
        if self._live:
            self._live.stop()

    def tell(self, event: str, facts: dict[str, Any]) -> None:
        line, lasting = self._said(event, facts)
        if not line:
            return
        self._now = line
        if lasting:
            self._say(line)

    def _say(self, line: str) -> None:
        """As text, never as markup: what teachers and users write may look like it."""
        log.info("%s", line)  # nobody hears it unless a flow runs, whose page shows it
        when = f"{time.monotonic() - self._began:6.1f}s"
        self._console.print(Text.assemble((when, "dim"), " ", line), soft_wrap=True)

    def _said(self, event: str, facts: dict[str, Any]) -> tuple[str, bool]:
        """(line, whether it stays on the screen)."""
        match event:
            case "batch":
                return self._batch(facts)
            case "training":
                return self._training(facts)
            case "examining" if facts["event"] == "answered":
                left = self._left("examining", facts["done"], facts["of"])
                return f"  examining: {facts['done']}/{facts['of']} answers{left}", False
            case "weighing" if facts["event"] == "start":
                return "  weighing: a student is asked how likely texts are", False
            case "unjudged":
                self._unjudged += 1
                self._why_unjudged = facts["why"]
            case "examined":
                self._say_unjudged()
                who = "base" if facts["round"] == 0 else f"student of round {facts['round']}"
                return f"  {who}: {facts['accuracy']:.1%} of {facts['n']} on {facts['exam']}", True
            case "planned":
                self._say_round(facts["round"] - 1)
                return f"stop: {facts['why']}" if facts["stop"] else "", facts["stop"]
        return _lasting(event, facts), True

    def _training(self, facts: dict[str, Any]) -> tuple[str, bool]:
        match facts["event"]:
            case "log" if "loss" in facts:
                rate = f", {facts['tokens_per_second']:,.0f} tokens/s" if facts.get("tokens_per_second") else ""
                left = self._left("training", facts["step"], facts["steps"])
                return f"  training: step {facts['step']}/{facts['steps']}, loss {facts['loss']:.3f}{rate}{left}", False
            case "heartbeat" if facts["silent_s"] > SILENT_S:
                return f"  training: at work, and its last word was {facts['silent_s']:.0f} s ago", False
            case "out_of_memory":
                smaller = f"{facts['rows']} rows at once, {facts['times']} times a step"
                return f"  training: out of memory; goes on with {smaller}", True
            case "damaged":
                return f"  training: {facts['checkpoint']} is damaged; goes on from the one before it", True
            case "end" if facts.get("ok", True):
                took, loss = f"{facts['seconds']:.0f}s", facts.get("loss", 0)
                return f"  trained {facts.get('steps')} steps in {took}, loss {loss:.3f}", True
        return "", False

    def _say_unjudged(self) -> None:
        if self._unjudged:
            self._say(
                f"  {self._unjudged:,} replies got no verdict and count for nothing; the last: {self._why_unjudged}"
            )
        self._unjudged = 0

    def _say_round(self, number: int) -> None:
        """What a round cost and brought, once it is over."""
        if self.work:
            rounds = story_of(self.work.store, standing_of(self.work.store, self.work.run))
            for line in (line for one in rounds if one.round == number for line in round_lines(one)):
                self._say(f"  {line}")

    def _batch(self, facts: dict[str, Any]) -> tuple[str, bool]:
        """A line while a step goes on, and one that stays with all its batches when it is done."""
        done = facts["batch"] == facts["of"]
        step = self._steps.setdefault((facts["round"], facts["step"]), dict.fromkeys(COUNTED, 0))
        for name in COUNTED:
            step[name] += facts[name]
            self._yield[name] += facts[name]
        counts = ", ".join(f"{count:,} {name}" for name, count in step.items() if count) or "nothing"
        for cause, count in facts["unanswered"].items():
            self._say(f"  {facts['step']}: {count:,} got no answer, and nothing became of it: {cause}")
        left = self._left(f"{facts['round']} {facts['step']}", facts["batch"], facts["of"])
        return f"  {facts['step']}: {counts}" + ("" if done else f" ({facts['batch']}/{facts['of']}{left})"), done

    def _left(self, what: str, done: int, of: int) -> str:
        """How long this part will go on at the pace so far, which is that since its first sign of life."""
        now = time.monotonic()
        began, first = self._paces.setdefault(what, (now, done))
        if done >= of:
            del self._paces[what]
            return ""
        return f", about {(of - done) * (now - began) / (done - first):.0f}s left" if done > first else ""

    def _block(self) -> Group:
        spent = self.work.ledger.spent if self.work else {"calls": 0, "tokens": 0, "usd": 0.0}
        counts = "  ".join(f"{name} {count:,}" for name, count in self._yield.items())
        money = f"${spent['usd']:.4f}" if spent["usd"] else "price unknown"
        seconds = time.monotonic() - self._began
        paid = f"calls {spent['calls']:,.0f}  tokens {spent['tokens']:,.0f}  {money}  {seconds:.0f}s"
        return Group(Text(self._now), Text(f"  {counts}", style="dim"), Text(f"  {paid}", style="dim"))


def _lasting(event: str, facts: dict[str, Any]) -> str:
    """The line of an event that says everything by itself; empty for any other."""
    match event:
        case "gathered":
            return f"round {facts['round']}: {facts['seeds']} seeds; {facts['why']}"
        case "decontaminated":
            return f"  {facts['place']}: {facts['left_out']:,} left out for repeating an exam question"
        case "frozen":
            return f"  dataset {facts['dataset']}: {facts['rows']} lessons"
        case "heard":
            found = "admitted" if facts["admitted"] else "refused"
            return f"  judge {facts['model']} of {facts['exam']}: {found}, {facts['why']}"
        case "unnamed":
            return f"  some failures of round {facts['round']} stay without a name: {facts['why']}"
        case "ruled":
            return f"gate: {facts['why']}"
    return ""
