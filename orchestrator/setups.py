"""With what a run is carried out, besides its recipe: code, packages, models and prices. Keys are no part of it."""

import hashlib
import subprocess
from dataclasses import asdict
from functools import cache
from importlib.metadata import PackageNotFoundError, distributions, version
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit, urlunsplit

from orchestrator.machine import Machine, ModelEntry
from orchestrator.recipe import Recipe
from storage.provenance import Setup
from storage.records import Run

ROOT = Path(__file__).parents[1]
OWN = ("storage", "agents", "orchestrator", "flows")
PACKAGE = "agentic-distillation"
ASKED = ("model", "max_tokens", "structured", "choices", "batch", "extra")
"""Of a machine's entry, what is part of the requests."""


def setup_of(run: Run, recipe: Recipe, machine: Machine) -> Setup:
    """Raises MachineError for a role without a model."""
    entries = machine.entries(recipe.roles)
    prices = {entry.model: asdict(price) for entry in entries.values() if (price := machine.price(entry))}
    models = {role: _facts(entry) for role, entry in sorted(entries.items())}
    return Setup.new(run=run.key, code=dict(code()), packages=dict(packages()), models=models, prices=prices)


def _facts(entry: ModelEntry) -> dict[str, Any]:
    return {"endpoint": _without_secrets(entry.endpoint), **entry.model_dump(mode="json", include=set(ASKED))}


def _without_secrets(endpoint: str) -> str:
    """An address may hold user and password, and a token among its parameters."""
    if "://" not in endpoint:
        return endpoint
    parts = urlsplit(endpoint)
    return urlunsplit((parts.scheme, parts.netloc.rpartition("@")[2], parts.path, "", ""))


@cache
def packages() -> dict[str, str]:
    """Every installed package but this one, by name."""
    found = {str(each.metadata["Name"]).lower(): each.version for each in distributions() if each.metadata["Name"]}
    found.pop(PACKAGE, None)
    return dict(sorted(found.items()))


@cache
def code() -> dict[str, str]:
    """The package's version, the checkout's commit if it is one, and a digest that follows every change of a module."""
    digest = hashlib.blake2b(digest_size=16)
    for path in sorted(path for package in OWN for path in (ROOT / package).rglob("*.py")):
        digest.update(f"{path.relative_to(ROOT).as_posix()}\n".encode() + path.read_bytes())
    return {"version": _version(), "commit": _commit(), "digest": f"code:b2:{digest.hexdigest()}"}


def _version() -> str:
    try:
        return version(PACKAGE)
    except PackageNotFoundError:
        return ""


def _commit() -> str:
    """Empty where there is no checkout or no git."""
    if not (ROOT / ".git").exists():
        return ""
    try:
        found = subprocess.run(["git", "rev-parse", "HEAD"], cwd=ROOT, capture_output=True, text=True, check=False)
    except OSError:
        return ""
    return found.stdout.strip()
