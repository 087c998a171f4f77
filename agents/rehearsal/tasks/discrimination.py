"""Scoring two answers to one question side by side."""

from typing import Any

from agents.rehearsal.faults import Known, known, same_text

RIGHT, UNSOUND, WRONG = 10, 6, 2
"""Points of an answer that holds, of one that is right for a wrong reason, and of one that is wrong."""
PREFERRED = 2
"""Points that the second of two answers loses where the first is preferred for being the first."""


def score_pair(writer: Any) -> dict[str, Any]:
    """Points of both answers by the oracle. In an error of judgement, unlike answers pass for alike and like ones for
    unlike."""
    item = known(writer.question)
    texts = writer.fields.get("first_answer", ""), writer.fields.get("second_answer", "")
    first, second = (WRONG if item is None else _points(item, text) for text in texts)
    if writer.rng.random() < writer.profile.judge_error_rate:
        if first != second:
            first = second = max(first, second)
        elif writer.rng.random() < 0.5:
            first = WRONG if first > WRONG else RIGHT
        else:
            second = WRONG if second > WRONG else RIGHT
    if writer.rng.random() < writer.profile.order_bias:
        second = max(1, second - PREFERRED)
    better = "Both answers are equally good." if first == second else "The first answer is better."
    said = better if first >= second else "The second answer is better."
    return {"explanation": said, "first_score": first, "second_score": second}


def _points(item: Known, text: str) -> int:
    rationale, mark, answer = text.rpartition("####")
    if not same_text(answer, item.truth.answer):
        return WRONG
    sound = not mark or not rationale.strip() or same_text(rationale, item.truth.rationale)
    return RIGHT if sound else UNSOUND
