"""What withdrawals change: which run a recipe has now, what its sources still give, and what is not handed over.

A run keeps what it was. What has descended from something withdrawn stays there and is marked; the next cycle of the
recipe is a run of its own, whose key says what it does without, and which finds every reply in the store that it asks for again.
"""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from agents.kinds import Material
from orchestrator.clauses import Generate
from orchestrator.recipe import Recipe
from storage.descent import descendants, is_of, saying
from storage.keyed import content_key
from storage.provenance import Taken, Withdrawal, Withdrawn
from storage.records import Run
from storage.store import Store

GIVE_UP = 10_000
"""Materials in a row of withdrawn origins after which a source, some of which never end, counts as having no other."""


class Superseded(Exception):
    """Something that a run was made of has been withdrawn."""


class StillWithdrawn(Exception):
    """What was withdrawn was to be used."""


def present_run(store: Store, recipe: Recipe) -> tuple[Run, list[Withdrawal]]:
    """The run that this recipe has now, and what it does without.

    A run of which something was withdrawn is followed by another one without that, and so on.
    """
    known, without = {each.key: each for each in store.withdrawals()}, set[str]()
    while True:
        digest = content_key("recipe", [recipe.digest, sorted(without)]) if without else recipe.digest
        run = Run.new(recipe_name=recipe.name, recipe_digest=digest, recipe=recipe.method())
        touched = touching(store, run.key)
        if touched <= without:
            return run, [each for key, each in known.items() if key in without]
        without |= touched


def touching(store: Store, run: str) -> set[str]:
    """Keys of the withdrawals of which some record of a run descends."""
    return (
        {withdrawal for _, keys in store.withdrawn(run).values() for withdrawal in keys}
        if store.withdrawals()
        else set()
    )


def mark(store: Store, withdrawal: Withdrawal, runs: Iterable[Run] | None = None) -> int:
    """Mark, all at once or not at all, what descends from a withdrawal; of these runs, or of all. Returns how much is new."""
    marks = [
        Withdrawn.new(run=run.key, withdrawal=withdrawal.key, kind=noun, record=record)
        for run in (store.runs() if runs is None else runs)
        for record, noun in descendants(store, run, withdrawal).items()
    ]
    known = store.by_key(Withdrawal, [withdrawal.key])
    return store.add(withdrawal, *marks) - (not known)


def refuse_superseded(store: Store, recipe: Recipe, run: Run) -> None:
    """Raises Superseded if something that the run was made of was withdrawn while it was carried out."""
    touched = touching(store, run.key)
    if not touched or present_run(store, recipe)[0].key == run.key:
        return
    names = [each for each in store.withdrawals() if each.key in touched]
    for each in names:  # what was made since is marked as well
        mark(store, each, [run])
    raise Superseded(
        f"{' and '.join(map(told, names))} while this run was carried out; the same command begins a run without it, which "
        "pays for no reply again"
    )


def left_out(store: Store, run: str) -> frozenset[str]:
    """Keys of a run's seeds and drafts that no stream holds: what is marked, and drafts that say what a withdrawn one said."""
    found = store.withdrawals()
    if not found:
        return frozenset()
    return frozenset(
        [*store.withdrawn(run), *saying(store, run, [each.what for each in found if each.kind == Taken.DRAFT])]
    )


def told(withdrawal: Withdrawal) -> str:
    """A withdrawal in words."""
    of = f" of recipe {withdrawal.recipe}" if withdrawal.recipe else ""
    when = f"{withdrawal.created_at:%Y-%m-%d}"
    return f"{withdrawal.kind} {withdrawal.what}{of} was withdrawn on {when}: {withdrawal.reason}"


def counted(nouns: Iterable[str] | Mapping[str, int]) -> str:
    """How many records of each noun, in words."""
    found = Counter(nouns)
    return ", ".join(f"{count:,} {noun}{'s'[: count != 1]}" for noun, count in sorted(found.items())) or "nothing"


def withdrawn_of(store: Store, run: Run) -> list[dict[str, Any]]:
    """What of a run was withdrawn: a line for each withdrawal, with how many records it touches."""
    marks = store.withdrawn(run.key)
    return [
        {
            **withdrawal.model_dump(mode="json"),
            "told": told(withdrawal),
            "records": dict(sorted(Counter(noun for noun, keys in marks.values() if withdrawal.key in keys).items())),
        }
        for withdrawal in (store.withdrawals() if marks else [])
        if any(withdrawal.key in keys for _, keys in marks.values())
    ]


def refuse_withdrawn(store: Store, run: Run, records: Iterable[str]) -> None:
    """Raises StillWithdrawn if one of these datasets and students descends from what was withdrawn."""
    marks = store.withdrawn(run.key)
    gone = [(record, *marks[record]) for record in records if record in marks]
    if gone:
        causes = {key for _, _, keys in gone for key in keys}
        why = "; ".join(told(each) for each in store.withdrawals() if each.key in causes)
        raise StillWithdrawn(
            f"{counted(noun for _, noun, _ in gone)} of run {run.key} would be handed over, the first {gone[0][0]}, and {why}. "
            f"`orchestrator run {run.recipe_name}` begins a run without it; --withdrawn hands over what there is all the same"
        )


@dataclass(frozen=True)
class Barred:
    """What a recipe's lessons are made without."""

    sources: frozenset[str]
    origins: tuple[str, ...]

    def leaves(self, source: str, materials: Iterator[Material]) -> Iterator[Material]:
        """The materials of a source that are still taught."""
        refused = 0
        for material in materials if source not in self.sources else ():
            if any(is_of(material.origin, origin) for origin in self.origins):
                refused += 1
                if refused == GIVE_UP:
                    return
            else:
                refused = 0
                yield material


def barred(store: Store, recipe: Recipe) -> Barred:
    """By all that has been withdrawn so far, in whatever run."""
    found = store.withdrawals()
    sources = (each.what for each in found if each.kind == Taken.SOURCE and each.recipe == recipe.name)
    return Barred(frozenset(sources), tuple(each.what for each in found if each.kind == Taken.ORIGIN))


def refuse_teachers(store: Store, recipe: Recipe, models: dict[str, str]) -> None:
    """Raises StillWithdrawn if a role that writes is played by a model that was withdrawn. `models` are by role."""
    gone = {each.what: each for each in store.withdrawals() if each.kind == Taken.TEACHER}
    writing = {role for step in recipe.lessons if isinstance(step, Generate) for role in step.role}
    for role in sorted(writing):
        if withdrawal := gone.get(models.get(role, "")):
            raise StillWithdrawn(
                f"role {role!r} writes lessons and is played by {withdrawal.what}, but {told(withdrawal)}. Bind the role to "
                "another model in a machine file (--machine)"
            )
