"""What a terminal is told."""

import io

import pytest
from rich.console import Console

from flows.telling import print_lineage
from orchestrator.why import Ancestor, Lineage
from storage.records import Call, Draft


@pytest.mark.parametrize(
    ("sample", "usd", "text", "cost"),
    [
        (0, 0.3, "first", "that cost $0.300000"),
        (4, 0.3, "second", "that cost $0.300000"),
        (2, None, "third", "of unknown price"),
    ],
)
def test_of_several_choices_the_drafts_own_is_shown(sample: int, usd: float | None, text: str, cost: str) -> None:
    choices = [{"content": "first"}, {"content": "second"}, {"refusal": "third"}]
    request = {"messages": [{"role": "user", "content": "hi"}]}
    call = Call.new(model="m", request=request, reply={**choices[0], "choices": choices}, usd=usd)
    facts = {"run": "r", "round": 1, "step": "solve", "kind": "k", "split_key": "s", "producer": "p@1"}
    draft = Draft.new(**facts, fields={}, parents=["seed:x"], call=call.key, sample=sample)
    told = io.StringIO()
    print_lineage(Lineage(None, [Ancestor(draft, call, [])]), Console(file=told))
    assert f"\n  {text}\n" in told.getvalue()
    assert f"one of 3 choices of a call {cost}, " in told.getvalue()


def test_a_call_of_one_choice_is_told_as_it_was() -> None:
    call = Call.new(model="m", request={"messages": []}, reply={"content": "only"}, usd=0.3)
    facts = {"run": "r", "round": 1, "step": "solve", "kind": "k", "split_key": "s", "producer": "p@1"}
    draft = Draft.new(**facts, fields={}, parents=["seed:x"], call=call.key, sample=3)
    told = io.StringIO()
    print_lineage(Lineage(None, [Ancestor(draft, call, [])]), Console(file=told))
    assert "m, 0 + 0 tokens, $0.300000, 1 attempts" in told.getvalue()
    assert "  only\n" in told.getvalue()
