"""The ledger: what a run has spent, what it has promised, and the caps that it never passes."""

import asyncio
import time
from collections import deque
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar

from agents.teacher import BudgetSpent, PriceUnknown, Reservation
from orchestrator.clauses import Budget
from orchestrator.journal import Journal
from storage.records import Call, CallOutcome, Entry
from storage.store import Spending, Store

NOTHING_KEPT: Mapping[str, float] = {}
_where: ContextVar[tuple[int, str]] = ContextVar("spending_on", default=(0, ""))


class RunLedger:
    """The ledger of one run: a call and its entry are kept together, or not at all."""

    def __init__(self, store: Store, run: str, budget: Budget) -> None:
        counted = budget.reused == "counted"
        spent = store.spending(run, with_reused=counted)
        self._journal = Journal(store)
        self._run = run
        self._budget = budget
        self._own = set().union(*store.bought(run, with_reused=True).values()) if counted else None
        """Calls that this run has entered; None if what was paid for elsewhere is free."""
        self._round: dict[str, float] = {}
        self._parts: dict[tuple[int, str], dict[str, float]] = {}
        """Caps of the present round, and of stages, where the budget is shared out."""
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

    def open_round(self, share: float, before: Spending, kept: Mapping[str, float] = NOTHING_KEPT) -> None:
        """Let a round spend at most this share of what the rounds before, which spent so much, have left.

        What is `kept` for later, by the name of its cap, is no part of it.
        """
        spent = amounts(before)
        caps = {what: cap - kept.get(what, 0.0) for what, cap in self._caps().items()}
        self._round = {what: spent[what] + share * max(0.0, cap - spent[what]) for what, cap in caps.items()}

    def allot(self, round_number: int, stage: str, share: float, before: Spending) -> None:
        """Let a stage spend at most this share of what the stages before it, which spent so much, have left of the round.

        What the stage itself has spent before it was interrupted is part of its share.
        """
        spent = amounts(before)
        self._parts[round_number, stage] = {
            what: spent[what] + share * max(0.0, cap - spent[what]) for what, cap in self._round.items()
        }

    def hold_back(self, round_number: int, stage: str, kept: Mapping[str, float]) -> None:
        """Let a stage spend what it will, but what is kept for others."""
        self._parts[round_number, stage] = {what: cap - kept.get(what, 0.0) for what, cap in self._caps().items()}

    def _caps(self) -> dict[str, float]:
        caps = {what: getattr(self._budget, what) for what in self.spent}
        return {what: cap for what, cap in caps.items() if cap is not None}

    async def find(self, key: str) -> Call | None:
        """The stored call. Another run's, if these count, waits for room as one to be bought would; raises BudgetSpent."""
        call = await self._journal.find(key)
        if call and self._own is not None and key not in self._own:
            await self._count(call)
        return call

    async def _count(self, call: Call) -> None:
        """Enter what another run paid for as if this one had."""
        taken = Reservation(call.model, call.prompt_tokens, call.completion_tokens, call.usd or 0.0)
        await self.reserve(taken)
        try:
            if self._own is None or call.key in self._own:  # while this one waited, another asker has entered it
                return
            self._own.add(call.key)
            entry = self._entry(call, call.prompt_tokens, call.completion_tokens, call.usd, reused=True)
            await self._journal.keep(entry)
            self._spend(call.prompt_tokens, call.completion_tokens, call.usd)
        finally:
            self.release(taken)

    def _spend(self, prompt: int, completion: int, usd: float | None) -> None:
        self._calls += 1
        self._usd += usd or 0.0
        self._tokens += prompt + completion

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
        prompt, completion, usd = self._charge(call, worst)
        if self._own is not None:
            self._own.add(call.key)
        is_new = await self._journal.keep(call, self._entry(call, prompt, completion, usd))
        self._spend(prompt, completion, usd)
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

    def _entry(self, call: Call, prompt: int, completion: int, usd: float | None, *, reused: bool = False) -> Entry:
        round_number, stage = _where.get()
        return Entry.new(
            run=self._run,
            round=round_number,
            stage=stage,
            subject=call.key,
            reused=reused,
            usd=usd,
            prompt_tokens=prompt,
            completion_tokens=completion,
            seconds=0.0 if reused else call.latency_s,
        )

    def _cap(self, what: str) -> float | None:
        """Of the run, or the part of it that the present stage may spend."""
        cap = getattr(self._budget, what)
        return cap if cap is None else self._parts.get(_where.get(), {}).get(what, cap)

    def _no_room(self, what: str, cap: float, spent: float, more: float) -> BudgetSpent:
        return BudgetSpent(
            f"the budget of {cap:g} {what} has no room for the next call: {spent:g} are used, and it may take {more:g}; "
            f"{_HOW_ON.format(what)}"
        )

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
            raise PriceUnknown(f"the budget caps dollars, but no price of {worst.model!r} is known")
        self.permit()
        wanted = (
            ("calls", self._cap("calls"), self._calls, len(self._promised), 1),
            ("tokens", self._cap("tokens"), self._tokens, self._promised_tokens, worst.tokens),
            ("usd", self._cap("usd"), self._usd, self._promised_usd, worst.usd or 0.0),
        )
        for what, cap, spent, promised, more in wanted:
            if cap is None or spent + promised + more <= cap:
                continue
            if spent + more > cap or not promised:
                raise self._no_room(what, cap, spent, more)
            return False
        self._promised.add(worst)
        self._promised_usd += worst.usd or 0.0
        self._promised_tokens += worst.tokens
        return True


def amounts(spent: Spending) -> dict[str, float]:
    """What was spent of each cap, by its name."""
    return {"calls": spent.calls, "tokens": spent.prompt_tokens + spent.completion_tokens, "usd": spent.usd or 0.0}


_HOW_ON = "nothing is lost: run again with a higher cap, e.g. --max-{0} …, and the run goes on"
