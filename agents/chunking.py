"""Passages of documents: paragraphs under one heading put together up to so many words, or windows of sentences."""

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import groupby

_IDEOGRAPHS = "\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff"
_WORD = re.compile(rf"[{_IDEOGRAPHS}]|[^\s{_IDEOGRAPHS}]+")
_END = re.compile(
    r"(?P<stop>(?<![.!?…])[.!?…]++)[\"'”’»)\]*_`]*+\s++"  # a run of stops is tried from its start alone, so time is linear
    r"|[。！？]++[」』”’）]*+\s*+"
    r"|\n(?=[ \t]*(?:[-*+•]|\d{1,3}[.)])[ \t])"
)
_LAST_WORD = re.compile(r"[^\s(\[\"'“‘]*$")
_NEXT = re.compile(r"[\"'“‘«(\[*_`]*(.)", re.DOTALL)
_TITLES = frozenset(
    "dr mr mrs ms prof st gen col sgt lt rev hon gov sen rep capt e.g i.e vs cf al approx dept resp incl viz ca".split()
)
"""Shortened words that something always follows."""
_NUMBERED = frozenset(
    "no nos fig figs eq eqs sec ch vol pp p art para jan feb mar apr jun jul aug sep sept oct nov dec".split()
)
"""Shortened words that a number follows; before anything else their stop ends the sentence."""
LONGEST_WORD = 5000
"""Characters; what is longer is no word of a text."""


@dataclass(frozen=True)
class Block:
    """A paragraph of a document, or a piece of code or a table (`whole`), which is cut between lines if at all."""

    text: str
    section: tuple[str, ...] = ()
    """The headings above it, the highest first."""
    heading: int = 0
    """How many headings stand before it in the document; it tells apart two sections of one name."""
    whole: bool = False


@dataclass(frozen=True)
class Passage:
    text: str
    section: tuple[str, ...] = ()


def count_words(text: str) -> int:
    """Words between spaces; of Chinese and Japanese, which have none, every character counts."""
    return sum(1 for _ in _WORD.finditer(text))


def passages(blocks: Iterable[Block], words: int) -> Iterator[Passage]:
    """Blocks put together in order, at most `words` words each and never across a heading.

    A block that is longer is cut between sentences, a piece of code or a table between lines, and a sentence or line that
    is longer still between words. Nothing is lost but blank space at the ends.
    """
    for section, units in _sections(blocks, words, apart=False):
        held, size = list[str](), 0
        for unit in units:
            more = count_words(unit)
            if held and size + more > words:
                yield Passage(_together(held), section)
                held, size = [], 0
            held.append(unit)
            size += more
        if held:
            yield Passage(_together(held), section)


def windows(blocks: Iterable[Block], sentences: int, stride: int, words: int) -> Iterator[Passage]:
    """So many sentences each, beginning every `stride` sentences, never across a heading; the last of a section may be
    shorter. A piece of code or a table counts as a sentence. What has more than `words` words is cut as in `passages`.
    """
    for section, units in _sections(blocks, words, apart=True):
        there = list(units)
        for start in range(0, max(1, len(there) - sentences + stride), stride):
            yield Passage(_together(there[start : start + sentences]), section)


def split_sentences(text: str) -> list[str]:
    """The sentences of a text, each with the space behind it: put together they are the text.

    A sentence ends at `.`, `!`, `?` or `…` before space, unless a small letter follows or the stop belongs to an initial,
    an acronym or a shortened word; at `。`; and before an item of a list. Where a rule could go either way it is the one
    that leaves the text together.
    """
    found, start = [], 0
    for end in _END.finditer(text):
        if end.end() < len(text) and (end["stop"] is None or _ends(text, end)):
            found.append(text[start : end.end()])
            start = end.end()
    return [*found, text[start:]] if text[start:] else found


def _ends(text: str, end: re.Match[str]) -> bool:
    follows = _NEXT.match(text, end.end())
    if follows and follows[1].islower():
        return False
    if end["stop"] != ".":
        return True
    last = _LAST_WORD.search(text[max(0, end.start() - 24) : end.start()])
    word = last[0].lower() if last else ""
    if (
        word in _TITLES
        or (len(word) == 1 and word.isalpha() and word != "i")
        or re.fullmatch(r"(?:[^\W\d]\.)+[^\W\d]", word)
    ):
        return False
    if word in _NUMBERED:
        return not (follows and follows[1].isdigit())
    line_start = text.rfind("\n", 0, end.start()) + 1
    return not (word.isdigit() and not text[line_start : end.start() - len(word)].strip())


def _sections(blocks: Iterable[Block], words: int, apart: bool) -> Iterator[tuple[tuple[str, ...], Iterator[str]]]:
    for (_, section), group in groupby(blocks, key=lambda block: (block.heading, block.section)):
        yield section, (unit for block in group for unit in _units(block, words, apart))


def _units(block: Block, words: int, apart: bool) -> Iterator[str]:
    """What a block is put together from, the last with an empty line behind it; sentences if they are wanted `apart`."""
    text = block.text.strip("\r\n").rstrip()
    if not text:
        return
    if count_words(text) <= words and (block.whole or not apart):
        yield f"{text}\n\n"
        return
    pieces = text.splitlines(keepends=True) if block.whole else split_sentences(text)
    if block.whole:
        pieces = _lines_together(pieces, words) if apart else pieces
    *first, last = [cut for piece in pieces for cut in _cut(piece, words)]
    yield from first
    yield f"{last}\n\n"


def _lines_together(lines: list[str], words: int) -> list[str]:
    """As few pieces of at most so many words as lines allow."""
    found, size = list[str](), words
    for line in lines:
        more = count_words(line)
        if not found or size + more > words:
            found.append(line)
            size = more
        else:
            found[-1] += line
            size += more
    return found


def _cut(text: str, words: int) -> list[str]:
    """The text in pieces of at most so many words."""
    starts = [found.start() for number, found in enumerate(_WORD.finditer(text)) if number and number % words == 0]
    return [text[start:end] for start, end in zip([0, *starts], [*starts, len(text)], strict=True)]


def _together(units: list[str]) -> str:
    return "".join(units).strip("\r\n").rstrip()
