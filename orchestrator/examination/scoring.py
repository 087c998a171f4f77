"""From attempts to a scorecard: accuracies with intervals, and what else several samples and probabilities tell."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from math import isfinite
from statistics import fmean

from agents.answers import same_answer
from agents.quoting import hold
from orchestrator.examination.statistics import brier, calibration_error, clustered_interval, pass_at_k, wilson_interval
from storage.records import Attempt, Scorecard, Student


def scorecard(
    run: str, student: Student, exam: str, attempts: Sequence[Attempt], more: Mapping[str, float] | None = None
) -> Scorecard:
    """The scorecard of these attempts, with `more` among its measures.

    Raises ValueError for no attempts: an exam of which nothing could be graded has no score."""
    if not attempts:
        raise ValueError(f"exam {exam!r}: not one reply of {student.key} could be graded, so there is no score")
    skills = dict.fromkeys(attempt.skill for attempt in attempts)
    whole = _score(attempts)
    return Scorecard.new(
        run=run,
        round=student.round,
        student=student.key,
        exam=exam,
        n=int(whole["n"]),
        accuracy=whole["accuracy"],
        low=whole["low"],
        high=whole["high"],
        skills={skill: _score([a for a in attempts if a.skill == skill]) for skill in skills},
        measures={name: round(value, 6) for name, value in {**_measures(attempts), **(more or {})}.items()},
    )


def novelty(attempts: Sequence[Attempt], taught: Iterable[str]) -> float | None:
    """Share of the right answers that no lesson taught (N/T o of COMET, Bosselut et al. 2019); None if none is right.

    `taught` are the answers of the lessons' drafts.
    """
    lessons = set(taught)
    right = [attempt.answer for attempt in attempts if attempt.right and attempt.answer is not None]
    known = {answer for answer in set(right) if any(same_answer(answer, lesson) for lesson in lessons)}
    return fmean(answer not in known for answer in right) if right else None


def hit_rate(attempts: Sequence[Attempt]) -> float | None:
    """Share of the replies before which the student was shown `knowledge` that holds the gold answer word for word (the
    `has_answer` of DPR, Karpukhin et al. 2020, §5); None if none was shown any. A text may hold it by chance."""
    if not any(attempt.shown.get("knowledge") for attempt in attempts):
        return None
    return fmean(hold(str(attempt.shown.get("knowledge", "")), attempt.gold) for attempt in attempts)


def by_item(attempts: Sequence[Attempt]) -> dict[str, list[Attempt]]:
    """The samples of each question, in the order of the questions."""
    items: dict[str, list[Attempt]] = {}
    for attempt in attempts:
        items.setdefault(attempt.question, []).append(attempt)
    return items


def _score(attempts: Sequence[Attempt]) -> dict[str, float]:
    """An item counts by the share of its samples that is right; items of one split key may stand and fall together."""
    items = by_item(attempts)
    values = [fmean(attempt.right for attempt in samples) for samples in items.values()]
    clusters = [samples[0].split_key for samples in items.values()]
    n, accuracy = len(values), fmean(values)
    if (len(set(clusters)) == n and all(value in (0, 1) for value in values)) or len(set(clusters)) < 2:
        low, high = wilson_interval(round(sum(values)), n)
    else:
        low, high = clustered_interval(values, clusters)
    return {"n": n, "accuracy": accuracy, "low": min(low, accuracy), "high": max(high, accuracy)}


def _measures(attempts: Sequence[Attempt]) -> dict[str, float]:
    items = list(by_item(attempts).values())
    samples = min(map(len, items))
    found = {"tokens": fmean(a.tokens for a in attempts), "ended": fmean(a.finished for a in attempts)}
    scores = [a.score for a in attempts if a.score is not None]
    if scores:
        found["score"] = fmean(scores)
    if samples > 1:
        found |= _of_samples(items, samples)
        confidences = [_vote(item)[1] for item in items]
        rights = [_vote(item)[0] for item in items]
    else:
        # a student whose numbers have run away is sure of nothing
        known = [a for a in attempts if a.confidence is not None and isfinite(a.confidence)]
        confidences, rights = [a.confidence or 0.0 for a in known], [a.right for a in known]
    if confidences:
        found["brier"] = brier(confidences, rights)
        found["calibration_error"] = calibration_error(confidences, rights)
    return found


def _of_samples(items: Sequence[Sequence[Attempt]], samples: int) -> dict[str, float]:
    """pass@k (Chen et al. 2021) for 1, 2, 4, …; accuracy and share of the majority answer (Wang et al. 2022)."""
    ks = sorted({k for k in (1, 2, 4, 8, 16, 32, 64) if k < samples} | {samples})
    found = {f"pass@{k}": fmean(pass_at_k(len(item), sum(a.right for a in item), k) for item in items) for k in ks}
    votes = [_vote(item) for item in items]
    return {**found, "majority": fmean(right for right, _ in votes), "agreement": fmean(share for _, share in votes)}


def _vote(samples: Sequence[Attempt]) -> tuple[bool, float]:
    """Whether the answer that most samples share is right, and their share; replies without an answer vote for nothing."""
    groups: list[list[Attempt]] = []
    for attempt in samples:
        home = next((group for group in groups if _agree(attempt, group[0])), None)
        groups.append([attempt]) if home is None else home.append(attempt)
    largest = max(groups, key=len)
    right = largest[0].answer is not None and Counter(a.right for a in largest).most_common(1)[0][0]
    return bool(right), len(largest) / len(samples)


def _agree(one: Attempt, other: Attempt) -> bool:
    if one.answer is None or other.answer is None:
        return one.answer is other.answer
    return same_answer(one.answer, other.answer)
