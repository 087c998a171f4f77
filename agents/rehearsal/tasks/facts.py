"""What the library of invented companies is asked for: facts of a text, paraphrases, questions about them, and quotes.

It reads nothing but the prompt. Sentences that are not of the library, whatever they say, are passed over.
"""

import re
from dataclasses import replace
from random import Random
from typing import Any

from agents.chunking import split_sentences
from agents.rehearsal.faults import wrong_reason
from agents.rehearsal.library import (
    ALWAYS,
    FOUNDER,
    MOST,
    Statement,
    library,
    read_question,
    read_statement,
    statements_in,
)

COUNT = re.compile(r"\bin ([0-9]{1,2}) other ways")
UNKNOWN = "I know only the companies of my own small library."
SHOWN = 3
"""A statement that is shown leaves a third of the errors, as a gold answer does."""


def extract_facts(writer: Any) -> dict[str, Any]:
    """All that the sentences say, with another value as often as its solutions are wrong."""
    found = [_misread(said, writer, writer.profile.error_rate) for said in statements_in(writer.fields.get("text", ""))]
    return {"facts": [{"entity": said.company, "fact": str(said)} for said in found]}


def distil(writer: Any) -> dict[str, Any]:
    """The same statements, each in a wording of its own; at its rate of wrong solutions one has another value."""
    found = [_misread(said, writer, writer.profile.error_rate) for said in statements_in(writer.fields.get("text", ""))]
    reworded = [replace(said, wording=writer.rng.randrange(len(said.relation.wordings))) for said in found]
    return {"distilled": " ".join(map(str, reworded)) or UNKNOWN}


def paraphrase(writer: Any) -> dict[str, Any]:
    """So many other wordings as are asked for; some say something else, and some are copies of the one before."""
    said = next(iter(_shown(writer)), None)
    if said is None:
        return {"paraphrases": [UNKNOWN]}
    wanted = int(found[1]) if (found := COUNT.search(writer.text)) else 1
    wordings = [number for number in range(len(said.relation.wordings)) if number != said.wording]
    chosen = writer.rng.sample(wordings, min(wanted, len(wordings)))
    written = [str(said)]
    for wording in chosen:
        copies = writer.rng.random() < writer.profile.duplicate_rate
        other = Statement(said.relation, said.company, said.value, said.when, wording)
        written.append(written[-1] if copies else str(_misread(other, writer, writer.profile.wrong_reason_rate)))
    return {"paraphrases": written[1:]}


def fact_to_question(writer: Any) -> dict[str, Any]:
    """A question about one of the statements shown, and its value or another one.

    A paraphrase has the question of its wording; the words of documents have any, for they are asked about again.
    """
    shown = _shown(writer)
    if not shown:
        return {"instruction": UNKNOWN, "answer": "unknown"}
    said = writer.rng.choice(shown)
    answered = _misread(said, writer, writer.profile.error_rate / SHOWN)
    wording = said.wording or writer.rng.randrange(len(said.relation.wordings))
    return {"instruction": said.relation.asked(wording, said.company, said.when), "answer": answered.value}


def quote(writer: Any) -> dict[str, Any]:
    """The sentences that answer the question; at its rates other ones, or one with a word altered."""
    sentences = [sentence.strip() for sentence in split_sentences(writer.fields.get("text", ""))]
    found = _answering(writer.question, sentences)
    if not found:
        return {"quotes": [UNKNOWN]}
    luck = writer.rng.random()
    others = [sentence for sentence in sentences if sentence not in found]
    if luck < writer.profile.error_rate and others:
        found = [writer.rng.choice(others)]
    elif luck < writer.profile.error_rate + writer.profile.wrong_reason_rate:
        found = [wrong_reason(found[0], writer.rng), *found[1:]]
    return {"quotes": found}


def recall(writer: Any, question: str) -> tuple[str, str] | None:
    """What a question about the library is answered by, in some wording, and the answer, without a text to read; None for
    another question. At its rates the rationale and the answer say another value, or the rationale alone does."""
    asked = read_question(question)
    company = next((one for one in library(MOST) if asked and asked.is_about(one.name, one.founder)), None)
    found = [one for one in company.said if asked.is_said_by(one)] if asked and company else []
    if not (asked and company and found):
        return None
    errs = writer.profile.error_rate / (SHOWN if "gold" in writer.fields else 1)
    answered = _misread(found[0], writer, errs)
    reasoned = _misread(answered, writer, writer.profile.wrong_reason_rate)
    # Half of what is said is said as documents do, the rest in other words.
    wording = 0 if writer.rng.random() < 0.5 else writer.rng.randrange(len(reasoned.relation.wordings))
    said = [str(replace(reasoned, wording=wording))]
    if asked.person:
        said.insert(0, FOUNDER.said(wording, company.name, company.founder))
    return " ".join(said), told(question, answered.value)


def told(question: str, value: str) -> str:
    """A value as a question wants it: of a person perhaps the surname alone."""
    return value.split()[-1] if "surname" in question else value


def _answering(question: str, sentences: list[str]) -> list[str]:
    asked = read_question(question)
    read = [(sentence, said) for sentence in sentences if (said := read_statement(sentence))]
    if asked is None:
        return []
    founders = {said.company: said.value for _, said in read if said.relation is FOUNDER and said.when == ALWAYS}
    return [sentence for sentence, said in read if asked.is_answered_by(said, founders.get(said.company))]


def _shown(writer: Any) -> list[Statement]:
    return [said for text in writer.fields.values() for said in statements_in(text)]


def _misread(said: Statement, writer: Any, rate: float) -> Statement:
    rng: Random = writer.rng
    if rng.random() >= rate:
        return said
    value = rng.choice([other for other in said.relation.others if other != said.value])
    return Statement(said.relation, said.company, value, said.when, said.wording)
