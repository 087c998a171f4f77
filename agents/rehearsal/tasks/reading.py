"""Answering a question from notes and from nothing else."""

from typing import Any

from agents.rehearsal.faults import STEP, Known, known
from agents.rehearsal.library import FOUNDER, read_question, statements_in
from agents.rehearsal.tasks.facts import told

UNKNOWN = "unknown"


def read_answer(writer: Any) -> dict[str, Any]:
    """What the notes say, whether it is true or not. In an error of judgement it finds nothing, or what is not there."""
    notes = "\n".join(text for name, text in writer.fields.items() if name != "question")
    item = known(writer.question)
    found = _read_off(item, notes) if item else _looked_up(writer.question, notes)
    if writer.rng.random() < writer.profile.judge_error_rate:
        found = UNKNOWN if found != UNKNOWN or item is None else item.truth.answer
    return {"reason": "The notes say so." if found != UNKNOWN else "The notes do not say.", "read_answer": found}


def _looked_up(question: str, notes: str) -> str:
    """The value of the first statement of the notes that answers a question about the library."""
    asked, said = read_question(question), statements_in(" ".join(notes.split()))
    founders = {one.company: one.value for one in said if one.relation is FOUNDER}
    answers = (
        one
        for one in said
        if asked and asked.is_said_by(one) and asked.is_about(one.company, founders.get(one.company, ""))
    )
    return next((told(question, one.value) for one in answers), UNKNOWN)


def _read_off(item: Known, notes: str) -> str:
    """The result of the last calculation; otherwise the words that stand where a solution of this kind has its answer.

    What a solution does not say word for word, such as a list turned round, is not found.
    """
    steps, answer = list(STEP.finditer(notes)), item.truth.answer
    if steps:
        return steps[-1][5]
    words, known_words, wanted = notes.split(), item.truth.rationale.split(), answer.split()
    places = range(len(known_words) - len(wanted), -1, -1)
    at = next((i for i in places if _bare(known_words[i : i + len(wanted)]) == wanted), None)
    if at is None or len(words) != len(known_words):
        return UNKNOWN
    return " ".join(_bare(words[at : at + len(wanted)]))


def _bare(words: list[str]) -> list[str]:
    return [word.strip(".,") for word in words]
