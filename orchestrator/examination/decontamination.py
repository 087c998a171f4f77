"""Keeps lessons clear of exam items: by split key when a new item is written, and here by what the text itself says."""

import re
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from orchestrator.examination.items import CANARY, guarded_items
from orchestrator.kinds import ExamItem
from orchestrator.work import Work
from storage.records import Draft, Outcome, Verdict

JUDGE = "decontamination"
"""It is always on; a recipe cannot remove it."""
GRAM = 8
"""Words that are compared at once. Brown et al. 2020, §C take 8 to 13; questions of a world are short."""
OVERLAP = 0.8
"""Share of an exam question's grams that a lesson may hold before it counts as the question itself."""
WORD = re.compile(r"\w+")


class ExamLeaked(Exception):
    """A teacher wrote what only the exam holds: whoever trains on its lessons trains on the exam."""


class Guard:
    """Looks for exam questions in the texts of lessons: exact for short ones, by shared word grams for longer ones.

    A paraphrase passes; what canaries are for.
    """

    def __init__(self, items: Iterable[ExamItem]) -> None:
        self._whole: dict[str, ExamItem] = {}
        self._grams: dict[str, set[int]] = {}
        self._items: list[tuple[ExamItem, int]] = []
        self._canaries: dict[str, ExamItem] = {}
        for item in items:
            self._enter(item)

    def _enter(self, item: ExamItem) -> None:
        if item.skill == CANARY:
            self._canaries[str(item.fields["canary"])] = item
            return
        # What is asked may be a part of what is shown, which holds choices or turns besides; a lesson would quote the part.
        texts = [item.question, *(str(item.fields[name]) for name in ("question", "stem") if name in item.fields)]
        for words in dict.fromkeys(tuple(_words(text)) for text in texts):
            if not words:  # would be found in every empty text
                continue
            self._whole.setdefault(" ".join(words), item)
            grams = set(_grams(words))
            for gram in grams:
                self._grams.setdefault(gram, set()).add(len(self._items))
            self._items.append((item, len(grams)))

    def find(self, fields: dict[str, Any]) -> tuple[ExamItem, float] | None:
        """The exam item that a lesson's texts hold, and the share of it that they hold; None if they hold none."""
        for text in _texts(fields):
            words = _words(text)
            if item := self._whole.get(" ".join(words)):
                return item, 1.0
            shares: dict[int, int] = {}
            for gram in set(_grams(words)):
                for number in self._grams.get(gram, ()):
                    shares[number] = shares.get(number, 0) + 1
            best = max(shares, key=lambda number: (shares[number] / self._items[number][1], -number), default=None)
            if best is not None and shares[best] / self._items[best][1] >= OVERLAP:
                return self._items[best][0], shares[best] / self._items[best][1]
        return None

    def canary(self, fields: dict[str, Any]) -> ExamItem | None:
        """The canary that a lesson's texts name. Nobody makes up the same word by chance."""
        for text in _texts(fields):
            for word in _words(text):
                if word in self._canaries:
                    return self._canaries[word]
        return None


def clear(work: Work, place: str, drafts: list[Draft]) -> list[Draft]:
    """The drafts that hold no exam question; the others get a verdict that names it. `place` is where they were to go.

    Raises ExamLeaked for a draft that names a canary.
    """
    if work.contaminated is not None:
        return [draft for draft in drafts if draft.key not in work.contaminated]
    guard = Guard(guarded_items(work.recipe))
    kept, verdicts = [], []
    for draft in drafts:
        if canary := guard.canary(draft.fields):
            raise ExamLeaked(
                f"{place}: draft {draft.key} of step {draft.step!r} names {canary.fields['canary']!r}, a word that "
                f"stands nowhere but in the exam ({draft.producer}). The teacher has seen the exam: its lessons prove "
                "nothing; ask another teacher, or write a new exam"
            )
        if found := guard.find(draft.fields):
            verdicts.append(_verdict(work, draft, *found))
        else:
            kept.append(draft)
    work.store.add(*verdicts)
    if verdicts:
        work.tell("decontaminated", {"place": place, "left_out": len(verdicts)})
    return kept


def _verdict(work: Work, draft: Draft, item: ExamItem, share: float) -> Verdict:
    return Verdict.new(
        run=work.run.key,
        draft=draft.key,
        step=JUDGE,
        judge=JUDGE,
        outcome=Outcome.REJECTED,
        reason="repeats an exam question",
        score=round(share, 3),
        evidence={"question": item.question},
    )


def _texts(value: Any) -> Iterator[str]:
    """Every text in it, however deep, such as the choices of a question or the turns of a dialogue."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict | list):
        for part in value.values() if isinstance(value, dict) else value:
            yield from _texts(part)


def _words(text: str) -> list[str]:
    return WORD.findall(text.lower())


def _grams(words: Sequence[str]) -> Iterator[str]:
    for start in range(max(0, len(words) - GRAM + 1)):
        yield " ".join(words[start : start + GRAM])
