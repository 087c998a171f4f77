"""What the UI is given of a run: a story that markdown cannot break, tables without gaps, progress that moves."""

from typing import Any

import pytest

from storage.store import Store
from tests.conftest import Loop

pytestmark = pytest.mark.slow  # they import Prefect


async def test_a_runs_story_and_tables_tell_what_came_of_it(loop: Loop, store: Store) -> None:
    from flows.artifacts import _plain, _read

    recipe = loop.recipe()
    await loop.teach(recipe, store)
    async with loop.opened(recipe, store) as work:
        summary, story, tables = _read(work)
    assert {"skills", "yield", "rounds", "spending", "answers", "exams"} <= tables.keys()
    assert all(rows and all(row.keys() == rows[0].keys() for row in rows) for _, rows in tables.values())
    assert tables["spending"][1][-1]["calls"] == summary.calls
    assert "![learning curve](data:image/svg+xml;base64," in story
    assert summary.ruling
    assert story.count(_plain(summary.ruling["why"])) == 1
    assert "report.html`" in story
    assert f"orchestrator export {work.folder.name}" in story


async def test_before_anything_was_examined_there_is_a_story_too(loop: Loop, store: Store) -> None:
    from flows.artifacts import _read

    async with loop.opened(loop.recipe(), store) as work:
        _, story, tables = _read(work)
    assert "nothing has been examined yet" in story
    assert "answers" not in tables


def test_what_was_written_elsewhere_is_no_markup() -> None:
    from flows.artifacts import _plain

    assert _plain("<b>[x](javascript:y)</b> `a|b`") == r"\<b\>\[x\](javascript:y)\</b\> \`a\|b\`"


async def test_a_bar_moves_and_what_begins_anew_has_its_own(monkeypatch: pytest.MonkeyPatch) -> None:
    from flows import bars

    shown: list[tuple[str, int, float]] = []

    async def create(percent: float, description: str) -> int:
        shown.append((description, len(shown), percent))
        return len(shown) - 1

    async def update(artifact: int, percent: float, description: str) -> None:
        shown.append((description, artifact, percent))

    monkeypatch.setattr(bars, "acreate_progress_artifact", create)
    monkeypatch.setattr(bars, "aupdate_progress_artifact", update)
    monkeypatch.setattr(bars, "AT_MOST_EVERY_S", 0)
    listening = bars.Bars()

    async def tell(event: str, /, **facts: Any) -> None:
        listening.tell(event, facts)
        await listening.settled()

    await tell("gathered", round=1, seeds=5)
    await tell("batch", round=1, step="solve", batch=1, of=2)
    await tell("batch", round=1, step="solve", batch=2, of=2)
    await tell("training", event="log", step=6, steps=6)
    await tell("training", event="log", step=6, steps=6)
    await tell("training", event="end", steps=6, seconds=2)
    await tell("examining", event="answered", done=4, of=4)
    await tell("examining", event="answered", done=1, of=4)
    assert [(what, percent) for what, _, percent in shown] == [
        ("round 1: solve", 50.0),
        ("round 1: solve", 100.0),
        ("training", 100.0),
        ("examining", 100.0),
        ("examining", 25.0),
    ]
    assert shown[1][1] == shown[0][1]
    assert shown[4][1] != shown[3][1]


async def test_a_server_that_takes_no_progress_costs_the_run_nothing(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    from flows import bars

    async def refuse(*_: Any, **__: Any) -> None:
        raise ConnectionError("gone")

    monkeypatch.setattr(bars, "acreate_progress_artifact", refuse)
    listening = bars.Bars()
    listening.tell("batch", {"round": 1, "step": "solve", "batch": 1, "of": 2})
    await listening.settled()
    assert "the progress of round 1: solve cannot be shown: gone" in caplog.text
