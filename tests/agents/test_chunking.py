"""Passages and windows: nothing is lost or doubled, the order is kept, and no passage is longer than it may be."""

import time
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agents.chunking import Block, count_words, passages, split_sentences, windows

WORD = st.text("abcXYZ019'-é", min_size=1, max_size=8) | st.sampled_from(
    ["Dr.", "e.g.", "3.14", "U.S.", "天气", "|", "#"]
)
END = st.sampled_from([" ", " ", " ", ". ", "! ", ".\n", "\n", "\n- ", "? ", "… "])
TEXT = st.lists(st.tuples(WORD, END), max_size=60).map(lambda pairs: "".join(word + end for word, end in pairs))
SECTION = st.lists(st.sampled_from(["One", "Two", "Three"]), max_size=2).map(tuple)
BLOCKS = st.lists(st.tuples(TEXT, SECTION, st.booleans(), st.booleans()), max_size=10).map(
    lambda rows: [
        Block(text, section, sum(heads for _, _, _, heads in rows[: place + 1]), whole)
        for place, (text, section, whole, _) in enumerate(rows)
    ]
)


def words_of(texts: list[str]) -> list[str]:
    """Letter by letter, for a word that is cut is not a word that is lost."""
    return list("".join("".join(text.split()) for text in texts))


@given(BLOCKS, st.integers(1, 30))
def test_passages_hold_every_word_once_and_in_order(blocks: list[Block], words: int) -> None:
    found = list(passages(blocks, words))
    assert words_of([each.text for each in found]) == words_of([block.text for block in blocks])
    assert all(each.text.strip() for each in found)


@given(BLOCKS, st.integers(1, 30))
def test_no_passage_is_longer_than_it_may_be(blocks: list[Block], words: int) -> None:
    assert all(count_words(each.text) <= words for each in passages(blocks, words))


@given(BLOCKS, st.integers(1, 30))
def test_a_passage_never_crosses_a_heading(blocks: list[Block], words: int) -> None:
    for section in {block.section for block in blocks}:
        there = [block.text for block in blocks if block.section == section]
        assert words_of([p.text for p in passages(blocks, words) if p.section == section]) == words_of(there)


@given(BLOCKS, st.integers(1, 30))
def test_two_passages_of_a_section_would_not_fit_into_one_if_its_paragraphs_fit(
    blocks: list[Block], words: int
) -> None:
    small = [Block(block.text, ("One",), 0) for block in blocks if count_words(block.text) <= words]
    found = [count_words(each.text) for each in passages(small, words)]
    assert all(one + other > words for one, other in pairwise(found))


@given(BLOCKS, st.integers(1, 4), st.integers(1, 30))
def test_windows_that_do_not_overlap_hold_every_word_once_and_in_order(blocks: list[Block], n: int, words: int) -> None:
    found = [each.text for each in windows(blocks, n, n, words)]
    assert words_of(found) == words_of([block.text for block in blocks])
    assert all(count_words(text) <= n * words for text in found)


@given(st.integers(1, 12), st.integers(1, 5), st.integers(1, 5))
def test_windows_begin_every_stride_and_leave_no_sentence_out(count: int, n: int, stride: int) -> None:
    stride = min(stride, n)
    text = " ".join(f"Sentence {number} ends." for number in range(count))
    found = [each.text.split(". ") for each in windows([Block(text)], n, stride, 100)]
    starts = [int(window[0].split()[1]) for window in found]
    assert starts == list(range(0, len(found) * stride, stride))
    assert {int(s.split()[1]) for window in found for s in window} == set(range(count))
    assert all(len(window) == n for window in found[:-1])
    assert len(found) == 1 or starts[-2] + n < count, "the last window is more than a part of the one before"


@given(TEXT)
def test_sentences_put_together_are_the_text(text: str) -> None:
    assert "".join(split_sentences(text)) == text
    assert all(split_sentences(text))


@pytest.mark.parametrize(
    "sentences",
    [
        ["He paid $3.50 for it. ", "It rained."],
        ["Dr. Smith went to Washington D.C. on Jan. 5. ", "He stayed."],
        ["See Fig. 3 for e.g. the U.S. Army. ", "No. ", "He left!"],
        ["J. R. Tolkien wrote it. ", '"Really?" she asked. ', '"Yes." ', "He nodded."],
        ["Use Node.js v1.2.3 now. ", "See Smith et al. (2019). ", "OK?"],
        ["1. First item\n", "2. Second one. ", "More.\n", "- dash"],
        ["Then we left... ", "So did I. ", "She stayed?! ", "Yes (all day). ", "Why? because."],
        ["今天天气好。", "我们走吧！", "真的。"],
        ["Élan was lost. ", "Über was not."],
    ],
)
def test_where_sentences_end(sentences: list[str]) -> None:
    assert split_sentences("".join(sentences)) == sentences


def test_code_and_tables_stay_whole_where_they_fit_and_are_cut_between_lines_where_not() -> None:
    code = Block("```\na = 1. B\n\nb = 2\n```", whole=True)
    assert [each.text for each in windows([Block("One. Two."), code], 1, 1, 20)] == ["One.", "Two.", code.text]
    table = Block("\n".join(f"| row {number} |" for number in range(10)), whole=True)
    assert [each.text.count("\n") for each in passages([table], 12)] == [2, 2, 2, 0]
    assert [each.text.count("\n") for each in windows([table], 1, 1, 12)] == [2, 2, 2, 0]


@pytest.mark.parametrize("text", ["." * 2_000_000, "a. " * 50_000, "word " * 100_000, "\n- a" * 50_000, "。" * 50_000])
def test_time_grows_with_the_length_of_the_text_and_not_faster(text: str) -> None:
    began = time.process_time()
    assert words_of([each.text for each in passages([Block(text)], 180)]) == words_of([text])
    assert time.process_time() - began < 10
