"""Looks at a machine before a run does, and says what to do about what it finds."""

import asyncio
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Literal

from agents.line import Line
from agents.probing import probe
from agents.sandbox import trouble
from agents.troubles import TeacherUnavailable
from orchestrator.machine import EMBEDDED, Machine, MachineError, lines_for, load_machine
from storage.store import StoreError, open_store

FREE_BYTES = 2 << 30
PACKAGES = ("prefect", "sqlmodel", "openai", "torch", "transformers", "peft", "trl")


@dataclass(frozen=True)
class Finding:
    what: str
    state: Literal["ok", "warn", "fail"]
    found: str
    do: str = ""


def examine_machine(machine_file: Path | None, home: Path, store_url: str) -> list[Finding]:
    checks: list[Callable[[], list[Finding]]] = [
        _python,
        _packages,
        _gpu,
        lambda: _disk(home),
        lambda: _store(store_url),
        _base,
        _programs,
        lambda: _teachers(machine_file),
    ]
    return [finding for check in checks for finding in check()]


def _python() -> list[Finding]:
    found = ".".join(map(str, sys.version_info[:3]))
    fits = (3, 11) <= sys.version_info[:2] <= (3, 13)
    return [Finding("python", "ok" if fits else "fail", found, "" if fits else "use Python 3.11 to 3.13")]


def _packages() -> list[Finding]:
    found, missing = [], []
    for name in PACKAGES:
        try:
            found.append(f"{name} {version(name)}")
        except PackageNotFoundError:
            missing.append(name)
    if missing:
        return [Finding("packages", "fail", f"missing: {', '.join(missing)}", "run `make install`")]
    return [Finding("packages", "ok", ", ".join(found))]


def _gpu() -> list[Finding]:
    """What the driver says; torch is not loaded for it. Without a GPU everything works, and takes longer."""
    asked = ("nvidia-smi", "--query-gpu=name,memory.free,memory.total", "--format=csv,noheader")
    try:
        told = subprocess.run(asked, capture_output=True, text=True, timeout=20)
    except FileNotFoundError:
        cores = os.cpu_count() or 1
        return [Finding("gpu", "ok", f"none; students are trained on {cores} CPU {'core' if cores == 1 else 'cores'}")]
    except subprocess.TimeoutExpired:
        return [Finding("gpu", "warn", "nvidia-smi says nothing for 20 s", "restart the driver, or train on the CPU")]
    cards = [line.strip() for line in told.stdout.splitlines() if line.strip()]
    if told.returncode or not cards:
        said = (told.stderr or told.stdout).strip().partition("\n")[0] or "it shows no card"
        return [Finding("gpu", "warn", f"nvidia-smi: {said}", "mend the driver, or train on the CPU")]
    found = "; ".join(f"{name}, {free} free of {total}" for name, free, total in (card.split(", ") for card in cards))
    if "+cpu" in _version("torch"):
        return [Finding("gpu", "warn", f"{found}; torch {_version('torch')} uses none", "install torch with CUDA")]
    return [Finding("gpu", "ok", found)]


def _version(name: str) -> str:
    try:
        return version(name)
    except PackageNotFoundError:
        return ""


def _disk(home: Path) -> list[Finding]:
    there = next(path for path in (home, *home.resolve().parents) if path.exists())
    free = shutil.disk_usage(there).free
    state: Literal["ok", "warn"] = "ok" if free > FREE_BYTES else "warn"
    return [Finding("disk", state, f"{free / 2**30:.1f} GiB free at {there}", "" if state == "ok" else "make room")]


def _store(url: str) -> list[Finding]:
    try:
        with open_store(url) as store:
            return [Finding("store", "ok", f"{store.place}, {len(store.runs())} runs")]
    except StoreError as error:
        return [Finding("store", "fail", str(error), "see the message")]


def _base() -> list[Finding]:
    weights = list(EMBEDDED.glob("*.safetensors"))
    if weights:
        return [
            Finding("embedded student", "ok", f"{sum(w.stat().st_size for w in weights) / 2**20:.1f} MiB at {EMBEDDED}")
        ]
    return [Finding("embedded student", "fail", f"no weights at {EMBEDDED}", "install the package anew")]


def _programs() -> list[Finding]:
    """A warning at most: only recipes that have programs carried out need it."""
    if found := trouble():
        return [Finding("programs", "warn", found, "only recipes that carry programs out need it")]
    return [Finding("programs", "ok", "programs of models run in bubblewrap, isolated")]


def _teachers(machine_file: Path | None) -> list[Finding]:
    try:
        machine = load_machine(machine_file)
        roles = [*(["default"] if machine.default else []), *machine.roles]
        return asyncio.run(_ask_teachers(machine, roles))
    except MachineError as error:
        return [Finding("teachers", "fail", str(error), "see the message")]


async def _ask_teachers(machine: Machine, roles: list[str]) -> list[Finding]:
    async with lines_for(roles, machine) as lines:
        told = {role: machine.told_price(entry) for role, entry in machine.entries(roles).items()}
        return [await _ask(role, line, told[role]) for role, line in lines.items()]


async def _ask(role: str, line: Line, price: str) -> Finding:
    try:
        found = await probe(line)
    except TeacherUnavailable as error:
        return Finding(f"teacher {role}", "fail", str(error), "see the message")
    forms = {"schema": "JSON schema", "json": "JSON without a schema", "instruction": "JSON by instruction"}
    abilities = {"logprobs": found.logprobs, "n": found.choices, "batches": found.batches}
    can = ", ".join([forms[found.mode], *(f"{name}: {'yes' if there else 'no'}" for name, there in abilities.items())])
    answers = f"{line.endpoint.model} answers in {found.latency_s * 1000:.0f} ms"
    return Finding(f"teacher {role}", "ok", f"{answers}; {can}; {price}")
