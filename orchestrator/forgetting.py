"""Takes something back: what a person means by a name, what would be touched, and the marks."""

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from orchestrator.withdrawals import mark, told
from storage.descent import descendants, is_of
from storage.provenance import Taken, Withdrawal
from storage.records import Run
from storage.store import Store, StoreError

SHORTEST = 4
"""Digits of a draft's key: fewer may well be somebody else's name."""
SHOWN = 5
"""Names that a mistake is shown of what there is."""


@dataclass(frozen=True)
class Forgotten:
    """What a withdrawal touches. Of a dry run, what it would."""

    withdrawal: Withdrawal
    known: bool
    """Whether it had been withdrawn before."""
    runs: dict[str, dict[str, int]]
    """Of each run that is touched, how many records of each noun."""
    marked: int
    """Records that were not marked before."""
    dry: bool

    def as_json(self) -> dict[str, Any]:
        facts = {"told": told(self.withdrawal), "known": self.known, "runs": self.runs, "marked": self.marked}
        return {**self.withdrawal.model_dump(mode="json"), **facts, "dry_run": self.dry}


def forget(
    store: Store, run: Run, name: str, reason: str, kind: Taken | None = None, *, dry: bool = False
) -> Forgotten:
    """Withdraw what `name` means in this run, from every run of the store. Nothing is deleted, and twice is once.

    Raises StoreError for a name that means nothing or several things, and for a withdrawal without a reason.
    """
    if not reason.strip():
        raise StoreError("A withdrawal needs a reason, which is kept with it; say why with --reason.")
    withdrawal = _meant(store, run, name, reason.strip(), kind)
    before = store.by_key(Withdrawal, [withdrawal.key]).get(withdrawal.key)
    runs, new = {}, 0
    for each in store.runs():
        found, marks = descendants(store, each, withdrawal), store.withdrawn(each.key)
        new += sum(withdrawal.key not in marks.get(record, ("", []))[1] for record in found)
        if found:
            runs[each.key] = dict(sorted(Counter(found.values()).items()))
    if not dry:
        mark(store, withdrawal)
    return Forgotten(before or withdrawal, before is not None, runs, new, dry)


def _meant(store: Store, run: Run, name: str, reason: str, kind: Taken | None) -> Withdrawal:
    found = [each for each in _meanings(store, run, name) if kind in (None, each[0])]
    if len(found) == 1:
        which, what = found[0]
        of = {"recipe": run.recipe_name} if which == Taken.SOURCE else {}
        return Withdrawal.new(kind=which, what=what, reason=reason, **of)
    if found:
        kinds = " and ".join(f"{which} {what}" for which, what in found)
        raise StoreError(f"{name!r} means several things: {kinds}. Say which with --as, or give more of a draft's key.")
    raise StoreError(
        f"{name!r} is no {kind or 'source, origin, teacher or draft'} of run {run.key}. Its sources are "
        f"{', '.join(sorted(run.recipe['sources']))}; teachers: {', '.join(store.writers(run.key)) or 'none'}; "
        f"origins: {', '.join(_origins(store, run)) or 'none'}; a draft is named by its key, as reports and datasets do."
    )


def _meanings(store: Store, run: Run, name: str) -> Iterator[tuple[Taken, str]]:
    if name in run.recipe["sources"]:
        yield Taken.SOURCE, name
    if any(is_of(origin, name) for origin in _all_origins(store, run)):
        yield Taken.ORIGIN, name
    if name in store.writers(run.key):
        yield Taken.TEACHER, name
    digits = name.removeprefix("draft:b2:")
    if len(digits) >= SHORTEST and set(digits) <= set("0123456789abcdef"):
        yield from ((Taken.DRAFT, draft.key) for draft in store.drafts_like(run.key, name))


def _all_origins(store: Store, run: Run) -> set[str]:
    plans = store.plans(run.key)
    latest = 1 + max((plan.round for plan in plans), default=1)
    return {origin for source in run.recipe["sources"] for origin in store.seed_origins(run.key, source, latest)}


def _origins(store: Store, run: Run) -> list[str]:
    """Files and documents of the run's seeds, a few."""
    whole = sorted(
        {origin.rpartition("#")[0] or origin.rpartition(":")[0] or origin for origin in _all_origins(store, run)}
    )
    return [*whole[:SHOWN], *(["…"] if len(whole) > SHOWN else [])]
