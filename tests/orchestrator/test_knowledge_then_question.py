"""Knowledge is shown before the question, and fades to the bare question."""

from hypothesis import given
from hypothesis import strategies as st

from orchestrator.formats.knowledge_then_question import KnowledgeThenQuestion

LESSON = {"question": "What does Ana want?", "rationale": "Who sells wants to count.", "answer": "to count"}
KNOWN = {**LESSON, "knowledge": "Find the rule.\nWho sells wants to count."}
TEXTS = st.text(st.sampled_from("ab \n"), max_size=60)


def form(fades: bool = False) -> KnowledgeThenQuestion:
    return KnowledgeThenQuestion(use="knowledge_then_question", fades=fades)


def shown(row: dict) -> str:
    (message,) = row["prompt"]
    assert message["role"] == "user"
    return message["content"]


def test_knowledge_comes_first_and_the_completion_is_the_same_with_and_without() -> None:
    known, bare = form().row(KNOWN), form().row(LESSON)
    assert shown(known) == "Find the rule.\nWho sells wants to count.\n\nWhat does Ana want?"
    assert shown(bare) == "What does Ana want?"
    assert known["completion"] == bare["completion"]
    assert bare["completion"][0]["content"] == "Who sells wants to count.\n#### to count"


def test_in_the_middle_half_of_the_words_are_left() -> None:
    assert shown(form(fades=True).row_at(KNOWN, 0.5)) == "Find the rule. Who\n\nWhat does Ana want?"
    assert shown(form(fades=True).row_at(KNOWN, 0.0)) == shown(form().row(KNOWN))


@given(TEXTS)
def test_in_the_last_round_the_prompt_is_the_bare_question(knowledge: str) -> None:
    fields = {**LESSON, "knowledge": knowledge}
    assert form(fades=True).row_at(fields, 1.0) == form().row(LESSON)
    assert form().row_at(fields, 1.0) == form().row(fields)


@given(TEXTS, st.lists(st.floats(0, 1), min_size=2, max_size=2))
def test_never_is_more_shown_later(knowledge: str, two: list[float]) -> None:
    counts = [len(shown(form(fades=True).row_at({**LESSON, "knowledge": knowledge}, at)).split()) for at in sorted(two)]
    assert counts[0] >= counts[1] >= len(LESSON["question"].split())
