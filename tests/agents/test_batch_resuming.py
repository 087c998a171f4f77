"""Batches that outlive the process that sent them: the next one goes on from wherever it was left."""

import asyncio
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import aclosing
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest

from agents import batch_line
from agents.batch_line import BatchLine
from agents.endpoint import Endpoint
from agents.generators.write_solution import WorkedSolution
from agents.line import Line
from agents.rehearsal.serving import serve
from agents.teacher import EndpointTeacher
from agents.troubles import TeacherUnavailable
from orchestrator import cycle
from orchestrator.batches import StoredBatches
from orchestrator.clauses import Budget
from orchestrator.cycle import open_work, run_directly, teach
from orchestrator.ledger import RunLedger
from orchestrator.machine import Machine, ModelEntry, lines_for, teachers_for
from storage.keyed import utc_now
from storage.records import Batch, BatchState
from storage.store import Store
from tests.agents.batching import (
    PLAIN,
    RHYTHM,
    answers,
    batches,
    counts,
    prompts,
    states,
    teaching,
    told,
    until,
)
from tests.conftest import Loop


@pytest.fixture(scope="module")
def calm() -> Iterator[str]:
    with serve("--batch-seconds", "0.1") as url:
        yield url
        assert counts(url)["repeats"] == 0


@pytest.fixture(scope="module")
def slow() -> Iterator[str]:
    with serve("--batch-seconds", "0.6") as url:
        yield url


async def left(url: str, store: Store, asked: Sequence[str]) -> Batch:
    """The batch that a process left open which went as soon as it was submitted."""
    async with teaching(url, store) as teacher:
        asking = [asyncio.create_task(teacher.ask(prompt, WorkedSolution)) for prompt in asked]
        await until(lambda: batches(store) and batches(store)[-1].remote)
        for task in asking:
            task.cancel()
        began = time.monotonic()
    assert time.monotonic() - began < 0.5, "nobody waits for a batch at the end"
    return batches(store)[-1]


async def resumed(url: str, store: Store, asked: Sequence[str]) -> dict[str, int]:
    """What the server was asked by a process that asks the same again."""
    before = counts(url)
    async with teaching(url, store) as teacher:
        assert len(await answers(teacher, asked)) == len(asked)
    after = counts(url)
    return {name: after[name] - before[name] for name in after}


@pytest.mark.parametrize("finished", [False, True])
@pytest.mark.parametrize("noted", [True, False])
async def test_a_batch_that_was_submitted_is_waited_for(slow: str, store: Store, finished: bool, noted: bool) -> None:
    asked = prompts(6)
    batch = await left(slow, store, asked)
    assert batch.state == BatchState.SUBMITTED
    if not noted:
        store.settle_batch(batch.key, BatchState.INTENDED, "")
    if finished:
        await until(lambda: told(slow, batch.remote)["status"] == "completed")
    new = await resumed(slow, store, asked + prompts(1))
    assert (new["batches"], new["batch_requests"], new["repeats"]) == (1, 1, 0)
    assert states(store) == [("ended", "completed")] * 2
    assert batches(store)[0].remote == batch.remote


async def test_a_batch_that_was_never_submitted_is_sent_afresh(calm: str, store: Store) -> None:
    asked = prompts(4)
    async with teaching(calm, store) as teacher:
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(batch_line.BatchApi, "submit", lambda *_: asyncio.sleep(9))
            asking = asyncio.create_task(answers(teacher, asked))
            await until(lambda: batches(store))
            asking.cancel()
            await asyncio.gather(asking, return_exceptions=True)
    new = await resumed(calm, store, asked)
    assert (new["batches"], new["answered"]) == (1, 4)
    assert states(store) == [("ended", "never submitted"), ("ended", "completed")]
    assert [batch.number for batch in batches(store)] == [0, 1]


def written_down(url: str, store: Store, keys: list[str], age: timedelta, **facts: Any) -> None:
    store.add(Batch.new(endpoint=url, requests=keys, created_at=utc_now() - age, **facts))


def process_that_has_ended() -> str:
    code = "from agents.procs import here; print(here())"
    return subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True).stdout.strip()


@pytest.mark.parametrize(
    ("age_s", "owner"), [(0.0, process_that_has_ended), (700.0, lambda: "1@elsewhere"), (700.0, lambda: "")]
)
async def test_a_batch_whose_process_is_dead_or_too_late_is_sent_afresh(
    calm: str, store: Store, age_s: float, owner: Callable[[], str]
) -> None:
    asked = prompts(2)
    written_down(calm, store, await requests_of(calm, store, asked), timedelta(seconds=age_s), note=owner())
    new = await resumed(calm, store, asked)
    assert (new["batches"], new["answered"]) == (1, 2)
    assert states(store) == [("ended", "never submitted"), ("ended", "completed")]


@pytest.mark.parametrize("elsewhere", [True, False])
async def test_a_batch_that_another_process_is_submitting_is_waited_for(
    calm: str, store: Store, monkeypatch: pytest.MonkeyPatch, elsewhere: bool
) -> None:
    """Also by another line of the same process, and when its upload takes its time."""
    asked, before, submit, may_go = prompts(4), counts(calm), batch_line.BatchApi.submit, asyncio.Event()

    async def late(*told: Any) -> Any:
        await may_go.wait()
        return await submit(*told)

    monkeypatch.setattr(batch_line.BatchApi, "submit", late)
    async with teaching(calm, store) as one, teaching(calm, store) as other:
        first = asyncio.create_task(answers(one, asked))
        await until(lambda: batches(store))
        if elsewhere:
            store.settle_batch(batches(store)[0].key, BatchState.INTENDED, "", "1@elsewhere")
        second = asyncio.create_task(answers(other, asked))
        await asyncio.sleep(0.3)
        assert len(batches(store)) == 1
        may_go.set()
        assert await first == await second
    new = counts(calm)
    assert (new["batches"] - before["batches"], new["repeats"]) == (1, before["repeats"])
    assert states(store) == [("ended", "completed")]


async def test_a_process_gives_a_submission_up_before_others_do(calm: str, store: Store) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(batch_line.BatchApi, "submit", lambda *_: asyncio.sleep(9))
        async with teaching(calm, store, replace(RHYTHM, submit_s=0.2)) as teacher:
            with pytest.raises(TeacherUnavailable, match=r"could not be submitted within 0.18 s"):
                await answers(teacher, prompts(1))


async def test_a_batch_that_the_provider_has_lost_is_sent_afresh_once_it_cannot_come_back(
    calm: str, store: Store
) -> None:
    asked = prompts(3)
    facts = {"state": BatchState.SUBMITTED, "remote": "batch_nobody_knows"}
    written_down(calm, store, await requests_of(calm, store, asked), timedelta(hours=27), **facts)
    assert (await resumed(calm, store, asked[:2]))["answered"] == 2
    assert states(store) == [("submitted", ""), ("ended", "completed")]
    assert (await resumed(calm, store, asked))["answered"] == 1
    assert states(store) == [("ended", "gone"), ("ended", "completed"), ("ended", "completed")]


async def test_a_batch_of_another_account_is_neither_closed_nor_paid_again(slow: str, store: Store) -> None:
    asked = prompts(3)
    batch = await left(slow, store, asked)
    store.settle_batch(batch.key, BatchState.SUBMITTED, "batch_of_another_account")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(batch_line.BatchApi, "find", lambda *_: asyncio.sleep(0))
        before = counts(slow)["batches"]
        async with teaching(slow, store) as teacher:
            with pytest.raises(
                TeacherUnavailable, match=r"_of_another_account is not known .* another account's key\?"
            ):
                await answers(teacher, asked)
    assert counts(slow)["batches"] == before
    assert states(store) == [("submitted", "")]
    assert (await resumed(slow, store, asked))["batches"] == 0
    assert [(one.state, one.remote) for one in batches(store)] == [("ended", batch.remote)]


async def requests_of(url: str, store: Store, asked: Sequence[str]) -> list[str]:
    """The keys that the calls of these prompts will have."""
    keys: list[str] = []

    class Overheard(BatchLine):
        async def complete(self, key: str, *_: Any) -> Any:
            keys.append(key)
            raise TeacherUnavailable("only listening")

    async with aclosing(RunLedger(store, "run", Budget())) as ledger:
        line = Overheard(Endpoint(url, PLAIN, max_tokens=200), StoredBatches(store))
        asking = (EndpointTeacher(line, ledger).ask(prompt, WorkedSolution) for prompt in asked)
        await asyncio.gather(*asking, return_exceptions=True)
    return keys


async def test_a_batch_whose_files_are_gone_is_sent_afresh(slow: str, store: Store) -> None:
    asked = prompts(3)
    batch = await left(slow, store, asked)
    await until(lambda: told(slow, batch.remote)["status"] == "completed")
    httpx.delete(f"{slow}/files/{told(slow, batch.remote)['output_file_id']}").raise_for_status()
    assert (await resumed(slow, store, asked))["batches"] == 1
    assert states(store) == [("ended", "completed")] * 2


async def test_replies_that_nobody_asks_for_stay_at_the_provider(slow: str, store: Store) -> None:
    asked = prompts(4)
    await left(slow, store, asked)
    await resumed(slow, store, asked[:2])
    assert states(store) == [("submitted", "")]
    assert (await resumed(slow, store, asked))["batches"] == 0
    assert states(store) == [("ended", "completed")]


async def test_a_batch_whose_replies_are_all_stored_is_closed_by_the_next_process(calm: str, store: Store) -> None:
    asked = prompts(2)
    await resumed(calm, store, asked)
    (batch,) = batches(store)
    store.settle_batch(batch.key, BatchState.SUBMITTED, batch.remote)
    assert (await resumed(calm, store, asked + prompts(1)))["batch_requests"] == 1
    assert states(store)[0] == ("ended", "every reply is stored")


# --- whole runs


@pytest.mark.slow
async def test_only_an_entry_that_says_so_is_asked_in_batches(calm: str, store: Store) -> None:
    entries = {"one": ModelEntry(endpoint=calm, batch=True), "other": ModelEntry(endpoint=calm)}
    machine = Machine(default=None, roles=entries)
    async with lines_for(entries, machine, StoredBatches(store)) as lines:
        assert {role: type(line) for role, line in lines.items()} == {"one": BatchLine, "other": Line}
    async with lines_for(entries, machine) as lines:
        assert {type(line) for line in lines.values()} == {Line}


@pytest.mark.slow
async def test_a_run_in_batches_does_the_work_of_a_live_run(
    loop: Loop, new_store: Callable[[str], Store], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(cycle, "teachers_for", teachers_for)
    monkeypatch.setattr(batch_line, "Rhythm", lambda: RHYTHM)
    marks = []
    for name, batch in (("live", False), ("batches", True)):
        machine = Machine(default=ModelEntry(batch=batch))
        with new_store(name) as store:
            async with open_work(loop.recipe(), machine, store, tmp_path / name) as work:
                await teach(work, run_directly)
            marks.append(store.fingerprint(work.run.key))
            assert {batch.state for batch in batches(store)} == ({BatchState.ENDED} if batch else set())
    assert marks[0] == marks[1]


PROCESS = """
import asyncio, sys
from contextlib import aclosing
from pathlib import Path
from agents.batch_line import BatchLine, Rhythm
from agents.endpoint import Endpoint
from agents.generators.write_solution import WorkedSolution
from agents.teacher import EndpointTeacher
from orchestrator.batches import StoredBatches
from orchestrator.clauses import Budget
from orchestrator.ledger import RunLedger
from storage.store import open_store

async def main(url, model, path, *asked):
    with open_store(Path(path)) as store:
        line = BatchLine(Endpoint(url, model), StoredBatches(store), rhythm=Rhythm(0.1, 0.05, 0.1))
        async with aclosing(RunLedger(store, "run", Budget())) as ledger, aclosing(line):
            teacher = EndpointTeacher(line, ledger)
            await asyncio.gather(*(teacher.ask(prompt, WorkedSolution) for prompt in asked))

asyncio.run(main(*sys.argv[1:]))
"""


@pytest.mark.slow
def test_a_process_killed_again_and_again_repeats_nothing(slow: str, store: Store) -> None:
    """Once as soon as a batch is written down, once as soon as it is submitted, and once as soon as replies are stored."""
    before, asked = counts(slow), prompts(12)
    command = [sys.executable, "-c", PROCESS, slow, PLAIN, store.place, *asked]
    moments: list[Callable[[], Any]] = [
        lambda: batches(store),
        lambda: batches(store)[-1].remote,
        lambda: store.stored_calls(batches(store)[-1].requests),
    ]
    for reached in moments:
        process = subprocess.Popen(command)
        while not reached():
            assert process.poll() is None
            time.sleep(0.001)
        process.kill()
        process.wait()
    subprocess.run(command, check=True)
    after = counts(slow)
    assert (after["answered"] - before["answered"], after["repeats"]) == (12, before["repeats"])
    assert len(store.stored_calls(batches(store)[-1].requests)) == 12
    assert store.open_batches(slow) == [] or states(store)[-1] == ("submitted", "")
