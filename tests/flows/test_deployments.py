"""Recipes on a schedule, on a real Prefect server: started by a worker, killed, gone on with, and with nothing to do."""

import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple
from urllib.error import HTTPError
from urllib.request import Request, urlopen

import pytest
import yaml

pytestmark = pytest.mark.slow
ROOT = Path(__file__).parents[2]
TINY = Path(__file__).parent / "tiny.yaml"
PATIENCE_S = 240.0
"""For a busy machine; alone, no step takes longer than half a minute."""
ROUND_ONE = ("solve", "right_answer")
"""Steps of the recipe that need no failures."""


class Place(NamedTuple):
    home: Path
    api: str


def started(*words: str, **more: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-m", "flows.cli", *words],
        stdout=subprocess.PIPE if "server" in words else subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        text=True,
        start_new_session=True,
        env={**os.environ, **more},
    )


def said(*words: str) -> Any:
    done = subprocess.run([sys.executable, "-m", "flows.cli", *words, "--json"], capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
    return json.loads(done.stdout)


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Place]:
    """A lasting server with a home of its own."""
    home = tmp_path_factory.mktemp("scheduled") / "runs"
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    server = started("server", "--home", str(home), "--port", str(port), "--json")
    assert server.stdout
    try:
        line = server.stdout.readline()
        yield Place(home, json.loads(line)["api"])
    finally:
        server.send_signal(signal.SIGINT)
        server.wait(timeout=30)


def asked(place: Place, path: str, body: dict[str, Any] | None = None, attempts: int = 5) -> Any:
    """SQLite may be locked for longer than the server waits for it, which its own client bears as well."""
    data = None if body is None else json.dumps(body).encode()
    request = Request(f"{place.api}{path}", data=data, headers={"Content-Type": "application/json"})
    try:
        with urlopen(request, timeout=60) as reply:
            return json.loads(reply.read())
    except HTTPError as error:
        if error.code != 503 or attempts == 1:
            raise
    time.sleep(2)
    return asked(place, path, body, attempts - 1)


def triggered(place: Place, deployment: str, parameters: dict[str, Any] | None = None) -> str:
    """The id of a flow run that is due now."""
    found = asked(place, f"/deployments/name/improve-student/{deployment}")
    wanted = {"state": {"type": "SCHEDULED"}, "parameters": parameters or {}}
    return asked(place, f"/deployments/{found['id']}/create_flow_run", wanted)["id"]


def until(
    place: Place, run: str, true: Callable[[dict[str, Any]], Any], within_s: float = PATIENCE_S
) -> dict[str, Any]:
    end = time.monotonic() + within_s
    while True:
        found = asked(place, f"/flow_runs/{run}")
        if true(found):
            return found
        assert time.monotonic() < end, (found["state"], found["name"])
        time.sleep(0.3)


def ended(found: dict[str, Any]) -> bool:
    return found["state_type"] in ("COMPLETED", "FAILED", "CRASHED", "CANCELLED")


def has_begun(found: dict[str, Any]) -> bool:
    """Whether it teaches: its name says which run; or it has ended."""
    return found["name"].startswith("smallest ") or ended(found)


def processes_of(run: str) -> list[int]:
    """The process that a worker started for this flow run."""
    found = []
    for folder in Path("/proc").iterdir():
        try:
            if folder.name.isdecimal() and run in (folder / "environ").read_text(errors="replace"):
                found.append(int(folder.name))
        except OSError:  # it has ended, or is another's
            continue
    return found


@pytest.fixture
def recipe(tmp_path: Path) -> Path:
    """The tiny recipe in one round: one training and four exams."""
    told = yaml.safe_load(TINY.read_text())
    lessons = [step for step in told["lessons"] if step["step"] in ROUND_ONE]
    changed = {"name": "smallest", "lessons": lessons, "stop": {"rounds": 1}, "feedback": {"use": "same_again"}}
    told |= {**changed, "retention": False}
    told["datasets"]["lessons"]["from"] = "right"
    path = tmp_path / "smallest.yaml"
    path.write_text(yaml.safe_dump(told))
    return path


def test_a_cycle_killed_with_its_worker_is_crashed_within_a_minute_and_the_next_one_goes_on(
    place: Place, recipe: Path
) -> None:
    said("deploy", str(recipe), "--home", str(place.home), "--every", "1d", "--name", "nightly")
    hasty = {"overlap": "skip"}
    worker = started("worker", "--home", str(place.home), PREFECT_WORKER_QUERY_SECONDS="1")
    try:
        first = triggered(place, "nightly")
        until(place, first, has_begun)
        for pid in (worker.pid, *processes_of(first)):
            os.kill(pid, signal.SIGKILL)
        killed = time.monotonic()
        worker = started("worker", "--home", str(place.home), PREFECT_WORKER_QUERY_SECONDS="1")
        second = triggered(place, "nightly")
        assert until(place, second, has_begun)["state_type"] == "RUNNING"
        skipped = until(place, triggered(place, "nightly", hasty), ended)
        assert (skipped["state_type"], skipped["state_name"]) == ("COMPLETED", "NoWork")
        assert "another cycle is training: recipe smallest" in skipped["state"]["message"]
        taught = until(place, second, ended)
        assert taught["state_type"] == "COMPLETED"
        assert taught["name"].startswith("smallest ")
        nothing = until(place, triggered(place, "nightly", hasty), ended)
        assert nothing["state_name"] == "NoWork"
        assert "nothing is new since run" in nothing["state"]["message"]
        crashed = until(place, first, ended, max(1.0, killed + 60 - time.monotonic()))
        assert crashed["state_type"] == "CRASHED"
        (row,) = said("deployments", "--home", str(place.home))
        assert row["schedule"] == "every day"
        assert row["last state"].startswith("NoWork: nothing is new")
        assert row["next run"]
    finally:
        os.killpg(worker.pid, signal.SIGKILL)
        worker.wait()


def test_the_form_in_the_ui_documents_and_bounds_every_parameter(place: Place) -> None:
    made = said("deploy", str(TINY), "--home", str(place.home), "--name", "by-hand")
    assert (made["new"], made["schedule"]) == (True, "by hand")
    schema = asked(place, "/deployments/name/improve-student/by-hand")["parameter_openapi_schema"]
    assert all(field.get("description") for field in schema["properties"].values())
    deployment = asked(place, "/deployments/name/improve-student/by-hand")["id"]
    for wrong in ({"max_usd": -1}, {"overlap": "queue"}, {"max_minutes": 0}, {"recipe": ""}):
        with pytest.raises(OSError, match=r"40[09]|422"):
            asked(place, f"/deployments/{deployment}/create_flow_run", {"parameters": wrong})


def test_the_prefect_yaml_deploys(place: Place) -> None:
    environment = {**os.environ, "PREFECT_API_URL": place.api, "PREFECT_HOME": str(place.home / "prefect")}
    words = [sys.executable, "-m", "prefect", "--no-prompt", "deploy", "--all"]
    done = subprocess.run(words, cwd=ROOT, env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
    for written in yaml.safe_load((ROOT / "prefect.yaml").read_text())["deployments"]:
        made = asked(place, f"/deployments/name/improve-student/{written['name']}")
        assert made["parameters"].items() >= written["parameters"].items()
        assert made["parameter_openapi_schema"]["properties"].keys() >= made["parameters"].keys()


def test_the_same_name_again_changes_a_deployment_and_one_can_be_removed(place: Place) -> None:
    options = ("--home", str(place.home), "--name", "twice")
    first = said("deploy", str(TINY), *options, "--cron", "0 3 * * *")
    again = said("deploy", str(TINY), *options, "--every", "6h")
    assert (first["new"], again["new"], again["id"]) == (True, False, first["id"])
    assert len(asked(place, "/deployments/name/improve-student/twice")["schedules"]) == 1
    assert said("deployments", "--home", str(place.home), "--remove", "twice") == {"removed": "twice"}
    with pytest.raises(OSError, match="404"):
        asked(place, "/deployments/name/improve-student/twice")
    words = [sys.executable, "-m", "flows.cli", "deployments", "--home", str(place.home), "--remove", "twice"]
    gone = subprocess.run(words, capture_output=True, text=True)
    assert (gone.returncode, "no deployment is named 'twice'" in gone.stderr) == (2, True)


def carried_out(place: Place, script: str) -> str:
    """What a script says that has this server."""
    environment = {**os.environ, "PREFECT_API_URL": place.api, "PREFECT_HOME": str(place.home / "prefect")}
    done = subprocess.run([sys.executable, "-c", script], cwd=ROOT, env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def test_commands_that_begin_at_once_make_one_pool_and_one_automation(place: Place) -> None:
    carried_out(
        place,
        """
import asyncio
from prefect.client.orchestration import get_client
from flows import deploying, pulse
pulse.AUTOMATION = "at once"
async def main():
    await asyncio.gather(*(deploying.make_ready("at-once") for _ in range(4)))
    async with get_client() as client:
        assert len(await client.read_automations_by_name("at once")) == 1
asyncio.run(main())
""",
    )


def test_a_flow_run_that_lives_is_not_crashed_for_a_server_that_was_away(place: Place) -> None:
    """As an automation that hears no pulse while the server starts anew marks it."""
    said_last = carried_out(
        place,
        """
import asyncio, uuid
from prefect import flow
from prefect.client.orchestration import get_client
from prefect.runtime import flow_run
from prefect.states import Crashed
from flows import pulse
pulse.EVERY_S = 0.2
@flow(persist_result=False)
async def lives():
    key = uuid.UUID(flow_run.get_id())
    async with get_client() as client:
        with pulse.pulse():
            await client.set_flow_run_state(key, Crashed(message=pulse.SILENT), force=True)
            for _ in range(100):
                await asyncio.sleep(0.1)
                if (await client.read_flow_run(key)).state.is_running():
                    return
        raise AssertionError("it stayed crashed")
asyncio.run(lives())
print("lives")
""",
    )
    assert said_last.endswith("lives\n")
