"""The library of invented companies: what it says can be read back, and how exams ask is how nobody teaches."""

from hypothesis import given
from hypothesis import strategies as st

from agents.rehearsal.library import (
    ALWAYS,
    FIRST,
    MOST,
    NOW,
    RELATIONS,
    Statement,
    library,
    read_question,
    read_statement,
    statements_in,
)
from agents.splits import folded
from orchestrator.examination.decontamination import Guard
from orchestrator.kinds import ExamItem

COMPANIES = library(MOST)
FACTS = [fact for company in COMPANIES for fact in company.facts()]
ASKED = [(fact, view, *asked) for fact in FACTS for view, asked in fact.views.items()]


def taught() -> list[str]:
    """All that a teacher without errors can say and ask of the library."""
    texts = []
    for company in COMPANIES:
        texts.append(company.document)
        for said in company.said:
            for wording in range(len(said.relation.wordings)):
                texts.append(said.relation.said(wording, said.company, said.value, said.when))
                texts.append(said.relation.asked(wording, said.company, said.when))
    return texts


def test_a_larger_library_begins_with_the_smaller_one() -> None:
    assert library(7) == COMPANIES[:7]
    assert len({company.name for company in COMPANIES}) == MOST
    assert len({next(company.facts()).views["memorised"][1] for company in COMPANIES}) == MOST


@given(
    relation=st.sampled_from(RELATIONS),
    company=st.sampled_from(COMPANIES),
    when=st.sampled_from([ALWAYS, FIRST, NOW]),
    data=st.data(),
)
def test_every_sentence_and_its_question_are_read_as_what_they_say(relation, company, when, data) -> None:  # type: ignore[no-untyped-def]
    value = data.draw(st.sampled_from(relation.others))
    wording = data.draw(st.integers(0, len(relation.wordings) - 1))
    said = Statement(relation, company.name, value, when, wording)
    assert read_statement(str(said)) == said
    asked = read_question(relation.asked(wording, company.name, when))
    assert asked
    assert (asked.relation, asked.company, asked.when) == (relation, company.name, when)
    assert asked.is_answered_by(said, None)


def test_a_document_says_all_that_is_asked_and_what_has_changed_last() -> None:
    for company in COMPANIES:
        assert statements_in(company.document) == list(company.said)
        whens = [said.when for said in company.said if said.when]
        assert whens == [FIRST, NOW]


def test_the_sentences_that_answer_a_question_hold_its_answer_in_every_view() -> None:
    by_name = {company.name: company for company in COMPANIES}
    for fact, view, question, gold in ASKED:
        asked, said = read_question(question), by_name[fact.company].said
        founder = next(iter(fact.views)) and next(one.value for one in said if one.relation is RELATIONS[0])
        assert asked
        answering = [one for one in said if asked.is_answered_by(one, founder)]
        assert any(gold in str(one) for one in answering)
        assert len(answering) == (2 if view == "derived" and asked.person else 1)


def test_no_lesson_holds_an_exam_question_but_the_rephrased_ones_that_the_guard_leaves_out() -> None:
    """As the guard of datasets compares texts. Of six ways to ask for a fact it leaves one out, and of no other fact any."""
    questions = [question for *_, question, _ in ASKED]
    assert len({folded(question) for question in questions}) == len(questions)
    guard = Guard(ExamItem(question, gold, [], view, "k") for _, view, question, gold in ASKED)
    held = {question for _, view, question, _ in ASKED if view in ("rephrased", "updated")}
    found = {text for text in taught() if guard.find({"text": text})}
    assert found == held
    assert len(found) == len(FACTS) + len(COMPANIES)
