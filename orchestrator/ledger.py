"""The ledger: what a run has spent, what it has promised, and the caps that it never passes."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar

from agents.teacher import BudgetSpent, Price, Reservation
from orchestrator.clauses import Budget
from storage.records import Call, CallOutcome, Entry
from storage.store import Store

_where: ContextVar[tuple[int, str]] = ContextVar("spending_on", default=(0, ""))
_promise: ContextVar[Reservation | None] = ContextVar("promise", default=None)
"""What was set aside for the call that this task is making."""


class Ledger:
    """The purse and the call log of one run: a call and its entry are kept together, or not at all."""

    def __init__(self, store: Store, run: str, budget: Budget) -> None:
        spent = store.spending(run)
        self._store = store
        self._run = run
        self._budget = budget
        self._calls, self._usd = spent.calls, spent.usd or 0.0
        self._tokens = spent.prompt_tokens + spent.completion_tokens
        self._promised: set[Reservation] = set()
        self._deadline = time.monotonic() + budget.minutes * 60 if budget.minutes else None

    @contextmanager
    def spending_on(self, round_number: int, stage: str) -> Iterator[None]:
        """What is spent inside is entered under this round and stage."""
        token = _where.set((round_number, stage))
        try:
            yield
        finally:
            _where.reset(token)

    def call(self, key: str) -> Call | None:
        return self._store.call(key)

    def keep(self, call: Call) -> None:
        round_number, stage = _where.get()
        prompt, completion, usd = self._charge(call, _promise.get())
        entry = Entry.new(
            run=self._run,
            round=round_number,
            stage=stage,
            subject=call.key,
            usd=usd,
            prompt_tokens=prompt,
            completion_tokens=completion,
            seconds=call.latency_s,
        )
        self._store.add(call, entry)

    def read_as(self, key: str, outcome: CallOutcome, reason: str) -> None:
        self._store.settle_reading(key, outcome, reason)

    def reserve(
        self, model: str, request_tokens_upper_bound: int, completion_upper_bound: int, price: Price | None = None
    ) -> Reservation:
        """Set the worst case of one call aside. Raises BudgetSpent if that could pass a cap."""
        usd = price.of(request_tokens_upper_bound, completion_upper_bound) if price else None
        tokens = request_tokens_upper_bound + completion_upper_bound
        self._check_calls()
        self._check("tokens", self._budget.tokens, self._tokens + self._promised_tokens() + tokens, self._tokens)
        if self._budget.usd is not None:
            if usd is None:
                raise BudgetSpent(f"the budget caps dollars, but no price of {model!r} is known")
            promised = sum(r.usd or 0.0 for r in self._promised)
            self._check("usd", self._budget.usd, self._usd + promised + usd, self._usd)
        if self._deadline is not None and time.monotonic() > self._deadline:
            raise BudgetSpent(
                f"the {self._budget.minutes:g} minutes of the budget are over; {_HOW_ON.format('minutes')}"
            )
        reservation = Reservation(model, request_tokens_upper_bound, completion_upper_bound, usd)
        self._promised.add(reservation)
        _promise.set(reservation)
        return reservation

    def settle(self, reservation: Reservation, call: Call) -> None:
        prompt, completion, usd = self._charge(call, reservation)
        self.release(reservation)
        self._calls += 1
        self._usd += usd or 0.0
        self._tokens += prompt + completion

    def release(self, reservation: Reservation) -> None:
        self._promised.remove(reservation)

    @property
    def spent(self) -> dict[str, float]:
        """For the screen: calls, tokens and dollars so far."""
        return {"calls": self._calls, "tokens": self._tokens, "usd": self._usd}

    def _charge(self, call: Call, reservation: Reservation | None) -> tuple[int, int, float | None]:
        """Prompt tokens, completion tokens and dollars: what the endpoint did not report counts at its worst."""
        prompt, completion, usd = call.prompt_tokens, call.completion_tokens, call.usd
        if reservation not in self._promised:
            return prompt, completion, usd
        matters = self._budget.tokens is not None or reservation.usd is not None
        if matters and not prompt + completion:
            prompt, completion = reservation.prompt_tokens, reservation.completion_tokens
        return prompt, completion, reservation.usd if usd is None else usd

    def _check_calls(self) -> None:
        self._check("calls", self._budget.calls, self._calls + len(self._promised) + 1, self._calls)

    def _check(self, what: str, cap: float | None, worst: float, spent: float) -> None:
        if cap is not None and worst > cap:
            waiting = f", {len(self._promised)} calls on their way" if self._promised else ""
            raise BudgetSpent(
                f"the budget of {cap:g} {what} is spent ({spent:g} used{waiting}); {_HOW_ON.format(what)}"
            )

    def _promised_tokens(self) -> int:
        return sum(r.prompt_tokens + r.completion_tokens for r in self._promised)


_HOW_ON = "nothing is lost: run again with a higher cap, e.g. --set budget.{0}=…, and the run goes on"
