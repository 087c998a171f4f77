"""Progress that moves in the UI: a ring at each task that is under way, from what the stages tell."""

import asyncio
import logging
from typing import Any
from uuid import UUID

from prefect.artifacts import acreate_progress_artifact, aupdate_progress_artifact
from prefect.runtime import task_run

AT_MOST_EVERY_S = 1.0
log = logging.getLogger("flows.bars")


def how_far(event: str, facts: dict[str, Any]) -> tuple[str, int, int] | None:
    """(of what, done, of how many); None for an event that says nothing of it."""
    match event:
        case "batch":
            return f"round {facts['round']}: {facts['step']}", facts["batch"], facts["of"]
        case "training" if facts.get("steps") and "step" in facts:
            return "training", facts["step"], facts["steps"]
        case "examining" if facts["event"] == "answered":
            return "examining", facts["done"], facts["of"]
    return None


class Bar:
    """One progress artifact, at the task inside which it was first told of."""

    def __init__(self, what: str) -> None:
        self._what = what
        self.percent, self._shown = 0.0, -1.0
        self._artifact: UUID | None = None
        self._showing: asyncio.Task[None] | None = None

    def at(self, percent: float) -> None:
        self.percent = percent
        if self._showing is None or self._showing.done():
            self._showing = asyncio.create_task(self._show())

    async def settled(self) -> None:
        if self._showing:
            await self._showing

    async def _show(self) -> None:
        """A server that does not take it costs the run a line in the log, not its work."""
        try:
            while self._shown != self.percent:
                percent = self.percent
                if self._artifact is None:
                    self._artifact = await acreate_progress_artifact(percent, description=self._what)
                else:
                    await aupdate_progress_artifact(self._artifact, percent, description=self._what)
                self._shown = percent
                if percent < 100:
                    await asyncio.sleep(AT_MOST_EVERY_S)
        except Exception as error:  # noqa: BLE001
            log.warning("the progress of %s cannot be shown: %s", self._what, error)


class Bars:
    """Listens to a run (`tell`). What begins anew, such as the next exam, and each task has a bar of its own."""

    def __init__(self) -> None:
        self._bars: list[Bar] = []
        self._latest: dict[tuple[str, str | None], Bar] = {}

    def tell(self, event: str, facts: dict[str, Any]) -> None:
        if (found := how_far(event, facts)) is None:
            return
        what, done, of = found
        percent = round(100 * done / of, 1) if of else 100.0
        place = (what, task_run.get_id())
        bar = self._latest.get(place)
        if bar is None or percent < bar.percent:
            bar = self._latest[place] = Bar(what)
            self._bars.append(bar)
        bar.at(percent)

    async def settled(self) -> None:
        await asyncio.gather(*(bar.settled() for bar in self._bars))
