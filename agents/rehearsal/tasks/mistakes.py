"""Explaining a student's mistake, and reviewing what a colleague wrote."""

from itertools import zip_longest
from typing import Any

from agents.answers import final_answer, same_answer
from agents.rehearsal.faults import same_text


def explain(writer: Any) -> dict[str, Any]:
    """Compares the student's reply with its own solution: a teacher that errs there explains wrongly as well."""
    rationale, answer = writer.solution(writer.question)
    explanation = where_wrong(writer.fields.get("student_reply", ""), rationale, answer)
    return {"explanation": explanation, "rationale": rationale, "answer": answer}


def review(writer: Any) -> dict[str, Any]:
    """A judgement as a comment and a grade, as often wrong as its judgements are."""
    judged = writer.judgement()
    return {"comment": judged["reason"], "grade": judged["score"]}


def where_wrong(reply: str, rationale: str, answer: str) -> str:
    """The first step of a reply that is not as in the rationale; failing that, what is wrong with its final answer."""
    said = final_answer(reply)
    shown = steps_of(reply if said is None else reply.rpartition("\n")[0])
    for number, (one, right) in enumerate(zip_longest(shown, steps_of(rationale)), 1):
        if one is None:
            return f"Step {number} is missing: {right}."
        if right is None:
            return f"Step {number} is not needed."
        if not same_text(one, right):
            return f"Step {number} is wrong: {right}."
    if said is None:
        return "The answer is missing."
    return "Nothing is wrong." if same_answer(said, answer) else f"The answer is wrong: {answer}."


def steps_of(text: str) -> list[str]:
    """The steps of a rationale, as the world parts them."""
    return [step.strip().rstrip(".") for step in text.split(";") if step.strip()]
