"""Carries out one job file: streams events, and leaves `result.json` last."""

import argparse
import faulthandler
import json
import os
import sys
import threading
import time
import traceback
from importlib import import_module
from pathlib import Path

from agents import procs
from orchestrator.student_worker.events import Events

QUIET = {
    "HF_HUB_OFFLINE": "1",
    "HF_HUB_DISABLE_TELEMETRY": "1",
    "DO_NOT_TRACK": "1",
    "TOKENIZERS_PARALLELISM": "false",
    "TRANSFORMERS_VERBOSITY": "error",
    "TRL_EXPERIMENTAL_SILENCE": "1",
    "OMP_WAIT_POLICY": "PASSIVE",  # threads that spin while they wait halve the speed of all on a shared machine
    "PYTORCH_CUDA_ALLOC_CONF": "expandable_segments:True",
}

KINDS = {
    "train": "training.train",
    "answer": "answering.answer",
    "preflight": "preflight.preflight",
    "merge": "merging.merge",
    "chat": "chatting.chat",
}
"""What a job file may ask for, and the function that does it; only its module is imported."""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("job", type=Path, help="job file written by the orchestrator")
    parser.add_argument("--parent", type=int, help="end when this process is gone")
    options = parser.parse_args()
    if options.parent:
        threading.Thread(target=_end_with, args=(options.parent,), daemon=True).start()
    faulthandler.enable()
    os.environ.update({name: os.environ.get(name, value) for name, value in QUIET.items()})
    job = json.loads(options.job.read_text(encoding="utf-8"))
    events = Events(Path(job["folder"]), rank=int(os.environ.get("RANK", "0")))
    events.say("start", pid=os.getpid(), kind=job["kind"])
    with events.beating():
        facts = _carry_out(job, events)
    events.finish(**facts)


def _carry_out(job: dict[str, object], events: Events) -> dict[str, object]:
    """The facts of the result; a failure is one of them, with its cause."""
    try:
        module, _, function = KINDS[str(job["kind"])].partition(".")
        work = getattr(import_module(f"orchestrator.student_worker.{module}"), function)
        return {"ok": True, **work(job, events)}
    except BaseException as error:  # noqa: BLE001 - the process ends here and the cause is its result
        traceback.print_exc()
        cause = "out of memory" if type(error).__name__ == "OutOfMemoryError" else type(error).__name__
        return {"ok": False, "cause": cause, "message": str(error)[:2000]}


def _end_with(parent: int) -> None:
    """A worker without its run would train for nobody. Between the two may be a launcher, which may die alone."""
    launcher, run = os.getppid(), f"{parent}@{procs.here().partition('@')[2]}"
    while os.getppid() == launcher and not procs.is_dead(run):
        time.sleep(0.5)
    sys.stderr.write(f"the run (process {parent}) is gone; its worker ends\n")
    os._exit(9)


if __name__ == "__main__":
    main()
