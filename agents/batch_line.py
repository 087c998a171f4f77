"""The way to a model by its provider's Batch API: cheaper, slower, and as safe as a live call.

A batch is written down before it is sent, so a process that dies at any moment leaves a trace that the next one follows:
it waits for what is on its way, fetches what has come, and sends only what nobody has.
"""

import asyncio
import logging
from dataclasses import replace
from datetime import timedelta
from functools import partial

from agents.batch_api import ENDS, BatchApi, Remote, file_of
from agents.batch_records import GONE, Asked, BatchLog, End, Rhythm, Sent
from agents.endpoint import Endpoint
from agents.flights import Flights
from agents.line import ASKS_FOR_FORM, Completion, FormNotSupported, Line, Passage
from agents.patience import PATIENT, Patience
from agents.procs import here, is_dead
from agents.troubles import TeacherUnavailable, Trouble, explain
from storage.keyed import utc_now
from storage.records import Batch, BatchState

MOST_REQUESTS = 50_000
MOST_BYTES = 150_000_000
"""Of one batch; OpenAI takes 200 MB, others less."""
TRANSFER_S = 300.0
"""How long a file may be on its way, at least."""
NEVER_SUBMITTED = "never submitted"
HASTE = 0.9
"""The share of the time to submit a batch after which its process gives up, before another takes it for dead."""
LIFE = timedelta(hours=26)
"""After so long a batch has ended: it has a day, and clocks differ."""
SUBMITTING: set[str] = set()
"""The batches that this process is submitting."""

logger = logging.getLogger(__name__)


class BatchLine(Line):
    def __init__(
        self,
        endpoint: Endpoint,
        log: BatchLog,
        *,
        patience: Patience = PATIENT,
        rhythm: Rhythm | None = None,
        flights: Flights | None = None,
    ) -> None:
        endpoint = replace(endpoint, timeout_s=max(endpoint.timeout_s, TRANSFER_S))
        super().__init__(endpoint, patience=patience, flights=flights)
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
        record = sent.record = await self._log.intend(self.endpoint.base_url, [one.key for one in asked])
        most_s = HASTE * self._rhythm.submit_s
        SUBMITTING.add(record.key)
        try:
            async with asyncio.timeout(most_s):
                content = await asyncio.to_thread(file_of, [(one.key, one.content) for one in asked])
                sent.remote = (await self._api.submit(record.key, content)).id
        except TimeoutError:
            raise Trouble(None, f"a batch could not be submitted within {most_s:g} s") from None
        finally:
            SUBMITTING.discard(record.key)
        sent.was_seen = True
        await self._log.settle(record.key, BatchState.SUBMITTED, sent.remote)
        logger.info("batch %s of %d requests is submitted", sent.remote, len(asked))
        return record

    async def _adopt(self, sent: Sent, record: Batch) -> None:
        """Whoever wrote the batch down has not said that it is submitted; the provider knows whether it was."""
        pause = self._rhythm.first_look_s
        while True:
            given_up = self._is_given_up(record)  # asked first: it may be submitted while the provider tells
            if found := await self._api.find(record.key, record.created_at):
                sent.remote = found.id
                await self._log.settle(record.key, BatchState.SUBMITTED, found.id)
                return
            if given_up:
                return
            logger.info("waiting for a batch of %d requests that %s submits", len(record.requests), record.note)
            await asyncio.sleep(pause)
            pause = min(self._rhythm.longest_look_s, pause * 1.5)

    def _is_given_up(self, record: Batch) -> bool:
        """Whether nobody is submitting it any more."""
        if record.note == here():
            return record.key not in SUBMITTING
        return is_dead(record.note) or (utc_now() - record.created_at).total_seconds() > self._rhythm.submit_s

    async def _followed(self, sent: Sent, record: Batch) -> End:
        pause = self._rhythm.first_look_s
        while (remote := await self._look(sent, record)) and remote.status not in ENDS:
            await asyncio.sleep(pause)
            pause, sent.was_seen = min(self._rhythm.longest_look_s, pause * 1.5), True
        if remote is None:
            return End(GONE)
        results = await self._api.results(remote)
        end = End(remote.status, {key: results[key] for key in record.requests if key in results})
        if strange := sorted(results.keys() - end.results.keys()):
            said = "batch %s: ignored %d results of requests that are none of its own, e.g. %.80r"
            logger.warning(said, remote.id, len(strange), strange[0])
        end.seconds = (utc_now() - record.created_at).total_seconds()
        end.refusal = self._refusal(remote, len(record.requests) - len(end.answered))
        end.is_about_form = Trouble(400, remote.problems).is_about_form
        logger.info("batch %s is %s: %d requests answered", remote.id, remote.status, len(end.answered))
        return end

    async def _look(self, sent: Sent, record: Batch) -> Remote | None:
        """The batch as it is now, None if it is lost. What another account's key does not find is not lost."""
        try:
            return await self._api.look(sent.remote)
        except Trouble as trouble:
            if trouble.status != 404:
                raise
        if found := await self._api.find(record.key, record.created_at):
            sent.remote = found.id
            return found
        if utc_now() - record.created_at > LIFE:
            return None
        raise TeacherUnavailable(
            f"{self._where(sent.remote)} is not known to this endpoint with this key; was it made with another account's "
            f"key? Set that one in {self.endpoint.key_place} and run again. If the batch is lost, its requests are asked "
            f"anew from {record.created_at + LIFE:%Y-%m-%d %H:%M} UTC on"
        )

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
            formless = end.is_about_form and ASKS_FOR_FORM in asked.content
            asked.fail(FormNotSupported(str(end.refusal)) if formless else end.refusal)
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
            if not (sent.record and sent.end):
                continue
            # One that is gone may come back, as long as its requests have no other replies.
            due = set(sent.record.requests) if sent.end.status == GONE else sent.end.answered
            if due <= await self._log.stored(due):
                await self._log.settle(sent.record.key, BatchState.ENDED, sent.remote, sent.end.status)
                self._ended = [one for one in self._ended if one is not sent]

    # --- failures, said to people

    def _refusal(self, remote: Remote, unanswered: int) -> Exception | None:
        where = self._where(remote.id)
        if remote.status == "cancelled":
            return TeacherUnavailable(
                f"{where} was cancelled at the provider; run again to submit the {unanswered:,} requests that it did not answer"
            )
        if remote.status != "failed":
            return None
        return TeacherUnavailable(
            f"{where} was refused as a whole; see why, change the recipe or `extra`, and run again. "
            f"Found: {remote.problems or 'nothing'}"
        )

    def _unavailable(self, trouble: Trouble) -> TeacherUnavailable:
        if trouble.status not in (200, 404, 405, 501) or (trouble.status == 200 and trouble.is_html):
            return TeacherUnavailable(explain(self.endpoint, trouble))
        what = "it seems to have no Batch API;"
        if trouble.status == 200:
            what = "its Batch API answers what cannot be read; run again later, or"
        found = " ".join(trouble.text.split())[:200] or "nothing"
        return TeacherUnavailable(
            f"{self.endpoint.model} at {self.endpoint.base_url} ({trouble.status}): {what} take "
            f"`batch: true` out of the machine file. Found: {found}"
        )

    def _where(self, remote: str) -> str:
        return f"{self.endpoint.model} at {self.endpoint.base_url}: batch {remote}"
