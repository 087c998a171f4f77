"""The library as two sources: documents that are taught, and questions about their facts that are not."""

from collections import Counter

import pytest
from pydantic import ValidationError

from agents.kinds import Part
from agents.sources.rehearsal_documents import RehearsalDocuments
from agents.sources.rehearsal_facts import RehearsalFacts
from orchestrator.exams.facts_in_views import VIEWS

PARTS: tuple[Part, ...] = ("train", "probe", "test")


def documents(**options: object) -> RehearsalDocuments:
    return RehearsalDocuments.model_validate({"use": "rehearsal_documents", "companies": 20, **options})


def facts(**options: object) -> RehearsalFacts:
    return RehearsalFacts.model_validate({"use": "rehearsal_facts", "companies": 20, **options})


def asked(source: RehearsalFacts, part: Part, seed: int = 0) -> list[tuple[str, str, str]]:
    found = [m for view in source.skills() for m in source.materials(part, view, seed)]
    return [(m.skill, m.fields["question"], m.split_key) for m in found]


def test_every_document_is_taught_and_every_fact_is_asked_in_its_views() -> None:
    taught = list(documents().materials("train", "", 0))
    assert len(taught) == 20
    assert not [*documents().materials("probe", "", 0), *documents().materials("test", "", 0)]
    everything = [one for part in PARTS for one in asked(facts(), part)]
    assert Counter(view for view, *_ in everything) == {"memorised": 80, "rephrased": 80, "derived": 80, "updated": 20}
    assert facts().skills() == VIEWS


def test_the_key_of_a_question_is_never_that_of_a_document() -> None:
    """So facts can be taught and asked, and the guard holds back the questions alone."""
    taught = {material.split_key for material in documents().materials("train", "", 0)}
    assert not taught & {key for part in PARTS for *_, key in asked(facts(), part)}


def test_all_views_of_a_fact_are_in_one_part() -> None:
    keys = {part: {key for *_, key in asked(facts(), part)} for part in PARTS}
    assert sum(map(len, keys.values())) == 80
    assert min(map(len, keys.values())) > 5


def test_a_question_that_a_teacher_repeats_has_the_key_of_its_fact() -> None:
    [(_, question, key), *_] = asked(facts(), "test")
    assert facts().split_key({"question": f"  {question.upper()}"}) == key
    assert facts().split_key({"question": "Who is this?"}) == "who is this?"


def test_with_documents_shown_no_document_crosses_the_parts() -> None:
    shown = facts(split_by="document", beside=1, probe=0.3, test=0.3)
    named: dict[str, set[str]] = {}
    for part in PARTS:
        texts = [m.fields["text"] for view in shown.skills() for m in shown.materials(part, view, 0)]
        named[part] = {" ".join(text.split()[:0]) or sentence for text in texts for sentence in text.split(". ")}
        assert all(text.count(".") == 10 for text in texts)
    assert all(
        not (named[one] & named[other]) for one, other in (("train", "probe"), ("train", "test"), ("probe", "test"))
    )


def test_the_text_of_a_question_holds_its_answer() -> None:
    for part in PARTS:
        for view in VIEWS:
            for material in facts(beside=2).materials(part, view, 0):
                assert material.fields["gold"] in material.fields["text"]


@pytest.mark.parametrize(("sentences", "each"), [(1, 5), (2, 4), (3, 3)])
def test_windows_are_of_so_many_sentences(sentences: int, each: int) -> None:
    found = list(documents(sentences=sentences, stride=1).materials("train", "", 0))
    assert len(found) == 20 * each
    assert {material.fields["text"].count(".") for material in found} == {sentences}
    whole = {m.fields["document"]: m.fields["text"] for m in documents().materials("train", "", 0)}
    assert all(m.fields["text"] in whole[m.fields["document"]] for m in found)


@pytest.mark.parametrize("options", [{"stride": 1}, {"sentences": 1, "stride": 2}, {"companies": 500}])
def test_what_would_leave_sentences_out_or_name_nobody_is_refused(options: dict[str, int]) -> None:
    with pytest.raises(ValidationError):
        documents(**options)
