"""What counts as a quote: word for word, whatever the spacing, and with the answer in it."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agents.kinds import UnfitDraft
from agents.quoting import altered, hold
from agents.verifiers.exact_span import ExactSpan
from storage.records import Outcome
from tests.contracts.whole import a_draft

TEXT = "Amber Works makes lamps.  It was founded\nby Ana Bell. It opened in 1931."
EXACT = ExactSpan(use="exact_span")


def judged(quotes: str, gold: str = "Ana Bell", **options: object) -> tuple[Outcome, str]:
    judgement = EXACT.model_copy(update=options).judge(a_draft(0, text=TEXT, quotes=quotes, gold=gold))
    return judgement.outcome, judgement.reason


@pytest.mark.parametrize(
    "quotes", ["It was founded by Ana Bell.", "founded by  Ana Bell", "Amber Works\n\nAna Bell. It"]
)
def test_spacing_does_not_count(quotes: str) -> None:
    assert judged(quotes) == (Outcome.ACCEPTED, "word for word")


@pytest.mark.parametrize(
    ("quotes", "reason"),
    [
        ("It was founded by Ben Bell.", "not word for word"),
        ("It was founded by Ana Bell.\nIt opened in 1932.", "not word for word"),
        ("it was founded by Ana Bell.", "not word for word"),
        ("Ana Bel", "not word for word"),
        ("Amber Works makes lamps. It opened in 1931.", "not word for word"),
        ("Amber Works makes lamps.", "the quotes lack the answer"),
        (" \n ", "nothing is quoted"),
    ],
)
def test_other_words_halves_of_words_and_quotes_beside_the_point_are_rejected(quotes: str, reason: str) -> None:
    assert judged(quotes) == (Outcome.REJECTED, reason)


def test_a_short_answer_can_be_checked_alone() -> None:
    short = ExactSpan(use="exact_span", spans="answer", within="text", holds=None)
    draft = {"text": TEXT, "gold": "nothing"}
    assert short.judge(a_draft(0, answer="lamps", **draft)).outcome == Outcome.ACCEPTED
    assert short.judge(a_draft(0, answer="lamp", **draft)).outcome == Outcome.REJECTED


def test_a_source_without_the_answer_is_named() -> None:
    draft = a_draft(0, text=TEXT, quotes="Ana Bell")
    draft.fields = {name: value for name, value in draft.fields.items() if name != "gold"}
    with pytest.raises(UnfitDraft, match=r"`gold` in the quotes.*`holds: null`"):
        EXACT.judge(draft)


WORDS = st.lists(st.sampled_from(["a", "b.", "Ce", "d-e", "(f)", "7"]), min_size=1, max_size=30)


@given(
    words=WORDS, cut=st.tuples(st.integers(0, 30), st.integers(1, 30)), space=st.sampled_from([" ", "\n", "\t ", "  "])
)
def test_every_span_of_words_is_one_and_holds_itself(words: list[str], cut: tuple[int, int], space: str) -> None:
    quoted = words[cut[0] : cut[0] + cut[1]] or words
    assert altered(" ".join(quoted), space.join(words)) == []
    assert hold(" ".join(quoted), space.join(quoted).upper())
