"""What a claim is: arms that are carried out at equal budget, and checks of what came of them."""

import importlib
import pkgutil
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from orchestrator.comparison import Comparison, Result, paired
from orchestrator.examination.replication import Paired
from orchestrator.recipe_text import RecipeError
from storage.store import Store


@dataclass(frozen=True)
class Check:
    """One thing that has to be so if the claim holds here."""

    says: str
    held: bool
    figures: str
    """What was found, in words and numbers."""


@dataclass(frozen=True)
class Claim:
    """A finding, and the experiment that would show it here."""

    id: str
    says: str
    source: str
    """Papers, and what they found."""
    planted: str
    """What of it the rehearsal world or its teacher contains by construction, so that the experiment tests the machinery
    and not the finding; empty if nothing is."""
    arms: tuple[str, ...]
    """As `orchestrator compare` takes them; the first is the control."""
    check: Callable[[Comparison, Store], list[Check]]
    budget: str | None = None
    seeds: int = 3


def claims() -> dict[str, Claim]:
    """Every claim by its id."""
    package = importlib.import_module(__package__ or "orchestrator.claims")
    names = sorted(module.name for module in pkgutil.iter_modules(package.__path__) if module.name != "claim")
    found = [importlib.import_module(f"{package.__name__}.{name}").CLAIM for name in names]
    return {claim.id: claim for claim in sorted(found, key=lambda claim: int(claim.id[1:]))}


def chosen(ids: Sequence[str]) -> list[Claim]:
    """These claims, or all. Raises RecipeError for an id that there is not."""
    known = claims()
    unknown = [name for name in ids if name.upper() not in known]
    if unknown:
        raise RecipeError(f"there is no claim {unknown[0]!r}; there are: {', '.join(known)}")
    return [known[name.upper()] for name in ids] or list(known.values())


def of_arm(comparison: Comparison, place: int) -> list[Result]:
    """The results of an arm by its place, one a seed."""
    return [result for result in comparison.results if result.arm == comparison.rows[place].arm]


def better(new: Sequence[Result], old: Sequence[Result], says: str, skills: Sequence[str] = ()) -> Check:
    """The difference's 95 % interval, over trainings and questions, leaves zero out upwards. Of these skills, or all."""
    return gained(paired(new, old, skills), says)


def gained(pair: Paired, says: str) -> Check:
    low, high = pair.interval()
    told = f"{100 * pair.difference:+.1f} points [{100 * low:+.1f}, {100 * high:+.1f}] {pair.over}"
    return Check(says, low > 0, f"{_change(pair)}, {told}")


def not_worse(
    new: Sequence[Result], old: Sequence[Result], says: str, margin: float, skills: Sequence[str] = ()
) -> Check:
    """The difference is above minus the margin with 95 % confidence, over trainings and questions (non-inferiority)."""
    pair = paired(new, old, skills)
    bound = pair.bound(0.05)
    told = f"at worst {100 * bound:+.1f} points of the {-100 * margin:g} allowed, {pair.over}"
    return Check(says, bound > -margin, f"{_change(pair)}, {told}")


def _change(pair: Paired) -> str:
    after, before = pair.means
    return f"{before:.1%} → {after:.1%}"
