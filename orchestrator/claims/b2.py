"""A student that learns from what a critic keeps of its own statements, round after round."""

from collections.abc import Sequence
from itertools import pairwise
from statistics import fmean

from agents.rehearsal import triples
from orchestrator.claims.claim import Check, Claim, better, of_arm
from orchestrator.comparison import Comparison, Result
from orchestrator.examination.statistics import paired_interval
from storage.records import Attempt, Draft, Outcome
from storage.store import Store

PRACTICE, OWN, CRITIC = "practice", "own", "critic"
"""The exam in which it writes, the step whose drafts are its statements, and the step that keeps some of them."""
KEPT_DIVERSITY = 0.8
"""How many different statements have to be left, of those of the first round."""


def check(comparison: Comparison, store: Store) -> list[Check]:
    raw, critical = of_arm(comparison, 0), of_arm(comparison, 1)
    rounds = _written(store, critical)
    return [
        _rises(rounds),
        _stays_diverse(rounds),
        _critic_keeps_the_better(store, critical),
        better(critical, raw, "who imitates what a critic keeps is better than who imitates all that it wrote"),
    ]


def _written(store: Store, results: Sequence[Result]) -> list[list[Attempt]]:
    """All that the students of each round wrote, before any filter, of all runs."""
    attempts = [attempt for result in results for attempt in store.attempts_of(result.run, [PRACTICE])]
    return [[a for a in attempts if a.round == number] for number in sorted({a.round for a in attempts})]


def _rises(rounds: Sequence[Sequence[Attempt]]) -> Check:
    """From one round to the next, and from the first to the last by more than chance, question by question."""
    shares = [fmean(attempt.right for attempt in written) for written in rounds]
    first, last = _by_question(rounds[0]), _by_question(rounds[-1])
    low, high = paired_interval([last[at] for at in first], list(first.values()))
    risen = len(shares) > 1 and all(before < after for before, after in pairwise(shares)) and low > 0
    told = f"right by the oracle: {' → '.join(f'{share:.1%}' for share in shares)}"
    interval = f"from the first to the last [{100 * low:+.1f}, {100 * high:+.1f}] over {len(first)} questions"
    return Check(
        "of what the student writes to questions that its lessons are about, before any filter, more is right in each round",
        risen,
        f"{told}; {interval}",
    )


def _by_question(written: Sequence[Attempt]) -> dict[tuple[str, str], float]:
    """The share of its samples that is right, by run and question."""
    found: dict[tuple[str, str], list[bool]] = {}
    for attempt in written:
        found.setdefault((attempt.run, attempt.question), []).append(attempt.right)
    return {at: fmean(rights) for at, rights in found.items()}


def _stays_diverse(rounds: Sequence[Sequence[Attempt]]) -> Check:
    counts = [len({(a.run, a.question, a.answer) for a in written if a.answer}) for written in rounds]
    says = f"and not fewer than {KEPT_DIVERSITY:.0%} as many different statements as in the first"
    told = f"different statements: {' → '.join(map(str, counts))}"
    return Check(says, len(counts) > 1 and min(counts[1:]) >= KEPT_DIVERSITY * counts[0], told)


def _critic_keeps_the_better(store: Store, results: Sequence[Result]) -> Check:
    """Measured anew in each round: the critic of one round may be none for what the next student writes."""
    found = list[tuple[int, float, float]]()
    for number in sorted({draft.round for result in results for draft in store.drafts(result.run, OWN)}):
        given = [draft for result in results for draft in store.drafts(result.run, OWN, number)]
        kept = [draft for result in results for draft in _kept(store, result.run, number)]
        found.append((number, _right(given), _right(kept)))
    told = ", ".join(f"round {number}: {given:.1%} → {kept:.1%}" for number, given, kept in found)
    held = bool(found) and all(kept > given for _, given, kept in found)
    return Check("in each round more is right of what the critic keeps than of what it is given", held, told or "none")


def _kept(store: Store, run: str, number: int) -> list[Draft]:
    accepted = [key for key, outcome in store.judged(run, CRITIC, number).items() if outcome == Outcome.ACCEPTED]
    return list(store.by_key(Draft, accepted).values())


def _right(statements: Sequence[Draft]) -> float:
    held = [bool(triples.holds(str(one.fields["question"]), str(one.fields["tail"]))) for one in statements]
    return fmean(held) if held else 0.0


CLAIM = Claim(
    id="B2",
    says="a student that learns from what a critic keeps of its own statements writes ever more that is right, and no less "
    "that differs",
    source="I2D2 (Bhagavatula et al. 2023: 45 → 58 → 62 % right before the filter, over two rounds of self-imitation)",
    planted="the student's first errors: it begins with a teacher that is wrong in half of its tails, at random; that each "
    "question has five right tails, so that to be right is not to say one thing. Not that a critic can tell them apart, nor "
    "what the student makes of it",
    arms=("i2d2+datasets.lessons.from=[first, statements, solutions]", "i2d2"),
    check=check,
)
