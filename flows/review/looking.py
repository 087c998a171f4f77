"""What the page of drafts shows: the filters of an address, the list, and one draft with all that is known of it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields, replace
from typing import Any, get_args
from urllib.parse import urlencode

from orchestrator.report.excerpts import spelled
from orchestrator.why import Ancestor, why
from storage.browsing import (
    Seen,
    Verdicted,
    Wanted,
    choices_of_drafts,
    count_drafts,
    outcome_of,
    page_of_drafts,
    place_of_draft,
)
from storage.keyed import canonical_json
from storage.persons import BY_HAND, said_of
from storage.records import Call, Draft, Run, Seed, Verdict
from storage.store import Store

ROWS = 50
LONGEST_ROUND = 9
"""Digits of a number in an address that are read."""
SHORTEST_MARK = 8
"""Characters that a field must have to be marked where it stands in the source: short ones stand there by chance."""
READ_FIRST = ("text", "head", "question", "rationale", "answer", "gold")
"""The order in which a person reads."""
Piece = tuple[str, bool]
"""A text, and whether it is marked."""


@dataclass(frozen=True)
class Filter:
    """The filters as an address says them; what cannot be understood is left out."""

    round: str = ""
    step: str = ""
    skill: str = ""
    outcome: str = ""
    seen: str = ""
    text: str = ""
    gate: str = ""
    """Not empty: only what the run waits for."""

    @classmethod
    def of(cls, said: Mapping[str, str]) -> "Filter":
        return cls(**{each.name: said.get(each.name, "")[:500] for each in fields(cls)})

    def query(self, **more: Any) -> str:
        told = {each.name: getattr(self, each.name) for each in fields(self)} | more
        return urlencode({name: value for name, value in told.items() if value not in ("", None)})

    def wanted(self, awaited: Sequence[str]) -> Wanted:
        return Wanted(
            round=number(self.round),
            step=self.step,
            skill=self.skill,
            outcome=self.outcome if self.outcome in get_args(Verdicted) else "",  # type: ignore[arg-type]
            seen=self.seen if self.seen in get_args(Seen) else "",  # type: ignore[arg-type]
            text=self.text,
            keys=tuple(awaited) if self.gate else None,
        )


def number(said: str) -> int | None:
    return int(said) if said.isascii() and said.isdigit() and len(said) <= LONGEST_ROUND else None


@dataclass(frozen=True)
class Line:
    """A draft in the list. What judges came to is told where the person has judged himself, or filters by it."""

    draft: Draft
    text: str
    own: Verdict | None
    others: int
    """Other persons who judged it."""
    outcome: str


@dataclass(frozen=True)
class Exchange:
    """A call as a person reads it."""

    call: Call
    messages: list[Mapping[str, Any]]
    reply: str


@dataclass(frozen=True)
class Shown:
    """One draft, whole."""

    draft: Draft
    seed: Seed | None
    source: list[tuple[str, list[Piece]]]
    """Fields of the seed, with the words that the draft took from it marked."""
    written: list[tuple[str, str]]
    """Fields that its step wrote."""
    inherited: list[tuple[str, str]]
    editable: list[tuple[str, str, int]]
    """Every field as text to edit, and its lines."""
    way: list[tuple[Ancestor, Exchange | None]]
    """The drafts from the seed to this one, itself last."""
    verdicts: list[Verdict]
    """Of judges."""
    persons: list[Verdict]
    own: Verdict | None
    place: int
    before: str
    """Key of the draft before it in the list; empty if there is none."""
    after: str


@dataclass(frozen=True)
class Page:
    filter: Filter
    lines: list[Line]
    count: int
    start: int
    shown: Shown | None
    choices: dict[str, list[Any]]


class Looking:
    """One person who looks through the drafts of one run."""

    def __init__(self, store: Store, run: Run, me: str, awaited: Sequence[str]) -> None:
        self._store, self._run, self._me, self._awaited = store, run, me, awaited

    def page(self, said: Filter, draft: str, start: int | None) -> Page:
        """The list around a draft, or from a place on with its first draft shown. Raises StoreError for an unknown draft."""
        wanted = said.wanted(self._awaited)
        count = count_drafts(self._store, self._run.key, wanted, self._me)
        found = self._store.find_draft(self._run.key, draft) if draft else None
        place = place_of_draft(self._store, self._run.key, wanted, self._me, found) if found else start or 0
        begin = place // ROWS * ROWS
        drafts = self._some(wanted, begin, ROWS)
        found = found or next(iter(self._some(wanted, place, 1)), None)
        shown = self._shown(found, wanted, place) if found else None
        choices = choices_of_drafts(self._store, self._run.key)
        return Page(said, self._lines(drafts, said), count, begin, shown, choices)

    def next_after(self, said: Filter, draft: Draft) -> str:
        """Key of the draft that comes next, itself if none does. It may no longer be in the list, once it is judged."""
        wanted = said.wanted(self._awaited)
        place = place_of_draft(self._store, self._run.key, wanted, self._me, draft)
        return next((one.key for one in self._some(wanted, place, 2) if one.key != draft.key), draft.key)

    def _some(self, wanted: Wanted, start: int, size: int) -> list[Draft]:
        return page_of_drafts(self._store, self._run.key, wanted, self._me, start, size)

    def _lines(self, drafts: Sequence[Draft], said: Filter) -> list[Line]:
        persons = said_of(self._store, [draft.key for draft in drafts])
        lines = []
        for draft in drafts:
            own = self._own(persons.get(draft.key, []))
            told = own is not None or said.outcome != ""
            outcome = outcome_of(self._store.verdicts_of(draft.key)) if told else ""
            others = len(persons.get(draft.key, [])) - (own is not None)
            lines.append(Line(draft, _in_a_line(draft), own, others, outcome))
        return lines

    def _own(self, verdicts: Sequence[Verdict]) -> Verdict | None:
        return next((verdict for verdict in verdicts if verdict.judge == self._me), None)

    def _shown(self, draft: Draft, wanted: Wanted, place: int) -> Shown:
        lineage = why(self._store, self._run, draft.key)
        around = self._some(wanted, max(0, place - 1), 3)
        keys = [one.key for one in around]
        here = keys.index(draft.key) if draft.key in keys else None
        before = [] if not place else keys[:1]
        after = keys[here + 1 :] if here is not None else keys[len(before) :]
        parent = lineage.drafts[-2].draft.fields if len(lineage.drafts) > 1 else lineage.seed and lineage.seed.fields
        told = [(name, spelled(draft.fields[name])) for name in _in_order(draft)]
        own = [name for name, value in draft.fields.items() if (parent or {}).get(name) != value]
        verdicts = [verdict for one in lineage.drafts for verdict in one.verdicts]
        persons = [verdict for verdict in lineage.drafts[-1].verdicts if verdict.step == BY_HAND]
        return Shown(
            draft=draft,
            seed=lineage.seed,
            source=_source(lineage.seed, [text for name, text in told if name in own]),
            written=[each for each in told if each[0] in own],
            inherited=[each for each in told if each[0] not in own],
            editable=[(name, text, min(16, 1 + len(text) // 70 + text.count("\n"))) for name, text in as_text(draft)],
            way=[(one, _exchange(one)) for one in lineage.drafts],
            verdicts=[verdict for verdict in verdicts if verdict.step != BY_HAND],
            persons=persons,
            own=self._own(persons),
            place=place,
            before=before[0] if before else "",
            after=after[0] if after else "",
        )


def as_text(draft: Draft) -> list[tuple[str, str]]:
    """Its fields as they are edited: texts as they are, anything else as JSON."""
    told = [(name, draft.fields[name]) for name in _in_order(draft)]
    return [(name, value if isinstance(value, str) else canonical_json(value).decode()) for name, value in told]


def _in_order(draft: Draft) -> list[str]:
    """The names of its fields as people read them: what is asked first."""
    return sorted(
        draft.fields, key=lambda name: (READ_FIRST.index(name) if name in READ_FIRST else len(READ_FIRST), name)
    )


def _in_a_line(draft: Draft) -> str:
    texts = dict.fromkeys(spelled(draft.fields[name]) for name in _in_order(draft))
    return " ".join(" · ".join(texts).split())[:240]


def _exchange(one: Ancestor) -> Exchange | None:
    if one.call is None:
        return None
    several = one.call.reply.get("choices") or [one.call.reply]
    reply = several[one.draft.sample % len(several)]
    text = reply.get("content") or reply.get("refusal") or ""
    return Exchange(one.call, list(one.call.request.get("messages", [])), str(text))


def _source(seed: Seed | None, written: Sequence[str]) -> list[tuple[str, list[Piece]]]:
    if seed is None:
        return []
    quotes = [line for text in written for line in {text, *text.split("\n")} if len(line) >= SHORTEST_MARK]
    return [(name, marked(spelled(value), quotes)) for name, value in seed.fields.items()]


def marked(text: str, quotes: Sequence[str]) -> list[Piece]:
    """The text in pieces, with what it shares word for word with a quote marked."""
    spans = sorted((begin, begin + len(quote)) for quote in quotes if (begin := text.find(quote)) >= 0)
    pieces, at = list[Piece](), 0
    for begin, end in spans:
        if end > at:
            pieces += [(text[at : max(at, begin)], False), (text[max(at, begin) : end], True)]
            at = end
    return [piece for piece in [*pieces, (text[at:], False)] if piece[0]]


def at_first(said: Filter, awaited: Sequence[str]) -> Filter:
    """Where a run waits, the page opens on what it waits for."""
    return replace(said, gate="1") if awaited and said == Filter() else said
