"""Statements of rules searched variable by variable, verified and reranked, against statements asked for directly."""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from statistics import fmean

from agents.rehearsal.comparisons import follows, popularity
from agents.rehearsal.triples import is_a
from agents.rehearsal.vocabulary import OBJECTS
from agents.variables import open_variables, values_in
from orchestrator.claims.claim import Check, Claim, of_arm
from orchestrator.comparison import Comparison
from storage.records import Draft, Outcome, Verdict
from storage.store import Store

RERANK = "rare"
"""The step that says how likely a statement is, and in the searching arm keeps the least likely."""
RAISED = 0.05
"""By how much the share of right statements has to be higher."""
Judged = tuple[Draft, Verdict]


def check(comparison: Comparison, store: Store) -> list[Check]:
    direct, searched = ([_judged(store, r.run) for r in of_arm(comparison, place)] for place in range(2))
    kept = [[_kept(run) for run in arm] for arm in (direct, searched)]
    right = [fmean(_right(run) for run in arm) for arm in kept]
    often = [fmean(_popularity(run) for run in arm) for arm in kept]
    gaps = [_gap(_likelihoods(of), _likelihoods(than)) for than, of in zip(*kept, strict=True)]
    return [
        Check(
            "more of the searched statements are right",
            right[1] >= right[0] + RAISED,
            f"right by the oracle: asked directly {right[0]:.1%}, searched {right[1]:.1%}",
        ),
        Check(
            "and of the same rule they are less likely, in every seed",
            all(gap is not None and gap < 0 for gap in gaps),
            f"nats a token, searched less direct: {', '.join(_said(gap) for gap in gaps)}",
        ),
        Check(
            "what they are about is rarer",
            often[1] < often[0],
            f"mean frequency of their things: asked directly {often[0]:.3f}, searched {often[1]:.3f}",
        ),
    ]


def _judged(store: Store, run: str) -> list[Judged]:
    """Every statement whose likelihood was told, and what was."""
    verdicts = store.verdicts(run, RERANK)
    drafts = store.by_key(Draft, list(verdicts))
    return [(drafts[key], verdict) for key, verdict in verdicts.items() if verdict.score is not None]


def _kept(judged: Iterable[Judged]) -> list[Judged]:
    return [(draft, verdict) for draft, verdict in judged if verdict.outcome == Outcome.ACCEPTED]


def _right(judged: Sequence[Judged]) -> float:
    return fmean(_holds(draft) for draft, _ in judged) if judged else 0.0


def _holds(draft: Draft) -> bool:
    """Whether every value is of its type, and what is said is so."""
    rule, statement = draft.fields["template"], draft.fields["statement"]
    values = values_in(rule, statement) or {}
    typed = all(is_a(values.get(variable.name, ""), variable.type) for variable in open_variables(rule))
    return typed and bool(follows(statement))


def _popularity(judged: Sequence[Judged]) -> float:
    found = [popularity(thing) for draft, _ in judged for thing in _things(draft)]
    return fmean(found) if found else 1.0


def _things(draft: Draft) -> Iterator[str]:
    values = values_in(draft.fields["template"], draft.fields["statement"]) or {}
    return (thing for thing in values.values() if thing in OBJECTS)


def _likelihoods(judged: Iterable[Judged]) -> dict[str, list[float]]:
    """Nats a token, by rule."""
    found: defaultdict[str, list[float]] = defaultdict(list)
    for draft, verdict in judged:
        found[draft.fields["template"]].append(verdict.score or 0.0)
    return dict(found)


def _gap(of: Mapping[str, Sequence[float]], than: Mapping[str, Sequence[float]]) -> float | None:
    """The mean over the rules that both have; None if they have none in common."""
    both = sorted(of.keys() & than.keys())
    return fmean(fmean(of[rule]) - fmean(than[rule]) for rule in both) if both else None


def _said(gap: float | None) -> str:
    return "no rule in common" if gap is None else f"{gap:+.3f}"


CLAIM = Claim(
    id="B21",
    says="statements from the long tail that are searched, verified and reranked are right more often than those asked for "
    "directly, and less likely",
    source="LINK (Li et al. 2024, 84 % right against 78 and 56)",
    planted="how often the teacher thinks of a thing, by Zipf's law, also where it is told to be rare; its errors, a quarter of "
    "the values in either arm, and a verifier that errs in 2 % of its judgements. That the base that ranks has never "
    "read these statements is not: what is rare to it need not be rare in the world",
    arms=("asked-for-rare", "link"),
    check=check,
)
