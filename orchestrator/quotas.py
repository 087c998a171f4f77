"""How a round's seeds and targets are shared out: what every feedback policy counts with."""

from collections.abc import Mapping, Sequence

from storage.records import Failure


def shared(seeds: int, weights: Mapping[str, float]) -> dict[str, int]:
    """All seeds in proportion to the weights, by largest remainder; the heaviest first, equals by name.

    Raises ValueError for a negative weight. Where all weights are zero there is nothing to share by: no quotas.
    """
    if any(weight < 0 for weight in weights.values()):
        raise ValueError(f"a share cannot be negative, found {dict(weights)}")
    total = sum(weights.values())
    if not total:
        return {}
    exact = {skill: seeds * weights[skill] / total for skill in sorted(weights, key=lambda s: (-weights[s], s))}
    quotas = {skill: int(share) for skill, share in exact.items()}
    by_remainder = sorted(quotas, key=lambda skill: (quotas[skill] - exact[skill], skill))
    for skill in by_remainder[: seeds - sum(quotas.values())]:
        quotas[skill] += 1
    return quotas


def most_failed(failed: Mapping[str, int]) -> list[tuple[str, int]]:
    """The three skills that fail most, with how often; equals by name."""
    return sorted(failed.items(), key=lambda one: (-one[1], one[0]))[:3]


def in_turn(failures: Sequence[Failure], count: int) -> list[str]:
    """Keys of at most so many failures, one of each skill after another, the skills that fail most first."""
    by_skill: dict[str, list[str]] = {}
    for failure in sorted(failures, key=lambda failure: failure.key):
        by_skill.setdefault(failure.skill, []).append(failure.key)
    queues = sorted(by_skill.values(), key=len, reverse=True)
    taken = [queue[i] for i in range(max(map(len, queues), default=0)) for queue in queues if i < len(queue)]
    return taken[:count]
