"""A tape gives the same datasets again with nothing but itself, holds no secret, and says what is wrong with it."""

import gzip
import json
import os
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import orjson
import pytest

from agents.generators import write_solution
from agents.kinds import Unanswered
from agents.rehearsal.teacher import Refusal
from orchestrator.machine import Machine, ModelEntry
from orchestrator.production import SPLIT_GUARD
from orchestrator.recipe import Recipe
from orchestrator.tape_file import TapeError, _end, read_header, read_records
from orchestrator.tapes import SECRET_NAMES, Taped, record, replay
from storage.records import Call, CallOutcome, Run, Seed
from storage.store import Store, open_store
from tests.conftest import Loop

ROOT = Path(__file__).parents[2]
SHIPPED = ROOT / "docs" / "tapes" / "first-run.tape.gz"
MACHINE = Machine(default=ModelEntry(max_tokens=200))
"""As the loop's line is."""


async def recorded(loop: Loop, store: Store, path: Path, *edits: str, recipe: Recipe | None = None) -> Taped:
    key, _ = await loop.teach(recipe or loop.recipe(*edits), store)
    return await record(store, Run.model_validate(store.run(key)), MACHINE, path)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "run.tape.gz"


@pytest.fixture(autouse=True)
def _no_keys(monkeypatch: pytest.MonkeyPatch) -> None:
    """Of the machine that the tests run on."""
    for name in [name for name in os.environ if name.upper().endswith(SECRET_NAMES)]:
        monkeypatch.delenv(name)


# --- the same datasets ----------------------------------------------------------------------------------------------


async def test_a_replay_makes_the_same_datasets_and_asks_nobody(loop: Loop, store: Store, path: Path) -> None:
    taped = await recorded(loop, store, path)
    sent, jobs = len(loop.sent), len(loop.worker.done)
    replayed = await replay(path)
    key = replayed.run
    assert replayed.same
    assert not replayed.changed
    assert [(d.round, d.rows, d.digest) for d in replayed.datasets] == [
        (d.round, d.size, d.digest) for d in store.datasets(key)
    ]
    assert len(replayed.datasets) == len(taped.datasets) == 2
    assert (len(loop.sent), len(loop.worker.done)) == (sent, jobs)
    assert taped.calls == store.spending(key).calls


async def test_a_replay_in_a_home_leaves_the_very_drafts_and_verdicts(
    loop: Loop, store: Store, path: Path, tmp_path: Path
) -> None:
    await recorded(loop, store, path)
    key = (await replay(path, tmp_path / "home")).run
    with open_store(tmp_path / "home" / "store.sqlite") as kept:
        assert kept.verify() == []
        for step in ("solve", "practise", "solve_new"):
            assert [d.key for d in kept.drafts(key, step)] == [d.key for d in store.drafts(key, step)]
        for step in ("right_answer", "referee", "agree", "once"):
            assert {k: v.outcome for k, v in kept.verdicts(key, step).items()} == {
                k: v.outcome for k, v in store.verdicts(key, step).items()
            }
    with pytest.raises(TapeError, match=r"holds run .* already, .* e.g. --home .*/home-replayed$"):
        await replay(path, tmp_path / "home")


@pytest.mark.parametrize("held", ["run", "call"])
async def test_a_store_in_use_takes_no_tape(tmp_path: Path, held: str) -> None:
    """Its later runs would take what anybody may have written into the tape for replies that were paid for."""
    home = tmp_path / "home"
    (tmp_path / "home-replayed").mkdir()
    run = Run.new(recipe_name="other", recipe_digest="recipe:b2:1", recipe={})
    with open_store(home / "store.sqlite") as store:
        store.add(run if held == "run" else Call.new(model="m", request={}, reply={}))
    with pytest.raises(TapeError, match=rf"holds {held}.* already, .* e.g. --home .*/home-replayed2$"):
        await replay(SHIPPED, home)
    with open_store(home / "store.sqlite") as store:
        assert len(store.runs()) == (held == "run")


async def test_the_same_work_is_the_same_file(
    loop: Loop, new_store: Callable[[str], Store], path: Path, tmp_path: Path
) -> None:
    """Recorded twice, and of another store, where everything happened at other times."""
    with new_store("one") as store:
        await recorded(loop, store, path)
        await recorded(loop, store, tmp_path / "again.tape.gz")
    with new_store("two") as store:
        loop.concurrency = 1
        await recorded(loop, store, tmp_path / "elsewhere.tape.gz")
    assert path.read_bytes() == (tmp_path / "again.tape.gz").read_bytes()
    assert path.read_bytes() == (tmp_path / "elsewhere.tape.gz").read_bytes()


async def test_recording_changes_nothing_in_the_store(loop: Loop, store: Store, path: Path) -> None:
    key, _ = await loop.teach(loop.recipe(), store)
    before = store.fingerprint(key)
    await record(store, Run.model_validate(store.run(key)), MACHINE, path)
    assert store.fingerprint(key) == before


async def test_calls_that_an_earlier_run_paid_for_are_on_the_tape(loop: Loop, store: Store, path: Path) -> None:
    """Also those that no entry and no draft names: unreadable ones, refused ones, and the first of a repaired pair."""

    def faulty(role: str, reply: str | Refusal) -> str | Refusal:
        faults = {3: "oops", 5: Refusal("no")}
        return faults.get(len(loop.sent) % 7, reply)

    loop.tampering = faulty
    await loop.teach(loop.recipe(), store)
    taped = await recorded(loop, store, path, "stop.plateau=0.001")
    replayed = await replay(path)
    assert store.spending(replayed.run).calls < taped.calls / 2
    outcomes = {record.outcome for record in read_records(path) if isinstance(record, Call)}
    assert outcomes == {CallOutcome.READ, CallOutcome.UNREADABLE, CallOutcome.REFUSED}
    assert replayed.same


async def test_a_request_that_got_no_answer_gets_none_again(loop: Loop, store: Store, path: Path) -> None:
    def silent_now_and_then(role: str, reply: str | Refusal) -> str | Refusal:
        if len(loop.sent) % 9 == 4:
            loop.sent.append("lost")
            raise Unanswered("as a filter may do")
        return reply

    loop.tampering = silent_now_and_then
    await recorded(loop, store, path)
    assert len(read_header(path).unanswered) > 3
    assert (await replay(path)).same


async def test_an_exam_item_is_stopped_again_without_the_exam(loop: Loop, store: Store, path: Path) -> None:
    def copy(role: str, reply: str | Refusal) -> str | Refusal:
        is_question = isinstance(reply, str) and reply.startswith('{"question"')
        return json.dumps({"question": probed[len(loop.sent) % 3]}) if is_question else reply

    async with loop.opened(loop.recipe(), store) as work:
        exam, source = work.recipe.exams["probe"], work.recipe.sources["tasks"]
        probed = [item.question for item in exam.items(source, work.recipe.datasets["lessons"].format, 0)]
    loop.tampering = copy
    await recorded(loop, store, path)
    assert 0 < len(read_header(path).guarded) <= 3
    replayed = await replay(path, path.parent / "home")
    assert replayed.same
    with open_store(path.parent / "home" / "store.sqlite") as kept:
        stopped = [v for v in kept.verdicts(replayed.run, "practise").values() if v.judge == SPLIT_GUARD]
        assert len(stopped) == 4


async def test_a_replay_needs_no_data_file(loop: Loop, store: Store, path: Path, tmp_path: Path) -> None:
    data = tmp_path / "own.jsonl"
    rows = [{"question": f"What is {i} plus 1?", "answer": f"{i} + 1 = {i + 1}\n#### {i + 1}"} for i in range(80)]
    data.write_text("\n".join(map(json.dumps, rows)))
    recipe = loop.recipe(f"sources.tasks.path={data}", "seeds.tasks=40", place="given-solutions", small=())
    taped = await recorded(loop, store, path, recipe=recipe)
    data.unlink()
    assert (await replay(path)).same
    assert [str(data) in warning and "sources.tasks.path" in warning for warning in taped.warnings] == [True]
    assert all(not record.origin for record in read_records(path) if isinstance(record, Seed))


async def test_an_unfinished_run_is_recorded_as_far_as_it_has_datasets(loop: Loop, store: Store, path: Path) -> None:
    class Enough(Exception):
        pass

    async def until_round_2(name: str, stage: Any, *arguments: Any) -> Any:
        if name == "round 2: referee":
            raise Enough
        return await stage(*arguments)

    recipe = loop.recipe()
    with pytest.raises(Enough):
        await loop.teach(recipe, store, stage=until_round_2)
    taped = await record(store, store.runs()[0], MACHINE, path)
    assert [dataset.round for dataset in taped.datasets] == [1]
    assert (await replay(path)).same


async def test_a_run_without_a_dataset_is_refused(loop: Loop, store: Store, path: Path) -> None:
    async with loop.opened(loop.recipe(), store) as work:
        with pytest.raises(TapeError, match="no dataset yet; carry it on with `orchestrator run demo`"):
            await record(store, work.run, MACHINE, path)


async def test_another_machine_file_is_refused_and_named(loop: Loop, store: Store, path: Path) -> None:
    key, _ = await loop.teach(loop.recipe(), store)
    other = Machine(default=ModelEntry(model="other"))
    with pytest.raises(TapeError, match=r"requests have no reply in the store.*--machine"):
        await record(store, Run.model_validate(store.run(key)), other, path)
    assert not path.exists()


# --- components that have changed -----------------------------------------------------------------------------------


async def test_a_raised_revision_is_said_and_makes_other_keys(
    loop: Loop, store: Store, path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    await recorded(loop, store, path)
    now = write_solution.WriteSolution.revision
    monkeypatch.setattr(write_solution.WriteSolution, "revision", now + 1)
    replayed = await replay(path)
    assert f"they are write_solution@{now + 1}, were write_solution@{now}" in replayed.changed
    assert not replayed.same
    assert [d.rows for d in replayed.datasets] == [d.size for d in read_header(path).datasets]


async def test_another_prompt_is_not_on_the_tape(
    loop: Loop, store: Store, path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    await recorded(loop, store, path)
    monkeypatch.setattr(write_solution, "PROMPT", "Solve it.")
    with pytest.raises(TapeError, match=r"no reply for a request of step 'solve' in round 1: .*same revisions"):
        await replay(path)
    monkeypatch.setattr(write_solution.WriteSolution, "revision", 99)
    with pytest.raises(TapeError, match=r"they are write_solution@99, were .*record it anew"):
        await replay(path)


# --- secrets --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "value"), [("TEST_HOUSE", "hunter-22"), ("SOME_API_KEY", 'quo"ted-secret'), ("key.txt", "hunter-23")]
)
async def test_a_secret_that_came_into_a_reply_is_refused(
    loop: Loop, store: Store, path: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str, value: str
) -> None:
    """By the machine file's `key_env` or `key_file`, or by the variable's name."""
    loop.tampering = lambda role, reply: (
        f"My key is {value}." if isinstance(reply, str) and role == "referee" else reply
    )
    recipe = loop.recipe("lessons.once.from=sound")
    key, _ = await loop.teach(recipe, store)
    if name == "key.txt":
        (tmp_path / name).write_text(f"{value}\n")
    else:
        monkeypatch.setenv(name, value)
    kept = ModelEntry(max_tokens=200, key_file=str(tmp_path / "key.txt"))
    machine = Machine(default=ModelEntry(max_tokens=200, key_env="TEST_HOUSE"), roles={"referee": kept})
    with pytest.raises(TapeError, match=rf"what is in .*{name}, so it was not written") as refused:
        await record(store, Run.model_validate(store.run(key)), machine, path)
    assert value not in str(refused.value)
    assert list(path.parent.glob("*tape*")) == []


async def test_a_tape_names_no_endpoint_no_price_and_no_place(loop: Loop, store: Store, path: Path) -> None:
    await recorded(loop, store, path)
    text = gzip.decompress(path.read_bytes()).decode()
    assert not re.search(r"https?://|usd|origin|created_at|latency", text)
    assert str(path.parent) not in text


# --- tapes that are none --------------------------------------------------------------------------------------------


def rewritten(path: Path, change: Callable[[list[bytes]], list[bytes]], *, sealed: bool) -> None:
    """The tape with other lines; sealed, its last line vouches for them."""
    from hashlib import blake2b

    lines = change(gzip.decompress(path.read_bytes()).splitlines(keepends=True))
    if sealed:
        lines[-1] = _end(blake2b(b"".join(lines[:-1]), digest_size=16).hexdigest())
    path.write_bytes(gzip.compress(b"".join(lines), mtime=0))


def _replaced(number: int, change: Callable[[bytes], bytes]) -> Callable[[list[bytes]], list[bytes]]:
    return lambda lines: [*lines[:number], change(lines[number]), *lines[number + 1 :]]


def _header_with(**fields: Any) -> Callable[[list[bytes]], list[bytes]]:
    return _replaced(0, lambda line: orjson.dumps({**orjson.loads(line), **fields}) + b"\n")


@pytest.fixture
def shipped(path: Path) -> Path:
    path.write_bytes(SHIPPED.read_bytes())
    return path


@pytest.mark.parametrize(
    ("change", "sealed", "said"),
    [
        (_header_with(tape=2), True, "tape of version 2, and this package reads version 1"),
        (_header_with(surprise=1), True, "header cannot be read .surprise"),
        (_header_with(digest="recipe:b2:0"), True, "not that of its digest"),
        (lambda lines: lines[1:], True, "its first line is no header"),
        (lambda lines: [], False, "its first line is no header"),
        (
            _replaced(5, lambda line: b"{oops\n"),
            True,
            "line 6 is not a record; expected one of plan, seed, draft, verdict, call",
        ),
        (_replaced(5, lambda line: b'{"score":{}}\n'), True, "line 6 is not a record"),
        (_replaced(5, lambda line: b'{"seed":{"key":"seed:b2:0"}}\n'), True, "line 6 is not a seed"),
        (_replaced(5, lambda line: line.replace(b"split_key", b"split")), True, "line 6 is not a seed"),
        (
            _replaced(-2, lambda line: line.replace(b'"model":"reh', b'"model":"oth')),
            True,
            "is not the call that its key says",
        ),
        (_replaced(-2, lambda line: line.replace(b'"reply":{', b'"reply":{"a":1,')), False, "not as it was recorded"),
        (lambda lines: [*lines[:9], *lines[10:]], False, "not as it was recorded"),
        (lambda lines: lines[:-1], False, "not as it was recorded"),
    ],
)
async def test_a_tape_that_was_changed_says_where(
    shipped: Path, tmp_path: Path, change: Any, sealed: bool, said: str
) -> None:
    rewritten(shipped, change, sealed=sealed)
    with pytest.raises(TapeError, match=said) as refused:
        await replay(shipped, tmp_path / "home")
    assert str(shipped) in str(refused.value)
    assert not (tmp_path / "home").exists()


@pytest.mark.parametrize(
    ("damaged", "said"),
    [
        (lambda whole: whole[: len(whole) // 2], "ends in the middle; copy it again"),
        (lambda whole: b"not a tape", "not a tape, or is damaged"),
        (lambda whole: whole[:5000] + bytes(50) + whole[5050:], "is damaged|is not a record|not as it was recorded"),
    ],
)
async def test_a_file_that_is_damaged(shipped: Path, damaged: Callable[[bytes], bytes], said: str) -> None:
    shipped.write_bytes(damaged(shipped.read_bytes()))
    with pytest.raises(TapeError, match=said):
        await replay(shipped)


# --- the tape of the documentation ----------------------------------------------------------------------------------


async def test_the_tape_that_the_documentation_ships_gives_its_datasets() -> None:
    how = f"{SHIPPED.name} is out of date: record it anew, with the two commands under `The first run` of docs/tapes.md"
    assert SHIPPED.stat().st_size < 300_000
    try:
        replayed = await replay(SHIPPED)
    except TapeError as error:
        pytest.fail(f"{how} ({error})")
    assert replayed.same, f"{how} ({replayed.changed})"
    text = (ROOT / "docs" / "tapes.md").read_text()
    for made in replayed.datasets:
        assert f"round {made.round}  {made.name}  {made.rows} rows  {made.digest}  same" in text, how


@pytest.mark.slow
def test_a_run_over_http_gives_the_same_datasets_in_a_process_that_has_no_sdk(tmp_path: Path) -> None:
    def orchestrator(*words: str | Path) -> subprocess.CompletedProcess[str]:
        code = (
            "import sys\nfrom flows.cli import main\n"
            "try:\n    main()\nfinally:\n"
            "    print(*sorted({'torch', 'prefect', 'openai', 'aiohttp'} & sys.modules.keys()), file=sys.stderr)"
        )
        words_ = [sys.executable, "-c", code, *map(str, words)]
        return subprocess.run(
            words_, capture_output=True, text=True, cwd=tmp_path, env={**os.environ, "PYTHONPATH": str(ROOT)}
        )

    tiny = ROOT / "tests" / "flows" / "tiny.yaml"
    ran = orchestrator("run", tiny, "--home", "runs", "--without-prefect", "--json")
    assert ran.returncode == 0, ran.stderr
    taped = orchestrator("tape", "record", "--home", "runs", "--to", "run.tape.gz", "--json")
    assert taped.returncode == 0, taped.stderr
    replayed = orchestrator("tape", "replay", "run.tape.gz", "--json")
    assert (replayed.returncode, replayed.stderr.strip()) == (0, "")
    said = json.loads(replayed.stdout)
    with open_store(tmp_path / "runs" / "store.sqlite") as store:
        frozen = store.datasets(said["run"])
        assert json.loads(taped.stdout)["calls"] == store.spending(said["run"]).calls
    assert said["same"]
    assert [made["digest"] for made in said["datasets"]] == [dataset.digest for dataset in frozen]
