"""A lock: one file that says of a run what went in and what came out, so that whoever carries it out again can compare."""

import hashlib
import inspect
import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict, ValidationError

from agents.registry import components_in
from orchestrator.standing import recipe_of
from orchestrator.withdrawals import present_run
from storage.keyed import canonical_json, content_key
from storage.provenance import Taken
from storage.records import Draft, Run
from storage.store import Store

VERSION = 1
PAGE = 1 << 20


class LockError(Exception):
    """A lock that cannot be written or read; the message says what was found and what to do."""


class Lock(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")
    lock: int = VERSION
    run: str
    recipe: dict[str, Any]
    """The method, whole; its `seed` is that of every shuffle, draw and training."""
    digest: str
    """Of the recipe and the revisions of its components."""
    components: dict[str, str]
    """Of each component, with its revision, the digest of its module, prompts included."""
    data: dict[str, str]
    """SHA-256 of each file that a source names."""
    setup: dict[str, Any]
    """Code, packages, models and prices, as of the last time that the run went on."""
    withdrawals: list[dict[str, Any]]
    """What had been withdrawn, whatever recipe it was of."""
    without: list[str]
    """Keys of those that the run is a new one for."""
    drafts: list[dict[str, Any]]
    """The drafts that these withdrawals name."""
    products: dict[str, str]
    """What came out, by what it is: seeds, datasets, adapters, scores."""


def lock(store: Store, run: Run) -> Lock:
    """Raises LockError for a run that has not ended, met its budget, or whose setup is unknown."""
    _refuse_unfit(store, run)
    recipe, setup = recipe_of(run), store.setups(run.key)[-1]
    present, without = present_run(store, recipe)
    withdrawals = store.withdrawals()
    named = store.by_key(Draft, [each.what for each in withdrawals if each.kind == Taken.DRAFT])
    return Lock(
        run=run.key,
        recipe=run.recipe,
        digest=run.recipe_digest,
        components=components_of(run),
        data=data_of(run),
        setup=setup.model_dump(include={"code", "packages", "models", "prices"}),
        withdrawals=[each.model_dump(mode="json") for each in withdrawals],
        without=[each.key for each in without] if present.key == run.key else [],
        drafts=[draft.model_dump(mode="json") for draft in named.values()],
        products=products_of(store, run),
    )


def _refuse_unfit(store: Store, run: Run) -> None:
    plan, again = store.latest_plan(run.key), f"`orchestrator run {run.recipe_name}`"
    if not (plan and plan.stop) or not run.ended:
        raise LockError(f"run {run.key} has not ended yet, so nobody knows what comes of it; carry it on with {again}")
    if store.ran_short(run.key):
        raise LockError(
            f"run {run.key} met its budget, and what it left out for want of it hangs on which reply came first; lock a run "
            "that had room for all it wanted"
        )
    if not store.setups(run.key):
        raise LockError(
            f"run {run.key} was carried out before setups were kept; {again} notes it, and does nothing again that is done"
        )


def write_lock(found: Lock, path: Path) -> None:
    """The same content is the same file, byte for byte."""
    content = found.model_dump(mode="json")
    path.parent.mkdir(parents=True, exist_ok=True)
    text = json.dumps({**content, "end": content_key("lock", content)}, indent=1, sort_keys=True, ensure_ascii=False)
    path.write_text(text + "\n", encoding="utf-8")


def read_lock(path: Path) -> Lock:
    """Raises LockError, also for one of another version and for one that was changed."""
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
    except ValueError as error:
        raise LockError(f"{path} is not a lock ({error}); expected a file of `orchestrator lock`") from error
    if not isinstance(found, dict) or not isinstance(found.get("lock"), int):
        raise LockError(f"{path} is not a lock; expected a file of `orchestrator lock`")
    if found["lock"] != VERSION:
        raise LockError(
            f"{path} is a lock of version {found['lock']}, and this package reads version {VERSION}; reproduce it with the "
            "package that wrote it"
        )
    end = found.pop("end", None)
    try:
        lock = Lock.model_validate(found)
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        place = ".".join(map(str, first["loc"]))
        raise LockError(f"{path} cannot be read as a lock ({place}: {first['msg']}); write it anew") from error
    if end != content_key("lock", found):
        raise LockError(f"{path} is not as it was written: something was changed; copy it or write it anew")
    return lock


def components_of(run: Run) -> dict[str, str]:
    """By kind and signature, since a draft of a component follows from its module and what that asks."""
    found = {}
    for part in components_in(recipe_of(run)):
        source = inspect.getsourcefile(type(part))
        module = type(part).__module__
        found[f"{module.rpartition('.')[0].rpartition('.')[2]} {part.signature}"] = _sha256(Path(str(source)))
    return dict(sorted(found.items()))


def data_of(run: Run) -> dict[str, str]:
    """SHA-256 of every file that an option of a source names; `missing` for one that is not here."""
    places = {value for source in run.recipe["sources"].values() for value in _paths(source)}
    return {place: _sha256(Path(place).expanduser()) for place in sorted(places)}


def _paths(node: Any, name: str = "") -> Iterator[str]:
    """What is called a path, and what lies here as a file."""
    if isinstance(node, Mapping):
        for key, value in node.items():
            yield from _paths(value, str(key))
    elif isinstance(node, list):
        for value in node:
            yield from _paths(value, name)
    elif isinstance(node, str) and node and (name == "path" or Path(node).expanduser().is_file()):
        yield node


def _sha256(path: Path) -> str:
    """Of a folder, of its files with their names."""
    if not path.exists():
        return "missing"
    digest = hashlib.sha256()
    for file in sorted(each for each in path.rglob("*") if each.is_file()) if path.is_dir() else [path]:
        if path.is_dir():
            digest.update(f"{file.relative_to(path).as_posix()}\n".encode())
        with file.open("rb") as content:
            while block := content.read(PAGE):
                digest.update(block)
    return digest.hexdigest()


def products_of(store: Store, run: Run) -> dict[str, str]:
    """What a run came to, from seeds to scores, each as a digest that another carrying-out can be held to."""
    found, rounds = {}, [plan.round for plan in store.plans(run.key) if not plan.stop]
    for number in rounds:
        for source in sorted(run.recipe["sources"]):
            given = ([seed.fields, seed.origin] for seed in store.seeds(run.key, source, number))
            seeds = sorted(canonical_json(each).decode() for each in given)
            if seeds:
                found[f"round {number}, seeds of {source}"] = f"{len(seeds)} {_digest('seeds', seeds)}"
    for dataset in store.datasets(run.key):
        found[f"round {dataset.round}, dataset {dataset.name}"] = f"{dataset.size} {dataset.digest}"
    for student in store.students(run.key):
        found[f"round {student.round}, {student.job}: base"] = student.base_digest
        if student.adapter_digest:
            found[f"round {student.round}, {student.job}: adapter"] = student.adapter_digest
    for card in store.scorecards(run.key):
        job = next((each.job for each in store.students(run.key) if each.key == card.student), "student")
        said = sorted([a.question, a.sample, a.reply] for a in store.attempts(card.student, card.exam))
        score = f"{card.accuracy:.6f} of {card.n}, {_digest('replies', said)}"
        found[f"round {card.round}, {job}: {card.exam}"] = score
    return found


def _digest(kind: str, content: Any) -> str:
    """Of what was said and not of keys: these hang on the names of runs."""
    return f"{kind}:b2:{hashlib.blake2b(canonical_json(content), digest_size=16).hexdigest()}"
