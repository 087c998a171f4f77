"""What every weigher must hold to: it says what is to be weighed, judges by nothing else, and changes nothing."""

import json
from copy import deepcopy
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orchestrator.kinds import Weigher, Weight
from storage.records import Outcome
from tests.contracts.whole import HOSTILE, a_draft, named, of_kind

weighers = pytest.mark.parametrize("weigher", of_kind(Weigher), ids=named)
DRAFTS = [a_draft(i, answer=f"{i} apples") for i in range(6)]
weights = st.builds(Weight, logprob=st.floats(-1e6, 0), tokens=st.integers(1, 2000))


def some(weigher: Any, logprobs: list[float]) -> list[list[Weight]]:
    """By draft: of its first text so many nats, of others one more."""
    return [[Weight(each - (place > 0), 4) for place in range(len(weigher.prompts()))] for each in logprobs]


@weighers
def test_a_text_is_weighed_once_after_each_prompt(weigher: Any) -> None:
    found = weigher.texts(DRAFTS[1].fields)
    assert [text for _, text in found] == ["1 apples"] * len(weigher.prompts())
    assert len({json.dumps(prompt) for prompt, _ in found}) == len(weigher.prompts())
    assert all(messages[-1]["role"] == "user" for messages, _ in found)


@weighers
def test_what_a_field_holds_is_text_and_no_placeholder(weigher: Any) -> None:
    assert {text for _, text in weigher.texts(a_draft(0, answer=HOSTILE).fields)} == {HOSTILE}


@weighers
def test_a_blank_text_is_not_weighed(weigher: Any) -> None:
    assert weigher.texts(a_draft(0, answer=" \n").fields) == []


@weighers
def test_a_field_that_is_not_there_is_named(weigher: Any) -> None:
    with pytest.raises(KeyError, match="answer"):
        weigher.texts({"question": "?", "rationale": "r"})


@weighers
@given(data=st.data())
def test_whatever_the_weights_each_draft_has_one_judgement_that_can_be_stored(weigher: Any, data: Any) -> None:
    own = st.lists(weights, min_size=len(weigher.prompts()), max_size=len(weigher.prompts()))
    drafts = DRAFTS[: data.draw(st.integers(0, len(DRAFTS)))]
    given_weights = [data.draw(own) for _ in drafts]
    before = deepcopy([draft.model_dump() for draft in drafts])
    judged = weigher.judge(drafts, given_weights)
    assert len(judged) == len(drafts)
    for each in judged:
        assert each.outcome in (Outcome.ACCEPTED, Outcome.REJECTED)
        assert len(each.reason) > 2
        assert each.score is not None
        assert json.dumps([each.score, each.evidence], allow_nan=False)
    assert [draft.model_dump() for draft in drafts] == before
    assert weigher.judge(drafts, given_weights) == judged


@weighers
def test_the_order_of_the_drafts_decides_nothing(weigher: Any) -> None:
    given_weights = some(weigher, [-1.0, -8.0, -8.0, -3.0, -40.0, -5.0])
    judged = weigher.judge(DRAFTS, given_weights)
    assert weigher.judge(DRAFTS[::-1], given_weights[::-1]) == judged[::-1]
