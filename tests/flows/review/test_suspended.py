"""A flow run that a person is waited for, on a real Prefect server: suspended, resumed too early, and at last gone on."""

import os
import signal
from pathlib import Path

import pytest
import yaml

from orchestrator.reviewing import waiting
from orchestrator.standing import recipe_of
from storage.persons import BY_HAND, say
from storage.records import Outcome, Verdict
from storage.store import open_store
from tests.flows.test_deployments import Place, asked, ended, place, recipe, said, started, triggered, until

__all__ = ["place", "recipe"]
pytestmark = pytest.mark.slow


def test_a_flow_run_is_suspended_until_a_person_has_judged(place: Place, recipe: Path) -> None:
    told = yaml.safe_load(recipe.read_text())
    told["lessons"].append({"step": "look", "review": {"drafts": 1}, "from": "right", "to": "seen"})
    told["datasets"]["lessons"]["from"] = "seen"
    recipe.write_text(yaml.safe_dump({**told, "name": "looked-at"}))
    said("deploy", str(recipe), "--name", "looked-at", "--home", str(place.home))
    worker = started("worker", "--home", str(place.home), PREFECT_WORKER_QUERY_SECONDS="1")
    try:
        flow_run = triggered(place, "looked-at")

        def suspended() -> str:
            found = until(
                place, flow_run, lambda run: run["state_type"] in ("PAUSED", "FAILED", "CRASHED", "COMPLETED")
            )
            assert (found["state_type"], found["state_name"]) == ("PAUSED", "Suspended"), found["state"]
            return found["state"]["id"]

        first = suspended()
        asked(place, f"/flow_runs/{flow_run}/resume", {})
        until(place, flow_run, lambda run: run["state_type"] == "PAUSED" and run["state"]["id"] != first)
        with open_store(place.home / "store.sqlite") as store:
            run = store.find_run("looked-at")
            found = waiting(store, run, recipe_of(run))
            assert found
            facts = {"run": run.key, "step": BY_HAND, "judge": "person:ada", "outcome": Outcome.ACCEPTED}
            say(store, Verdict.new(**facts, draft=found[2][0]))
        asked(place, f"/flow_runs/{flow_run}/resume", {})
        assert until(place, flow_run, ended)["state_type"] == "COMPLETED"
    finally:
        os.killpg(worker.pid, signal.SIGKILL)
        worker.wait()
