"""What a run will cost and give, before it begins: the recipe's steps, simulated with what is known of each.

Every step's rates are uncertain as the data behind them are (a Beta posterior for shares, a normal one for means), and
the run itself will be one draw; both go into the interval. Of a step that nothing is known about, all is counted as going
on, so that what follows it is an upper bound; whoever shows a forecast says so.
"""

import random
from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from math import sqrt
from pathlib import Path
from typing import Any

from agents.endpoint import Price
from orchestrator.clauses import ATTEMPTS, FED, AnyStep, Generate, roles_of
from orchestrator.evidence import Evidence, Mean, earlier, pilot
from orchestrator.examination.items import exams_of, probed_sources, replies_to
from orchestrator.machine import Machine, ModelEntry
from orchestrator.recipe import Recipe
from orchestrator.rules import filled
from orchestrator.withdrawals import present_run
from storage.records import Forecast
from storage.store import Spending, Store

DRAWS = 1000
LOW, HIGH = 0.05, 0.95
"""Of ten runs like this one, nine are expected between."""


@dataclass(frozen=True)
class Span:
    """The median, and the interval that holds nine of ten."""

    likely: float
    low: float
    high: float


@dataclass(frozen=True)
class StageForecast:
    """One step of the lessons in one round."""

    round: int
    step: str
    model: str
    known: bool
    """Whether anything was measured of this step."""
    calls: Span
    tokens: Span
    usd: Span | None
    """None where a price is unknown."""
    seconds: Span
    accepted: Span
    """Drafts that go on."""
    batch: bool = False
    """Whether it asks by a Batch API: its time is the provider's, and not in `seconds`."""


@dataclass(frozen=True)
class Outlook:
    """The whole run."""

    basis: str
    stages: list[StageForecast]
    calls: Span
    tokens: Span
    usd: Span | None
    seconds: Span
    """Of asking teachers; training and examining come on top."""
    lessons: Span
    caps: dict[str, float]
    """What the budget caps, by name."""
    pilot: Spending | None = None
    """What the pilot cost, beside the run's own budget."""

    def as_json(self) -> dict[str, Any]:
        return asdict(self)


@dataclass
class _Tally:
    calls: float = 0.0
    tokens: float = 0.0
    usd: float = 0.0
    seconds: float = 0.0
    accepted: float = 0.0


def look_ahead(recipe: Recipe, machine: Machine, store: Store, runs: Path, pilot_seeds: int | None = None) -> Outlook:
    """The forecast of a run, kept so that the run can be compared with it. A pilot is paid for, and paid for once.

    Raises MachineError, and with a pilot what a run raises.
    """
    entries = machine.entries(recipe.roles, priced=recipe.budget.usd is not None)
    evidence, names = earlier(store, recipe, machine)
    known, paid, cost = [f"earlier runs of {', '.join(names)}"] if names else [], {}, None
    if pilot_seeds:
        seen, run = pilot(recipe, machine, store, runs, pilot_seeds)
        evidence |= {step: found for step, found in seen.items() if found.inputs}
        paid, cost = {step: len(found.purchases) for step, found in seen.items()}, store.spending(run.key)
        known = [f"a pilot of {store.seed_count(run.key)} seeds", *known]
    prices = {role: machine.price(entry) for role, entry in entries.items()}
    outlook = forecast(recipe, entries, prices, evidence, " and ".join(known) or "the recipe alone", paid)
    run, _ = present_run(store, recipe)
    store.add(Forecast.new(run=run.key, basis=outlook.basis, expected=outlook.as_json()))
    return replace(outlook, pilot=cost)


def forecast(
    recipe: Recipe,
    entries: Mapping[str, ModelEntry],
    prices: Mapping[str, Price | None],
    evidence: Mapping[str, Evidence],
    basis: str,
    paid: Mapping[str, int],
) -> Outlook:
    """`paid` are calls, by step, that the run will find in the store."""
    chance, attempts = random.Random(0), _attempts(recipe)
    draws = [_Draw(recipe, entries, prices, evidence, paid, chance, attempts).run() for _ in range(DRAWS)]
    unpriced = {step.step for step in recipe.lessons if not _priced(step, prices, evidence.get(step.step))}
    stages = []
    for place in draws[0].stages:
        tallies = [draw.stages[place] for draw in draws]
        number, name = place
        step = next(step for step in recipe.lessons if step.step == name)
        models = ", ".join(dict.fromkeys(entries[role].model for role in roles_of(step)))
        spans = _spans(tallies, priced=name not in unpriced)
        batch = any(entries[role].batch for role in roles_of(step))
        stages.append(StageForecast(number, name, models, name in evidence or not models, **spans, batch=batch))
    whole = _spans([draw.whole() for draw in draws], priced=not unpriced)
    whole["lessons"] = whole.pop("accepted")
    return Outlook(basis, stages, **whole, caps=_caps(recipe))


def _priced(step: AnyStep, prices: Mapping[str, Price | None], seen: Evidence | None) -> bool:
    """Whether it is known what a step's calls cost: what the models charge, or failing that what was charged."""
    return all(prices[role] for role in roles_of(step)) or bool(seen and seen.usd)


def _attempts(recipe: Recipe) -> int:
    """How much of its own the student hands to the next round, if a step reads it."""
    read = any(ATTEMPTS in step.sources for step in recipe.lessons)
    return sum(replies_to(recipe, name) for name in exams_of(recipe, "train")) if read else 0


def _caps(recipe: Recipe) -> dict[str, float]:
    caps = {what: getattr(recipe.budget, what) for what in ("usd", "calls", "tokens")}
    return {what: cap for what, cap in caps.items() if cap is not None}


def _spans(tallies: list[_Tally], *, priced: bool) -> dict[str, Any]:
    spans = {name: _span([getattr(tally, name) for tally in tallies]) for name in _Tally.__dataclass_fields__}
    return spans if priced else {**spans, "usd": None}


def _span(values: list[float]) -> Span:
    ordered = sorted(values)
    at = [ordered[round(share * (len(ordered) - 1))] for share in (0.5, LOW, HIGH)]
    return Span(*at)


class _Draw:
    """One possible run."""

    def __init__(
        self,
        recipe: Recipe,
        entries: Mapping[str, ModelEntry],
        prices: Mapping[str, Price | None],
        evidence: Mapping[str, Evidence],
        paid: Mapping[str, int],
        chance: random.Random,
        attempts: int,
    ) -> None:
        self._recipe, self._entries, self._prices, self._chance = recipe, entries, prices, chance
        self._attempts = float(attempts)
        self._rates = {step.step: _Rates(step, evidence.get(step.step), entries, chance) for step in recipe.lessons}
        self._paid = dict(paid)
        self.stages: dict[tuple[int, str], _Tally] = {}
        self._lessons = 0.0

    def run(self) -> "_Draw":
        probed = probed_sources(self._recipe)
        for number in range(1, self._recipe.stop.rounds + 1):
            sizes: dict[str, float] = {name: float(self._recipe.seeds_of(name)) for name in self._recipe.seeds}
            if number > 1:
                sizes |= self._later(sizes, probed)
            for step in self._recipe.lessons:
                self._carry_out(number, step, sizes)
            self._lessons += sum(sizes.get(name, 0.0) for name in self._read())
        return self

    def whole(self) -> _Tally:
        tallies = list(self.stages.values())
        sums = {name: sum(getattr(tally, name) for tally in tallies) for name in _Tally.__dataclass_fields__}
        return _Tally(**{**sums, "accepted": self._lessons})

    def _later(self, first: Mapping[str, float], probed: set[str]) -> dict[str, float]:
        """How a later round begins. Feedback asks for so many failures at most; how many there will be, nobody knows."""
        new, failures = self._recipe.feedback.most(int(sum(first.get(name, 0.0) for name in probed)))
        share = {name: first[name] for name in probed if name in first}
        total = sum(share.values()) or 1.0
        fed: dict[str, float] = {name: self._chance.random() * failures for name in FED}
        return {name: new * count / total for name, count in share.items()} | fed | {ATTEMPTS: self._attempts}

    def _read(self) -> set[str]:
        return {name for spec in self._recipe.datasets.values() for name in spec.sources}

    def _carry_out(self, number: int, step: AnyStep, sizes: dict[str, float]) -> None:
        inputs = sum(sizes.get(name, 0.0) for name in step.sources)
        roles = roles_of(step)
        if isinstance(step, Generate):
            inputs *= max(1, len(roles)) * step.samples
        rates = self._rates[step.step]
        tally = self.stages[number, step.step] = _Tally()
        tally.accepted = _binomial(inputs, rates.share, self._chance)
        if roles:
            calls = inputs * rates.calls
            known = min(calls, self._paid.get(step.step, 0))
            self._paid[step.step] = round(self._paid.get(step.step, 0) - known)
            tally.calls = calls - known
            tally.tokens = tally.calls * rates.tokens
            tally.usd = tally.calls * self._usd(rates, roles)
            tally.seconds = self._seconds(tally, rates, roles)
        streams = filled(step)
        sizes[step.to] = sizes.get(step.to, 0.0) + tally.accepted
        if len(streams) > 1:
            sizes[streams[1]] = sizes.get(streams[1], 0.0) + inputs - tally.accepted

    def _seconds(self, tally: _Tally, rates: "_Rates", roles: list[str]) -> float:
        """As long as the slowest of what holds calls up: places, and the limits a minute. Batches are not waited for."""
        entries = [self._entries[role] for role in roles]
        if any(entry.batch for entry in entries):
            return 0.0
        places = sum(entry.concurrency for entry in entries)
        waves = max(tally.calls / places, min(1.0, tally.calls)) * rates.seconds
        limits = [(tally.calls, entry.requests_per_minute) for entry in entries]
        limits += [(tally.tokens, entry.tokens_per_minute) for entry in entries]
        return max([waves, *(60 * amount / len(roles) / limit for amount, limit in limits if limit)])

    def _usd(self, rates: "_Rates", roles: list[str]) -> float:
        """Of one call, at today's prices; what was charged before only where nobody says what is charged now."""
        known = [price for role in roles if (price := self._prices[role])]
        if len(known) < len(roles):
            return rates.usd or 0.0
        return sum(price.of(round(rates.prompt), round(rates.completion)) for price in known) / len(known)


class _Rates:
    """What one step does in one possible world."""

    def __init__(
        self, step: AnyStep, seen: Evidence | None, entries: Mapping[str, ModelEntry], chance: random.Random
    ) -> None:
        roles = roles_of(step)
        longest = max((entries[role].max_tokens for role in roles), default=0)
        if seen and seen.inputs:
            self.share = _share(seen, chance)
            self.calls = seen.calls()
        else:
            # Shares drawn from all that is possible would multiply to next to nothing over a few steps.
            self.share = 1.0
            self.calls = chance.uniform(1.0, 1.3) if roles else 0.0
        seen = seen or Evidence(0, 0)
        prompt, completion, usd, seconds = seen.prompt, seen.completion, seen.usd, seen.seconds
        self.prompt = _drawn(prompt, chance) if prompt else chance.uniform(0.05, 0.75) * longest
        self.completion = _drawn(completion, chance) if completion else chance.uniform(0.05, 0.75) * longest
        self.tokens = self.prompt + self.completion
        self.usd = _drawn(usd, chance) if usd else None
        self.seconds = _drawn(seconds, chance) if seconds else chance.uniform(0.5, 30.0)


def _share(seen: Evidence, chance: random.Random) -> float:
    """Jeffreys' posterior for a share; where one input gives several outputs, a normal one for their mean."""
    if seen.outputs <= seen.inputs:
        return chance.betavariate(seen.outputs + 0.5, seen.inputs - seen.outputs + 0.5)
    mean = seen.outputs / seen.inputs
    return max(0.0, chance.gauss(mean, sqrt(mean / seen.inputs)))


def _drawn(mean: Mean, chance: random.Random) -> float:
    return max(0.0, chance.gauss(mean.value, mean.error))


def _binomial(inputs: float, share: float, chance: random.Random) -> float:
    """How many of the inputs go on in one run, to the accuracy of the normal approximation."""
    spread = sqrt(max(0.0, inputs * share * (1 - min(share, 1.0))))
    return max(0.0, chance.gauss(inputs * share, spread))
