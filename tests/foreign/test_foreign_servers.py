"""The teacher against OpenAI-compatible servers that nobody here wrote: `transformers serve` and a LiteLLM proxy.

`transformers serve` answers with the embedded student, which babbles; LiteLLM stands in front of the rehearsal teacher.
What is not installed is skipped, and the reason says how to install it.
"""

import asyncio
import json
import os
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.util import find_spec
from itertools import islice
from pathlib import Path

import httpx
import pytest

from agents.generators.write_solution import WriteSolution
from agents.kinds import Refused, UnreadableReply
from agents.probing import probe
from agents.rehearsal.serving import serve
from agents.rehearsal.world import items
from agents.replies import Truncated
from agents.troubles import TeacherUnavailable
from orchestrator.machine import EMBEDDED
from storage.records import CallOutcome
from tests.agents.scripted import KEY, Answer, MemoryLog, line_to, teach

pytestmark = pytest.mark.slow

STUDENT = str(EMBEDDED)
SERVING = ("transformers", "torch", "accelerate", "fastapi", "starlette", "uvicorn", "openai", "pydantic", "rich")
INSTALL_SERVING = "pip install 'transformers[serving]>=5.23,<5.24'"
INSTALL_LITELLM = (
    "python -m venv /tmp/litellm-venv && /tmp/litellm-venv/bin/pip install 'litellm[proxy]==1.106.2' "
    "&& export LITELLM_BIN=/tmp/litellm-venv/bin/litellm"
)
LONGEST_START_S = 120.0
SUM = "What is 12 + 30?"
FAULTLESS = "rehearsal-teacher?error_rate=0&wrong_reason_rate=0&malformed_rate=0&refusal_rate=0"
REFUSING = "rehearsal-teacher?refusal_rate=1"
BEHIND = "sk-behind-the-proxy"
"""The key of the rehearsal server, which LiteLLM knows and the teacher does not."""


def free_port() -> int:
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return found.getsockname()[1]


@contextmanager
def started(command: list[str], health: str, folder: Path, **environment: str) -> Iterator[str]:
    """The base URL of a server that is told its port, once `health` answers."""
    root = f"http://127.0.0.1:{(port := free_port())}"
    inherited = {name: value for name, value in os.environ.items() if name != "DATABASE_URL"}
    said = folder / "server.log"
    with (
        said.open("wb") as log,
        subprocess.Popen(
            [*command, "--host", "127.0.0.1", "--port", str(port)],
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=subprocess.STDOUT,
            cwd=folder,  # LiteLLM would read a .env file of the checkout
            env={**inherited, "NO_PROXY": "127.0.0.1", **environment},
        ) as process,
    ):
        try:
            until_healthy(process, root + health, said)
            yield f"{root}/v1"
        finally:
            stop(process)


def until_healthy(process: subprocess.Popen[bytes], url: str, said: Path) -> None:
    deadline = time.monotonic() + LONGEST_START_S
    while process.poll() is None and time.monotonic() < deadline:
        try:
            if httpx.get(url, trust_env=False).is_success:
                return
        except httpx.TransportError:
            pass
        time.sleep(0.2)
    pytest.fail(f"no answer at {url}; the server said:\n{said.read_text(errors='replace')[-3000:]}")


def stop(process: subprocess.Popen[bytes]) -> None:
    process.terminate()
    try:
        process.wait(timeout=15)
    except subprocess.TimeoutExpired:
        process.kill()


def litellm_program() -> str:
    beside = str(Path(sys.executable).parent)
    found = os.environ.get("LITELLM_BIN") or shutil.which("litellm") or shutil.which("litellm", path=beside)
    if not found:
        pytest.skip(f"LiteLLM is not installed; run: {INSTALL_LITELLM}")
    return str(Path(found).absolute())


@pytest.fixture(scope="module")
def student(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    program = shutil.which("transformers", path=str(Path(sys.executable).parent))
    missing = [name for name in SERVING if find_spec(name) is None]
    if missing or not program:
        pytest.skip(f"`transformers serve` lacks {', '.join(missing) or 'its program'}; run: {INSTALL_SERVING}")
    command = [program, "serve", STUDENT, "--device", "cpu", "--default-seed", "0"]
    with started(command, "/health", tmp_path_factory.mktemp("transformers"), HF_HUB_OFFLINE="1") as url:
        yield url


@pytest.fixture(scope="module")
def limited() -> Iterator[str]:
    """A rehearsal server that turns many requests away."""
    with serve("--key", BEHIND, "--rate-limit-rate", "0.3") as url:
        yield url


@pytest.fixture(scope="module")
def proxy(limited: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    program, folder = litellm_program(), tmp_path_factory.mktemp("litellm")
    with serve("--key", BEHIND) as calm:
        served = {"teacher": (FAULTLESS, calm), "refusing": (REFUSING, calm), "limited": (FAULTLESS, limited)}
        config = {
            "model_list": [
                {
                    "model_name": name,
                    "litellm_params": {"model": f"openai/{model}", "api_base": url, "api_key": BEHIND},
                }
                for name, (model, url) in served.items()
            ],
            # By itself LiteLLM asks twice more, and a rate limit would seldom reach the teacher.
            "router_settings": {"num_retries": 0},
        }
        (folder / "config.yaml").write_text(json.dumps(config))  # JSON is YAML
        command = [program, "--config", str(folder / "config.yaml")]
        offline = {"LITELLM_LOCAL_MODEL_COST_MAP": "True", "LITELLM_MASTER_KEY": KEY}
        with started(command, "/health/liveliness", folder, **offline) as url:
            yield url


# transformers serve


async def test_what_a_student_babbles_is_stored_with_its_repair_and_is_no_answer(student: str) -> None:
    log = MemoryLog()
    teacher = teach(student, log, model=STUDENT, max_tokens=200)
    with pytest.raises(UnreadableReply):
        await teacher.ask(SUM, Answer)
    await teacher.aclose()
    reply, repair = log.calls.values()
    assert "42" in reply["reply"]["content"]
    assert reply["outcome"] == CallOutcome.UNREADABLE
    assert repair["outcome"] in (CallOutcome.UNREADABLE, CallOutcome.TRUNCATED)
    for call in (reply, repair):
        assert call["reply"]["model"].startswith(STUDENT)
        assert call["prompt_tokens"] == call["reply"]["usage"]["prompt_tokens"] > 0
        assert call["completion_tokens"] == call["reply"]["usage"]["completion_tokens"] > 0
    said = [message["content"] for message in repair["request"]["messages"]]
    assert said[:2] == [SUM, reply["reply"]["content"]]


async def test_a_student_is_cut_off_at_the_token_limit(student: str) -> None:
    log = MemoryLog()
    teacher = teach(student, log, model=STUDENT, max_tokens=5)
    with pytest.raises(Truncated):
        await teacher.ask(SUM, Answer)
    await teacher.aclose()
    (call,) = log.calls.values()
    assert (call["outcome"], call["completion_tokens"]) == (CallOutcome.TRUNCATED, 5)


async def test_a_served_student_can_be_probed(student: str) -> None:
    line = line_to(student, model=STUDENT)
    assert 0 < (await probe(line)).latency_s < 60
    await line.aclose()


async def test_transformers_serve_says_which_model_it_has(student: str) -> None:
    found = await refused(student, "nobody/nothing")
    assert "requested 'nobody/nothing'" in found
    assert STUDENT in found


# LiteLLM


async def test_a_solution_comes_through_litellm_whole(proxy: str) -> None:
    log = MemoryLog()
    teacher = teach(proxy, log, model="teacher")
    item = next(iter(items("trip", 11)))
    (writing,) = await WriteSolution(use="write_solution").write({"question": item.question}, teacher, 0)
    await teacher.aclose()
    assert writing.fields["answer"] == item.answer
    (call,) = log.calls.values()
    assert (call["key"], call["outcome"]) == (writing.call, CallOutcome.READ)
    assert json.loads(call["reply"]["content"]) == writing.fields
    assert call["reply"]["finish_reason"] == "stop"
    assert call["prompt_tokens"] == call["reply"]["usage"]["prompt_tokens"] > 0
    assert call["completion_tokens"] == call["reply"]["usage"]["completion_tokens"] > 0
    assert BEHIND not in json.dumps(log.calls) + repr(teacher)


async def test_litellm_can_be_probed(proxy: str) -> None:
    line = line_to(proxy, model="teacher")
    found = await probe(line)
    await line.aclose()
    assert found.mode == "schema"
    assert 0 < found.latency_s < 60


async def test_litellm_says_that_it_has_no_such_model(proxy: str) -> None:
    assert "model=nonsense" in await refused(proxy, "nonsense")


async def test_every_answer_comes_through_litellm_however_often_the_server_behind_it_says_not_now(
    proxy: str, limited: str
) -> None:
    asked = list(islice(items("trip", 5), 30))
    log = MemoryLog()
    teacher = teach(proxy, log, model="limited", concurrency=8)
    generator = WriteSolution(use="write_solution")
    written = await asyncio.gather(*(generator.write({"question": item.question}, teacher, 0) for item in asked))
    await teacher.aclose()
    assert [writing.fields["answer"] for (writing,) in written] == [item.answer for item in asked]
    assert log.outcomes() == [CallOutcome.READ] * len(asked)
    counts = httpx.get(limited.removesuffix("/v1") + "/counts", trust_env=False).json()
    assert (counts["answered"], counts["repeats"]) == (len(asked), 0)
    assert counts["requests"] > len(asked)


async def test_a_refusal_comes_through_litellm(proxy: str) -> None:
    teacher = teach(proxy, log := MemoryLog(), model="refusing")
    try:
        with pytest.raises(Refused):
            await teacher.ask(SUM, Answer)
    finally:
        await teacher.aclose()
    assert log.outcomes() == [CallOutcome.REFUSED]


async def refused(url: str, model: str) -> str:
    """The message to a person whose machine file names a model that the server has not."""
    teacher = teach(url, log := MemoryLog(), model=model)
    with pytest.raises(TeacherUnavailable) as caught:
        await teacher.ask(SUM, Answer)
    line = line_to(url, model=model)
    with pytest.raises(TeacherUnavailable):
        await probe(line)
    await line.aclose()
    await teacher.aclose()
    assert not log.calls
    message = str(caught.value)
    assert message.startswith(f"{model} at {url} (4")
    assert KEY not in message
    return message
