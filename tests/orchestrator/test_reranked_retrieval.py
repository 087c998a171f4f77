"""Passages are found by the question, put in order by a second student, and shown; and how often they hold the answer."""

import json

import pytest

from orchestrator.examination.scoring import hit_rate
from orchestrator.inferences.reranked_retrieval import RerankedRetrieval
from orchestrator.kinds import Ask, Concluded, Conversation, ExamItem, Said
from orchestrator.retrieval import Shelf
from storage.records import Attempt, Draft

ITEM = ExamItem("When did the doors of Amber Works open?", "1956", [], "rephrased", "fact: Amber Works: year")
TEXTS = ("Amber Works makes lamps.", "Amber Works opened in 1956.", "Birch Labs opened in 1956.", "It rains.")


def shelf(*texts: str) -> Shelf:
    facts = {"run": "r", "round": 1, "step": "read", "kind": "text", "producer": "w@1"}
    return Shelf([Draft.new(**facts, fields={"text": text}, split_key=text) for text in texts])


def inference(**options: object) -> RerankedRetrieval:
    return RerankedRetrieval.model_validate({"use": "reranked_retrieval", **options})


def conclude(talk: Conversation) -> Concluded:
    with pytest.raises(StopIteration) as end:
        talk.send([Said("#### 1956")])
    return end.value.value


def odds(yes: float, no: float) -> Said:
    return Said(json.dumps([[yes, True], [no, False]]))


def test_what_the_reranker_finds_likeliest_to_help_is_shown() -> None:
    talk = inference(reranker="judge").converse(ITEM, shelf(*TEXTS))
    asked = next(talk)
    assert [(ask.job, ask.choices) for ask in asked] == [("judge", ("yes", "no"))] * 2
    assert {ask.shown["knowledge"] for ask in asked} == set(TEXTS[:2]), "no other shares a word with the question"
    likely = [odds(-1, -0.1) if "lamps" in ask.shown["knowledge"] else odds(-3, -4) for ask in asked]
    assert talk.send(likely) == [Ask({"knowledge": TEXTS[1]})], "what counts is yes against no"
    assert conclude(talk) == Concluded(Said("#### 1956"), {"knowledge": TEXTS[1]})


def test_without_a_reranker_the_order_is_that_of_the_question() -> None:
    talk = inference().converse(ITEM, shelf(TEXTS[3], TEXTS[0], TEXTS[1]))
    assert next(talk) == [Ask({"knowledge": TEXTS[0]})], "equals stay as they come"


def test_the_best_of_several_passages_stands_next_to_the_question() -> None:
    talk = inference(entries=2).converse(ITEM, shelf(*TEXTS))
    assert next(talk)[0].shown["knowledge"] == f"{TEXTS[1]}\n\n{TEXTS[0]}"


def test_a_reranker_is_not_asked_about_what_is_shown_anyway() -> None:
    talk = inference(reranker="judge", entries=2).converse(ITEM, shelf(*TEXTS))
    assert [ask.job for ask in next(talk)] == [None]


@pytest.mark.parametrize("options", [{"skills": ["trip"]}, {"candidates": 1, "text": "other"}])
def test_a_question_that_nothing_is_looked_up_for_is_asked_bare(options: dict[str, object]) -> None:
    talk = inference(reranker="judge", **options).converse(ITEM, shelf(*TEXTS))
    assert next(talk) == [Ask({})]
    assert conclude(talk).shown == {}


def an_attempt(gold: str, shown: str) -> Attempt:
    known = {
        "run": "r",
        "round": 1,
        "student": "s",
        "exam": "test",
        "question": gold + shown,
        "reply": "",
        "right": False,
    }
    return Attempt.new(**known, gold=gold, skill="", split_key="", shown={"knowledge": shown} if shown else {})


def test_the_hit_rate_counts_questions_that_were_shown_nothing_as_misses() -> None:
    asked = [
        an_attempt("1956", TEXTS[1]),
        an_attempt("195", TEXTS[1]),
        an_attempt("lamps", TEXTS[0]),
        an_attempt("7", ""),
    ]
    assert hit_rate(asked) == 0.5
    assert hit_rate(asked[3:]) is None
