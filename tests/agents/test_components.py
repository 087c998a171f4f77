"""The registry, and what single components do beyond the contracts of their kind."""

from typing import Any

import pytest

from agents import registry
from agents.kinds import Nobody, Verifier, accepted
from agents.registry import build, register
from agents.selections.exact_duplicates import ExactDuplicates
from agents.selections.majority_vote import MajorityVote
from storage.records import Draft


def a_draft(number: int, answer: str, question: str = "How many?") -> Draft:
    fields = {"question": question, "rationale": "so", "answer": answer}
    facts: dict[str, Any] = {"run": "r", "round": 1, "step": "s", "kind": "solution", "producer": "w@1"}
    return Draft.new(**facts, fields=fields, split_key=question, sample=number)


def outcomes(judgements: Any) -> list[tuple[str, str]]:
    return [(str(judgement.outcome), judgement.reason) for judgement in judgements]


# --- the registry ---------------------------------------------------------------------------------------------------


def test_a_name_can_be_taken_only_once_in_a_kind(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(registry, "_registered", {})

    class One(Verifier):
        def judge(self, draft: Draft) -> Any:
            return accepted("yes")

    class Two(One):
        pass

    assert register("mine")(One) is register("mine")(One) is One
    with pytest.raises(ValueError, match=r"verifier 'mine' is defined twice: in .*test_components and in .*rename"):
        register("mine")(Two)
    assert build("mine", Verifier).judge(a_draft(0, "1")).reason == "yes"


@pytest.mark.parametrize("options", [None, 3, [], {}, {"use": 3}, {"use": None}])
def test_what_names_no_component_is_refused(options: Any) -> None:
    with pytest.raises(ValueError, match="expected `use: <name of a verifier>`"):
        build(options, Verifier)


async def test_nobody_answers_nothing() -> None:
    with pytest.raises(RuntimeError, match="says it asks nobody"):
        await Nobody().ask("?", Draft)


# --- selections -----------------------------------------------------------------------------------------------------


def test_a_majority_keeps_the_first_of_the_largest_group() -> None:
    drafts = [a_draft(i, answer) for i, answer in enumerate(["8", "7", "seven", "7.0"])]
    assert outcomes(MajorityVote(use="majority_vote").choose(drafts, [])) == [
        ("rejected", "outvoted"),
        ("accepted", "3 of 4 agree"),
        ("rejected", "same answer as the solution kept"),
        ("rejected", "same answer as the solution kept"),
    ]


def test_without_a_majority_nothing_is_kept() -> None:
    drafts = [a_draft(0, "7"), a_draft(1, "8"), a_draft(2, "5", "Alone?")]
    assert outcomes(MajorityVote(use="majority_vote").choose(drafts, [])) == [("rejected", "no majority")] * 3


def test_duplicates_are_known_across_rounds_case_and_spacing() -> None:
    first, again, other = a_draft(0, "7"), a_draft(1, " 7 ", "how  MANY?"), a_draft(2, "8")
    component = ExactDuplicates(use="exact_duplicates")
    assert outcomes(component.choose([first, again, other], [])) == [
        ("accepted", "new"),
        ("rejected", "duplicate"),
        ("accepted", "new"),
    ]
    assert outcomes(component.choose([again, other], [first])) == [("rejected", "duplicate"), ("accepted", "new")]
    assert component.choose([again], [first])[0].evidence == {"of": first.key}
