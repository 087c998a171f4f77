"""The ledger: what a run has spent, what it has promised, and the caps that it never passes."""

import asyncio
import time
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar

from agents.teacher import BudgetSpent, Reservation
from orchestrator.clauses import Budget
from orchestrator.journal import Journal
from storage.records import Call, CallOutcome, Entry
from storage.store import Store

_where: ContextVar[tuple[int, str]] = ContextVar("spending_on", default=(0, ""))


class RunLedger:
    """The ledger of one run: a call and its entry are kept together, or not at all."""

    def __init__(self, store: Store, run: str, budget: Budget) -> None:
        spent = store.spending(run)
        self._journal = Journal(store)
        self._run = run
        self._budget = budget
        self._calls, self._usd = spent.calls, spent.usd or 0.0
        self._tokens = spent.prompt_tokens + spent.completion_tokens
        self._promised: set[Reservation] = set()
        self._promised_usd, self._promised_tokens = 0.0, 0
        self._waiting: deque[tuple[Reservation, asyncio.Future[None]]] = deque()
        self._deadline = time.monotonic() + budget.minutes * 60 if budget.minutes else None

    @contextmanager
    def spending_on(self, round_number: int, stage: str) -> Iterator[None]:
        """What is spent inside is entered under this round and stage."""
        token = _where.set((round_number, stage))
        try:
            yield
        finally:
            _where.reset(token)

    async def find(self, key: str) -> Call | None:
        return await self._journal.find(key)

    def read_as(self, key: str, outcome: CallOutcome, reason: str) -> None:
        self._journal.note(key, outcome, reason)

    async def flush(self) -> None:
        """Returns once all that was noted is committed."""
        await self._journal.flush()

    async def aclose(self) -> None:
        await self._journal.aclose()

    async def reserve(self, worst: Reservation) -> None:
        """Set the worst case of one call aside, in the order of asking.

        Waits while calls on their way may leave room. Raises BudgetSpent when none can.
        """
        if not self._waiting and self._admit(worst):
            return
        future: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiting.append((worst, future))
        try:
            await future
        except asyncio.CancelledError:
            if worst in self._promised:
                self.release(worst)
            else:
                self._move_up()  # those behind may fit
            raise

    async def keep(self, call: Call, worst: Reservation) -> Call:
        round_number, stage = _where.get()
        prompt, completion, usd = self._charge(call, worst)
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
        is_new = await self._journal.keep(call, entry)
        self._calls += 1
        self._usd += usd or 0.0
        self._tokens += prompt + completion
        self.release(worst)
        # Another run on this store may have asked the same at the same time: what is read is what is stored.
        return call if is_new else await self._journal.find(call.key) or call

    def permit(self) -> None:
        """Raises BudgetSpent when the time is over: a request may have waited long for its place."""
        if self._deadline is not None and time.monotonic() > self._deadline:
            minutes = f"the {self._budget.minutes:g} minutes of the budget are over"
            raise BudgetSpent(f"{minutes}; {_HOW_ON.format('minutes')}")

    def release(self, worst: Reservation) -> None:
        if worst not in self._promised:
            return
        self._promised.remove(worst)
        self._promised_usd -= worst.usd or 0.0
        self._promised_tokens -= worst.tokens
        if not self._promised:  # what is left of adding and taking away fractions of cents
            self._promised_usd = 0.0
        self._move_up()

    @property
    def spent(self) -> dict[str, float]:
        """For the screen: calls, tokens and dollars so far."""
        return {"calls": self._calls, "tokens": self._tokens, "usd": self._usd}

    def _charge(self, call: Call, worst: Reservation) -> tuple[int, int, float | None]:
        """Prompt tokens, completion tokens and dollars: what the endpoint did not report counts at its worst."""
        prompt, completion, usd = call.prompt_tokens, call.completion_tokens, call.usd
        matters = self._budget.tokens is not None or worst.usd is not None
        if matters and not prompt + completion:
            prompt, completion = worst.prompt_tokens, worst.completion_tokens
        return prompt, completion, worst.usd if usd is None else usd

    def _move_up(self) -> None:
        while self._waiting:
            worst, future = self._waiting[0]
            if not future.done():
                try:
                    if not self._admit(worst):
                        return
                    future.set_result(None)
                except BudgetSpent as error:
                    future.set_exception(error)
            self._waiting.popleft()

    def _admit(self, worst: Reservation) -> bool:
        """Whether this call's worst case fits beside all that is spent and promised. Raises BudgetSpent if it never can."""
        budget = self._budget
        if budget.usd is not None and worst.usd is None:
            raise BudgetSpent(f"the budget caps dollars, but no price of {worst.model!r} is known")
        self.permit()
        wanted = (
            ("calls", budget.calls, self._calls, len(self._promised), 1),
            ("tokens", budget.tokens, self._tokens, self._promised_tokens, worst.tokens),
            ("usd", budget.usd, self._usd, self._promised_usd, worst.usd or 0.0),
        )
        for what, cap, spent, promised, more in wanted:
            if cap is None or spent + promised + more <= cap:
                continue
            if spent + more > cap or not promised:
                raise BudgetSpent(
                    f"the budget of {cap:g} {what} has no room for the next call: {spent:g} are used, and it may take {more:g}; "
                    f"{_HOW_ON.format(what)}"
                )
            return False
        self._promised.add(worst)
        self._promised_usd += worst.usd or 0.0
        self._promised_tokens += worst.tokens
        return True


_HOW_ON = "nothing is lost: run again with a higher cap, e.g. --max-{0} …, and the run goes on"
