"""BM25 as it is written in the books."""

from math import log

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orchestrator.retrieval import BM25

TEXTS = st.lists(st.lists(st.sampled_from("abcde"), max_size=6).map(" ".join), max_size=8)


def test_scores_are_those_of_a_computation_by_hand() -> None:
    index = BM25(["cat sat", "cat cat dog ate", "fish"], k1=1.2, b=0.75)
    mean = 7 / 3
    cat = log(1 + (3 - 2 + 0.5) / (2 + 0.5))  # in two of three texts
    dog = log(1 + (3 - 1 + 0.5) / (1 + 0.5))
    first = cat * 1 * 2.2 / (1 + 1.2 * (0.25 + 0.75 * 2 / mean))
    second = cat * 2 * 2.2 / (2 + 1.2 * (0.25 + 0.75 * 4 / mean))
    second += dog * 1 * 2.2 / (1 + 1.2 * (0.25 + 0.75 * 4 / mean))
    assert index.scores("Cat dog, cat?") == pytest.approx([first, second, 0])
    assert index.ranked("cat dog") == [1, 0]


def test_a_word_that_most_texts_hold_still_counts_for_them() -> None:
    assert BM25(["cat one", "cat two", "dog"]).ranked("cat") == [0, 1]


def test_a_single_letter_and_a_number_are_words() -> None:
    assert BM25(["x 4", "y 5"]).ranked("5") == [1]


@pytest.mark.parametrize("texts", [[], [""], ["", "?!"]])
def test_texts_without_a_word_are_never_found(texts: list[str]) -> None:
    assert BM25(texts).ranked("anything") == []


@given(TEXTS, st.lists(st.sampled_from("abcdef"), max_size=4).map(" ".join))
def test_what_is_found_shares_a_word_and_what_shares_a_word_is_found(texts: list[str], query: str) -> None:
    sharing = {i for i, text in enumerate(texts) if set(text.split()) & set(query.split())}
    assert set(BM25(texts).ranked(query)) == sharing
