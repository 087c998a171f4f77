"""The rows of a job that is taught by what an endpoint told of its tokens."""

from collections.abc import Iterator
from difflib import SequenceMatcher
from typing import Any

from orchestrator.clauses import Job
from orchestrator.teaching import Distillation
from storage.records import Call, Draft
from storage.store import Store

SHORTEST = 3
"""Characters that a reply and a lesson have to share in a row to be taken for the same text."""
Told = list[list[Any]]
"""Of each token: its first character in the lesson's reply, its text, and [text, log-probability] of the likeliest there."""


def rows_for(store: Store, job: Job, dataset: str) -> Iterator[dict[str, Any]]:
    """The rows of a dataset, with what an endpoint told of them where that is what teaches. Raises NothingTold."""
    teacher = job.objective.teacher if isinstance(job.objective, Distillation) else None
    if teacher is None or not teacher.told:
        yield from (row.content for row in store.dataset_rows(dataset))
        return
    rows = list(store.dataset_rows(dataset))
    drafts = store.by_key(Draft, [row.draft for row in rows])
    calls = store.by_key(Call, {call for draft in drafts.values() if (call := draft.call)})
    told = [_told(calls.get(drafts[row.draft].call or ""), row.content["completion"][-1]["content"]) for row in rows]
    if not any(told):
        raise NothingTold(
            f"job {job.job!r} is to learn from what the endpoint told of its tokens, and it told nothing of these lessons'; say "
            "`extra: {logprobs: true, top_logprobs: 20}` of the model in the machine file, or name another teacher"
        )
    yield from ({**row.content, "told": each} for row, each in zip(rows, told, strict=True))


class NothingTold(Exception):
    """No reply has the log-probabilities of its tokens."""


def _told(call: Call | None, reply: str) -> Told:
    """What a call told of the characters of a lesson's reply. Text that the reply only has in part pairs up as far as it goes:
    a lesson is what was read from a reply, without its tags, its quotes and its commas."""
    choices = call.reply.get("choices", [call.reply]) if call else []
    return max((_tokens(choice.get("logprobs") or [], reply) for choice in choices), key=len, default=[])


def _tokens(logprobs: list[Any], reply: str) -> Told:
    said = "".join(text for text, *_ in logprobs)
    place = {
        block.a + i: block.b + i
        for block in SequenceMatcher(None, said, reply, autojunk=False).get_matching_blocks()
        if block.size >= SHORTEST
        for i in range(block.size)
    }
    found: Told = []
    at = 0
    for text, logprob, top in logprobs:
        places = [place.get(at + i, -1) for i in range(len(text))]
        if places and places[0] >= 0 and places == list(range(places[0], places[0] + len(text))):
            others = [[other, chance] for other, chance in top if other != text]
            found.append([places[0], text, [[text, logprob], *others]])
        at += len(text)
    return found
