"""What each weigher makes of log-probabilities."""

from math import log
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agents.registry import build, import_components
from orchestrator.kinds import Weigher, Weight
from storage.records import Draft, Outcome

import_components("orchestrator.weighers")


def weigher(use: str, **options: Any) -> Any:
    return build({"use": use, **options}, Weigher)


def a_draft(number: int, **fields: Any) -> Draft:
    facts = {"run": "r", "round": 1, "step": "s", "kind": "k", "producer": "p", "split_key": "k"}
    return Draft.new(**facts, fields={"question": f"{number}?", "answer": "a", **fields})


def kept(judge: Any, drafts: list[Draft], weights: list[list[Weight]]) -> list[bool]:
    return [each.outcome == Outcome.ACCEPTED for each in judge.judge(drafts, weights)]


def of_mean(mean: float, tokens: int = 4) -> list[Weight]:
    return [Weight(mean * tokens, tokens)]


# --- perplexity -----------------------------------------------------------------------------------------------------


def test_perplexity_is_of_a_token_and_not_of_a_text() -> None:
    drafts = [a_draft(i) for i in range(4)]
    weights = [[Weight(2 * -log(4), 2)], [Weight(40 * -log(4), 40)], [Weight(-log(9), 1)], [Weight(0.0, 3)]]
    judged = weigher("perplexity", at_least=2, at_most=8).judge(drafts, weights)
    assert [each.score for each in judged] == pytest.approx([4, 4, 9, 1])
    assert [each.outcome == Outcome.ACCEPTED for each in judged] == [True, True, False, False]
    assert judged[2].reason != judged[3].reason


def test_limits_that_nothing_meets_are_refused() -> None:
    with pytest.raises(ValueError, match="at least 9 and at most 8"):
        weigher("perplexity", at_least=9, at_most=8)
    with pytest.raises(ValueError, match="every draft passes"):
        weigher("perplexity", at_most=None)


# --- how much a rationale helps -------------------------------------------------------------------------------------


def test_what_makes_a_text_likelier_is_kept_and_what_makes_it_less_likely_is_not() -> None:
    drafts = [a_draft(i) for i in range(3)]
    helps, harms, nothing = (of_mean(-a) + of_mean(-b) for a, b in ((1.0, 2.0), (2.0, 1.0), (1.5, 1.5)))
    judged = weigher("perplexity_ratio").judge(drafts, [helps, harms, nothing])
    assert [each.score for each in judged] == pytest.approx([2.718, 0.368, 1.0], abs=1e-3)
    assert [each.outcome == Outcome.ACCEPTED for each in judged] == [True, False, True]


def test_the_text_is_weighed_with_what_is_judged_in_its_prompt_and_without() -> None:
    [(shown, _), (without, _)] = weigher("perplexity_ratio").texts(
        {"question": "Why?", "rationale": "So.", "answer": "a"}
    )
    assert "So." in shown[0]["content"]
    assert without == [{"role": "user", "content": "Why?"}]


# --- ranks ----------------------------------------------------------------------------------------------------------


def test_the_tail_and_the_head_of_one_set_share_it_out() -> None:
    drafts, weights = [a_draft(i) for i in range(4)], [of_mean(-m) for m in (3.0, 1.0, 4.0, 2.0)]
    assert kept(weigher("likelihood_rank", share=0.5), drafts, weights) == [True, False, True, False]
    assert kept(weigher("likelihood_rank", share=0.5, keep="head"), drafts, weights) == [False, True, False, True]


def test_groups_are_ranked_by_themselves_and_keep_one_at_least() -> None:
    drafts = [a_draft(i, rule="one" if i < 3 else "other") for i in range(4)]
    weights = [of_mean(-m) for m in (9.0, 8.0, 7.0, 0.1)]
    assert kept(weigher("likelihood_rank", share=0.3, within=["rule"]), drafts, weights) == [True, False, False, True]


@given(
    means=st.lists(st.floats(-50, 0), min_size=1, max_size=12),
    share=st.floats(0.01, 1),
    keep=st.sampled_from(["tail", "head"]),
)
def test_nothing_that_is_dropped_is_nearer_than_what_is_kept(means: list[float], share: float, keep: str) -> None:
    drafts, weights = [a_draft(i) for i in range(len(means))], [of_mean(mean, 1) for mean in means]
    passed = kept(weigher("likelihood_rank", share=share, keep=keep), drafts, weights)
    near = [mean for mean, ok in zip(means, passed, strict=True) if ok]
    far = [mean for mean, ok in zip(means, passed, strict=True) if not ok]
    assert share * len(means) - 1e-6 <= len(near) < share * len(means) + 1
    assert not far or (max(near) <= min(far) if keep == "tail" else min(near) >= max(far))
