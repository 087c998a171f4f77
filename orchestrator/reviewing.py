"""The gate of a person: which drafts he is to look at, whether he has, and what becomes of them and of the rest."""

from collections.abc import Sequence
from hashlib import blake2b
from math import ceil
from statistics import fmean

from agents.kinds import Judgement, accepted, rejected
from orchestrator.clauses import AnyStep, Review
from orchestrator.recipe import Recipe
from orchestrator.streams import Streams
from orchestrator.work import Work
from storage.persons import said_of
from storage.records import Draft, Outcome, Plan, Run, Verdict
from storage.store import Store

EDITED = "edited"
"""Where the evidence of a person's verdict names the draft that he wrote in the place of the one he judged."""
ROUNDING = 1e-9
"""A tenth of thirty is three."""
WAITS = "waiting for "
"""How the note of a run begins that waits at a gate."""
NOT_SEEN = "nobody looked at it"


class WaitingForReview(Exception):
    """A run ends here in order, and goes on when persons have judged what a step of its recipe wants judged."""


def wait_for_persons(work: Work, plan: Plan, step: AnyStep) -> None:
    """Raises WaitingForReview where a person has still to look at drafts of this step."""
    if not isinstance(step, Review):
        return
    keys = Streams(work.recipe, work.store, work.run.key).inputs(step, plan.round)
    if count := len(unseen(work.store, drawn(work.recipe, step, keys))):
        place = f"--home {work.folder.parent}" + (" and the store's --store" if work.store.is_remote else "")
        raise WaitingForReview(
            f"{WAITS}{count} review{'s' if count > 1 else ''} at step {step.step!r} of round {plan.round}: "
            f"orchestrator review {work.folder.name} {place}; when they are done, the same command goes on"
        )


def drawn(recipe: Recipe, step: Review, keys: Sequence[str]) -> list[str]:
    """The drafts that a person is to look at. If one joins the stream later, at most one other leaves the sample."""
    sample = step.review
    size = sample.drafts or ceil((sample.share or 0) * len(keys) - ROUNDING)

    def lot(key: str) -> bytes:
        return blake2b(f"{recipe.seed} {step.step} {key}".encode(), digest_size=16).digest()

    return sorted(keys, key=lot)[:size]


def unseen(store: Store, keys: Sequence[str]) -> list[str]:
    """Those of these drafts that no person has judged."""
    said = said_of(store, keys)
    return [key for key in keys if key not in said]


def is_reviewed(work: Work, step: AnyStep, keys: Sequence[str]) -> bool:
    """Whether no person is waited for."""
    return not isinstance(step, Review) or not unseen(work.store, drawn(work.recipe, step, keys))


def rule(work: Work, step: Review, drafts: Sequence[Draft]) -> tuple[list[Draft], list[Judgement]]:
    """What becomes of all drafts of the step, and of those that persons wrote in the place of one.

    One rejection rejects, whoever else accepted, in the sample or not. An edited draft takes the place of its parent.
    """
    keys = [draft.key for draft in drafts]
    said, sample = said_of(work.store, keys), drawn(work.recipe, step, keys)
    ruled = {key: _ruled(verdicts) for key, verdicts in said.items()}
    passed = sum(ruled[key].outcome == Outcome.ACCEPTED for key in sample)
    share = f"{passed} of {len(sample)} in the sample were accepted"
    enough = passed >= step.review.at_least * len(sample)
    rest = accepted(f"{NOT_SEEN}; {share}") if enough else rejected(f"{NOT_SEEN}, and only {share}")
    edits = _edits(work.store, said)
    of_edits = [_of_edit(work, draft) for draft in edits]
    return [*drafts, *edits], [*(ruled.get(key, rest) for key in keys), *of_edits]


def _ruled(verdicts: Sequence[Verdict]) -> Judgement:
    against = [verdict for verdict in verdicts if verdict.outcome != Outcome.ACCEPTED]
    grades = [verdict.score for verdict in verdicts if verdict.score is not None]
    facts = {"evidence": {"persons": [v.judge for v in verdicts]}, "score": fmean(grades) if grades else None}
    if against:
        return Judgement(Outcome.REJECTED, against[0].reason or "a person rejected it", **facts)
    return Judgement(Outcome.ACCEPTED, "a person accepted it", **facts)


def _edits(store: Store, said: dict[str, list[Verdict]]) -> list[Draft]:
    """The drafts that persons wrote in the place of these, as they stand after the last edit."""
    found: dict[str, Draft] = {}
    while said:
        named = [v.evidence[EDITED] for verdicts in said.values() for v in verdicts if EDITED in v.evidence]
        said = said_of(store, named)
        last = [key for key, verdicts in said.items() if all(v.outcome == Outcome.ACCEPTED for v in verdicts)]
        found |= store.by_key(Draft, last)
    return [found[key] for key in sorted(found)]


def _of_edit(work: Work, draft: Draft) -> Judgement:
    """A person may write what an exam asks without knowing it."""
    if _is_of_an_exam(work, draft):
        return rejected("belongs to an exam")
    return accepted("a person wrote it", evidence={"persons": [draft.producer]})


def _is_of_an_exam(work: Work, draft: Draft) -> bool:
    for _, source in sorted(work.recipe.sources.items()):
        try:
            if source.split_key(draft.fields) in work.guarded:
                return True
        except KeyError:  # it has no field that this source tells its items apart by
            continue
    return False


def waiting(store: Store, run: Run, recipe: Recipe) -> tuple[Review, int, list[str]] | None:
    """The gate at which a run waits: the step, the round, and the drafts that are to be looked at; None if at none."""
    plan = store.latest_plan(run.key)
    if plan is None or not run.ended.startswith(WAITS):
        return None
    streams = Streams(recipe, store, run.key)
    for step in recipe.lessons:
        if isinstance(step, Review):
            keys = streams.inputs(step, plan.round)
            if not set(keys) <= store.judged(run.key, step.step, plan.round).keys():
                return step, plan.round, drawn(recipe, step, keys)
    return None
