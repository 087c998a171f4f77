"""The ways of writing that the rehearsal teacher knows when it is told one in words."""

import re

from agents.rehearsal.faults import STEP

PARTS = re.compile(r"; |(?<=\.) ")
"""What parts the steps of a rationale of the world."""


def styled(rationale: str, style: str) -> str:
    """The rationale as the style wants it: where it is to be short, calculations lose their columns.

    What that does to a student is not planted: a small one cannot calculate without them, and finds out by itself.
    """
    short = re.search(r"\b(?:short|brief|concise)", style, re.IGNORECASE)
    return STEP.sub(r"\1\2\3=\5", rationale) if short else rationale


def sparse(rationale: str) -> str:
    """The last step alone, a calculation without its columns: what somebody writes who has done the rest in the head."""
    return styled(PARTS.split(rationale)[-1], "short")
