"""Carries a locked run out again, in a store of its own, and compares what goes in and what comes out."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from itertools import islice
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from orchestrator.cycle import open_work, run_directly, teach
from orchestrator.difference import Change, changes, flat
from orchestrator.locks import Lock, LockError, components_of, data_of, products_of
from orchestrator.machine import Machine, ModelEntry
from orchestrator.recipe import COMPONENT_PACKAGES, import_components, validate_recipe
from orchestrator.tape_file import read_records
from storage.provenance import Withdrawal, Withdrawn
from storage.records import Call, Draft, Run
from storage.store import Store, open_store

AT_ONCE = 1000


@dataclass(frozen=True)
class Reproduced:
    """What of a lock came out otherwise: `first` is what is locked, `second` what there is now."""

    run: str
    locked: str
    """The run of the lock. It has another key where a component has another revision."""
    inputs: list[Change]
    """Components and data, code, packages, models, prices: what may be why."""
    products: list[Change]
    same_products: int
    bought: int
    """Requests that neither the tape nor a repetition of this had a reply for, so that an endpoint was asked."""

    @property
    def same(self) -> bool:
        """Whether all that came out is the same; other packages or prices alone are no other result."""
        return not self.products

    def as_json(self) -> dict[str, Any]:
        return {**asdict(self), "same": self.same}


async def reproduce(lock: Lock, tape: Path | None, machine: Machine | None, home: Path | None) -> Reproduced:
    """In this home, which must hold no other run, or in one that is gone afterwards.

    The tape's replies are taken where they are the ones asked for; what they lack, the endpoint of the lock or of the
    machine file is asked. Raises LockError, TapeError, and what a run raises.
    """
    import_components(*COMPONENT_PACKAGES)
    recipe = validate_recipe(lock.recipe, f"the recipe of the lock of {lock.run}")
    machine = machine or machine_of(lock)
    with _place(home) as folder, open_store(folder / "store.sqlite") as store:
        _refuse_other(store, lock, recipe.name, tape)
        _prepare(store, lock, recipe.digest, tape)
        async with open_work(recipe, machine, store, folder) as work:
            await teach(work, run_directly)
        run = store.run(work.run.key) or work.run
        setup = store.setups(run.key)[-1].model_dump(include={"code", "packages", "models", "prices"})
        before = {"components": lock.components, "data": lock.data, **lock.setup}
        now = {"components": components_of(run), "data": data_of(run), **setup}
        products = products_of(store, run)
        bought = store.spending(run.key).calls
    differing = changes(lock.products, products)
    return Reproduced(
        run=run.key,
        locked=lock.run,
        inputs=changes(flat(before), flat(now)),
        products=differing,
        same_products=len({*lock.products, *products}) - len(differing),
        bought=bought,
    )


def machine_of(lock: Lock) -> Machine:
    """The models that the run was carried out with. A key is in no lock: an endpoint that wants one needs a machine file."""
    roles = {role: ModelEntry.model_validate(facts) for role, facts in lock.setup["models"].items()}
    return Machine(default=None, roles=roles)


def _prepare(store: Store, lock: Lock, digest: str, tape: Path | None) -> None:
    """What had been withdrawn, so that the run does without it and is the one that it was; and the tape's replies."""
    first = Run.key_of({"recipe_digest": digest})
    store.add(
        *(Draft.new(**facts) for facts in lock.drafts),
        *(Withdrawal.new(**facts) for facts in lock.withdrawals),
        *(Withdrawn.new(run=first, withdrawal=key, kind="run", record=first) for key in lock.without),
    )
    calls = (record for record in read_records(tape) if isinstance(record, Call)) if tape else iter(())
    while some := list(islice(calls, AT_ONCE)):
        store.add(*some)


def _refuse_other(store: Store, lock: Lock, name: str, tape: Path | None) -> None:
    """Replies of another run would be taken for what this one's endpoints say."""
    others = [run for run in store.runs() if run.recipe_name != name]
    if others or (store.holds_calls() and not store.runs() and tape is None):
        found = f"run {others[0].key} of recipe {others[0].recipe_name}" if others else "calls of nobody's"
        raise LockError(
            f"the store at {store.place} holds {found}, and {lock.run} is carried out again in a store of its own; name an "
            "empty folder with --home, or none"
        )


@contextmanager
def _place(home: Path | None) -> Iterator[Path]:
    if home:
        yield home
        return
    with TemporaryDirectory(prefix="reproduced-") as folder:
        yield Path(folder)
