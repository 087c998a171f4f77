"""The ways of writing that the rehearsal teacher knows when it is told one in words."""

import re

from agents.rehearsal.faults import STEP

PARTS = re.compile(r"; |(?<=\.) ")
"""What parts the steps of a rationale of the world."""


def styled(rationale: str, style: str) -> str:
    """The rationale as the style wants it: where it is to be short, calculations lose their columns; where each is to be
    checked, it is done twice, with the same result.

    What that does to a student is not planted: a small one cannot calculate without the columns, and finds out by itself.
    """
    if re.search(r"\b(?:short|brief|concise)", style, re.IGNORECASE):
        return STEP.sub(r"\1\2\3=\5", rationale)
    if re.search(r"\b(?:check|verify)", style, re.IGNORECASE):
        return STEP.sub(r"\g<0>; again \g<0>", rationale)
    return rationale


def sparse(rationale: str) -> str:
    """The last step alone, a calculation without its columns: what somebody writes who has done the rest in the head."""
    return styled(PARTS.split(rationale)[-1], "short")
