"""What a claim is: arms that are carried out at equal budget, and checks of what came of them."""

import importlib
import pkgutil
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from statistics import fmean

from orchestrator.comparison import Comparison, Result
from orchestrator.examination.statistics import noninferior_bound, paired_interval
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
    """The difference's 95 % interval over questions, paired by seed, leaves zero out upwards. Of these skills, or all."""
    rights, before, clusters = _paired(new, old, skills)
    low, high = paired_interval(rights, before, clusters)
    gap = fmean(rights) - fmean(before)
    told = f"{fmean(before):.1%} → {fmean(rights):.1%}, {100 * gap:+.1f} points [{100 * low:+.1f}, {100 * high:+.1f}]"
    return Check(says, low > 0, told)


def not_worse(
    new: Sequence[Result], old: Sequence[Result], says: str, margin: float, skills: Sequence[str] = ()
) -> Check:
    """The difference is above minus the margin with 95 % confidence (non-inferiority, Tango 1998)."""
    rights, before, clusters = _paired(new, old, skills)
    bound = noninferior_bound(rights, before, 0.05, clusters)
    told = f"{fmean(before):.1%} → {fmean(rights):.1%}, at worst {100 * bound:+.1f} points of the {-100 * margin:g} allowed"
    return Check(says, bound > -margin, told)


def _paired(
    new: Sequence[Result], old: Sequence[Result], skills: Sequence[str]
) -> tuple[list[bool], list[bool], list[str]]:
    before = {result.seed: result for result in old}
    pairs = [
        (result.rights[q], before[result.seed].rights[q], f"{result.seed} {result.clusters[q]}")
        for result in new
        if result.seed in before
        for q in result.rights
        if q in before[result.seed].rights and (not skills or result.skills[q] in skills)
    ]
    return [pair[0] for pair in pairs], [pair[1] for pair in pairs], [pair[2] for pair in pairs]
