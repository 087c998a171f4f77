"""The way to a model by its provider's Batch API: cheaper, slower, and as safe as a live call.

A batch is written down before it is sent, so a process that dies at any moment leaves a trace that the next one follows:
it waits for what is on its way, fetches what has come, and sends only what nobody has.
"""

import asyncio
import logging
from collections.abc import Collection, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Protocol

from agents.batch_api import ENDS, BatchApi, Remote, Result, file_of
from agents.endpoint import Endpoint
from agents.line import Completion, FormNotSupported, Line, Passage
from agents.patience import PATIENT, Patience
from agents.troubles import TeacherUnavailable, Trouble, explain
from storage.keyed import utc_now
from storage.records import Batch, BatchState

MOST_REQUESTS = 50_000
MOST_BYTES = 150_000_000
"""Of one batch; OpenAI takes 200 MB, others less."""
TRANSFER_S = 300.0
"""How long a file may be on its way, at least."""
NEVER_SUBMITTED, GONE = "never submitted", "gone"

logger = logging.getLogger(__name__)


class BatchLog(Protocol):
    """The batches of every process that uses the same store."""

    async def intend(self, endpoint: str, requests: Sequence[str]) -> Batch:
        """A new batch, committed before it is returned."""
        ...

    async def settle(self, key: str, state: BatchState, remote: str, note: str = "") -> None:
        """Note how far a batch has come."""
        ...

    async def open(self, endpoint: str) -> Sequence[Batch]:
        """The batches that the provider may still have replies of, the oldest first."""
        ...

    async def stored(self, requests: Collection[str]) -> set[str]:
        """Those of these keys whose calls are stored."""
        ...


@dataclass(frozen=True)
class Rhythm:
    gather_s: float = 1.0
    """A batch leaves once so long no request has come."""
    first_look_s: float = 1.0
    longest_look_s: float = 60.0
    """How long is waited before a batch is looked at again; it grows from the first to the longest."""


@dataclass(eq=False)
class Asked:
    """A request, and who waits for its reply."""

    key: str
    content: bytes
    passage: Passage
    reply: "asyncio.Future[Completion]" = field(default_factory=lambda: asyncio.get_running_loop().create_future())
    failures: int = 0
    sending: ExitStack = field(default_factory=ExitStack)
    _has_left: bool = False

    def leave(self) -> None:
        """From now on the request is in a batch, whatever becomes of who asked for it."""
        if not self._has_left:
            self.sending.enter_context(self.passage.sending())
            self._has_left = True

    def fail(self, error: BaseException) -> None:
        if not self.reply.done():
            self.reply.set_exception(error)


@dataclass(eq=False)
class End:
    """What a batch came to."""

    status: str
    results: dict[str, Result] = field(default_factory=dict)
    """Those that nobody has asked for yet."""
    refusal: Exception | None = None
    """Why nobody asks again by itself for what was not answered."""
    seconds: float = 0.0
    answered: set[str] = field(init=False)

    def __post_init__(self) -> None:
        self.answered = {key for key, result in self.results.items() if not isinstance(result, Trouble)}


@dataclass(eq=False)
class Sent:
    """A batch on its way, given to the provider by this process or by one before."""

    asked: dict[str, Asked] = field(default_factory=dict)
    record: Batch | None = None
    """None until it is written down."""
    remote: str = ""
    was_seen: bool = False
    """Whether it was seen on its way. If not, an earlier process has told of its failures, and they are asked again."""
    end: End | None = None
    task: "asyncio.Task[None] | None" = None


class BatchLine(Line):
    def __init__(
        self, endpoint: Endpoint, log: BatchLog, *, patience: Patience = PATIENT, rhythm: Rhythm | None = None
    ) -> None:
        super().__init__(replace(endpoint, timeout_s=max(endpoint.timeout_s, TRANSFER_S)), patience=patience)
        self._log = log
        self._api = BatchApi(self.wire, patience)
        self._rhythm = rhythm or Rhythm()
        self._gathered: dict[str, Asked] = {}
        self._bytes, self._newest = 0, 0.0
        self._timer: asyncio.TimerHandle | None = None
        self._sent: dict[str, Sent] = {}
        """The newest batch of each request that has no reply yet; older ones ended without one."""
        self._ended: list[Sent] = []
        """Batches whose replies may not all be stored yet."""
        self._tasks: set[asyncio.Task[None]] = set()
        self._remembering, self._remembers = asyncio.Lock(), False
        self._is_closed = False

    @property
    def places(self) -> int:
        """A step's requests all go into one batch."""
        return MOST_REQUESTS

    async def complete(self, key: str, content: bytes, tokens: int, passage: Passage) -> Completion:
        """The answer to one request, from the batch that it is in already or from the next one. Raises as a live line."""
        if not self._remembers:
            await self._remember()
        if self._is_closed:
            raise RuntimeError(f"the line to {self.endpoint.model} is closed")
        asked = Asked(key, content, passage)
        self._take(asked)
        try:
            return await asked.reply
        finally:
            asked.sending.close()
            if self._gathered.get(key) is asked:  # nobody wants it any more, and it has not left
                self._bytes -= len(self._gathered.pop(key).content)

    async def aclose(self) -> None:
        """Waits for no batch: it is in the log, and who comes next goes on from there."""
        self._is_closed = True
        if self._timer:
            self._timer.cancel()
        tasks = list(self._tasks)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        for asked in (*self._gathered.values(), *(a for sent in set(self._sent.values()) for a in sent.asked.values())):
            asked.reply.cancel()
        await super().aclose()  # and the calls that are being stored land
        await self._settle()

    # --- from a request to a batch

    async def _remember(self) -> None:
        """Which batches processes before this one have left open, once."""
        async with self._remembering:
            if self._remembers:
                return
            for batch in await self._log.open(self.endpoint.base_url):
                missing = set(batch.requests) - await self._log.stored(batch.requests)
                if not missing:
                    await self._log.settle(batch.key, BatchState.ENDED, batch.remote, "every reply is stored")
                self._sent.update(dict.fromkeys(missing, Sent(record=batch, remote=batch.remote)))
            self._remembers = True

    def _take(self, asked: Asked) -> None:
        sent = self._sent.get(asked.key)
        if sent is None:
            self._gather(asked)
        elif sent.end:
            self._resolve(sent, sent.end, asked)
        else:
            asked.leave()
            sent.asked[asked.key] = asked
            if sent.task is None:
                self._start(sent)

    def _gather(self, asked: Asked) -> None:
        if self._bytes + len(asked.content) > MOST_BYTES:
            self._leave()
        self._gathered[asked.key] = asked
        self._bytes += len(asked.content)
        self._newest = asyncio.get_running_loop().time()
        if len(self._gathered) >= MOST_REQUESTS:
            self._leave()
        elif self._timer is None:
            self._leave_in(self._rhythm.gather_s)

    def _leave_in(self, seconds: float) -> None:
        self._timer = asyncio.get_running_loop().call_later(seconds, self._leave_if_quiet)

    def _leave_if_quiet(self) -> None:
        wait = self._newest + self._rhythm.gather_s - asyncio.get_running_loop().time()
        if wait > 0:
            self._leave_in(wait)
        else:
            self._leave()

    def _leave(self) -> None:
        if self._timer:
            self._timer.cancel()
        gathered, self._gathered, self._bytes, self._timer = self._gathered, {}, 0, None
        sent = Sent(gathered)
        for key, asked in gathered.items():
            asked.leave()
            self._sent[key] = sent
        if gathered:
            self._start(sent)

    # --- from a batch to its replies

    def _start(self, sent: Sent) -> None:
        sent.task = asyncio.create_task(self._carry(sent))
        self._tasks.add(sent.task)
        sent.task.add_done_callback(partial(self._carried, sent))

    def _carried(self, sent: Sent, task: "asyncio.Task[None]") -> None:
        """What fails a batch fails who waits for it; whoever asks after that finds it where it was left."""
        self._tasks.discard(task)
        sent.task = None
        if not task.cancelled() and (error := task.exception()):
            waiting, sent.asked = sent.asked, {}
            for asked in waiting.values():
                asked.fail(error)

    async def _carry(self, sent: Sent) -> None:
        """One batch from where it is to its end."""
        await self._settle()
        try:
            record = sent.record or await self._submit(sent)
            if not sent.remote:
                await self._adopt(sent, record)
            sent.end = await self._followed(sent, record) if sent.remote else End(NEVER_SUBMITTED)
        except Trouble as trouble:
            raise self._unavailable(trouble) from None
        self._ended.append(sent)
        waiting, sent.asked = sent.asked, {}
        for asked in waiting.values():
            self._resolve(sent, sent.end, asked)

    async def _submit(self, sent: Sent) -> Batch:
        asked = list(sent.asked.values())
        sent.record = await self._log.intend(self.endpoint.base_url, [one.key for one in asked])
        content = await asyncio.to_thread(file_of, [(one.key, one.content) for one in asked])
        sent.remote = (await self._api.submit(sent.record.key, content)).id
        sent.was_seen = True
        await self._log.settle(sent.record.key, BatchState.SUBMITTED, sent.remote)
        logger.info("batch %s of %d requests is submitted", sent.remote, len(asked))
        return sent.record

    async def _adopt(self, sent: Sent, record: Batch) -> None:
        """Whoever wrote the batch down did not come to say that it was submitted; the provider knows whether it was."""
        if found := await self._api.find(record.key, record.created_at):
            sent.remote = found.id
            await self._log.settle(record.key, BatchState.SUBMITTED, found.id)

    async def _followed(self, sent: Sent, record: Batch) -> End:
        pause = self._rhythm.first_look_s
        try:
            while (remote := await self._api.look(sent.remote)).status not in ENDS:
                await asyncio.sleep(pause)
                pause, sent.was_seen = min(self._rhythm.longest_look_s, pause * 1.5), True
        except Trouble as trouble:
            if trouble.status != 404:
                raise
            return End(GONE)
        end = End(remote.status, await self._api.results(remote))
        end.seconds = (utc_now() - record.created_at).total_seconds()
        end.refusal = self._refusal(remote, len(record.requests) - len(end.answered))
        logger.info("batch %s is %s: %d requests answered", remote.id, remote.status, len(end.answered))
        return end

    def _resolve(self, sent: Sent, end: End, asked: Asked) -> None:
        """What an ended batch has for one request: its reply, a place in the next batch, or why it gets neither."""
        del self._sent[asked.key]
        result = end.results.pop(asked.key, None) or Trouble(503, f"batch {sent.remote} ({end.status}) had no reply")
        if not isinstance(result, Trouble):
            self._note_answer()
            if not asked.reply.done():
                asked.reply.set_result(Completion(result, end.seconds, asked.failures + 1))
        elif not sent.was_seen:
            self._gather(asked)
        elif end.refusal:
            asked.fail(end.refusal)
        else:
            self._retry(end, asked, result)

    def _retry(self, end: End, asked: Asked, trouble: Trouble) -> None:
        # A batch that ran out of time after it had answered some has not failed the others.
        asked.failures += not (end.status == "expired" and end.answered)
        passes = trouble.is_passing or trouble.is_rate_limit
        if passes and asked.failures < self._patience.attempts and asked.passage.wanted:
            self._gather(asked)
            return
        if end.answered:
            self._note_answer()
        asked.fail(self._failure(asked.content, trouble))

    def _note_answer(self) -> None:
        self.has_answered, self._refusals = True, 0

    async def _settle(self) -> None:
        """Close the record of batches whose replies are all stored; another's are fetched once more by the next run."""
        for sent in list(self._ended):
            if sent.record and sent.end and sent.end.answered <= await self._log.stored(sent.end.answered):
                await self._log.settle(sent.record.key, BatchState.ENDED, sent.remote, sent.end.status)
                self._ended = [one for one in self._ended if one is not sent]

    # --- failures, said to people

    def _refusal(self, remote: Remote, unanswered: int) -> Exception | None:
        where = f"{self.endpoint.model} at {self.endpoint.base_url}: batch {remote.id}"
        if remote.status == "cancelled":
            return TeacherUnavailable(
                f"{where} was cancelled at the provider; run again to submit the {unanswered:,} requests that it did not answer"
            )
        if remote.status != "failed":
            return None
        if Trouble(400, remote.problems).is_about_form:
            return FormNotSupported(remote.problems)
        return TeacherUnavailable(
            f"{where} was refused as a whole; see why, change the recipe or `extra`, and run again. "
            f"Found: {remote.problems or 'nothing'}"
        )

    def _unavailable(self, trouble: Trouble) -> TeacherUnavailable:
        if trouble.status not in (404, 405, 501):
            return TeacherUnavailable(explain(self.endpoint, trouble))
        found = " ".join(trouble.text.split())[:200] or "nothing"
        return TeacherUnavailable(
            f"{self.endpoint.model} at {self.endpoint.base_url} ({trouble.status}): it seems to have no Batch API; take "
            f"`batch: true` out of the machine file. Found: {found}"
        )
