"""A problem taken apart: a step that is solved, and how the next one is asked; choices one by one, and how they are summed up."""

from collections.abc import Sequence
from typing import Annotated

from pydantic import BaseModel, StringConstraints

Said = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1)]
"""A text of which something is left without the blanks around it."""


class SolvedStep(BaseModel):
    """A subquestion, its solution and its answer alone."""

    subquestion: Said
    solution: Said
    answer: Said


def asked_after(done: Sequence[tuple[str, str]], subquestion: str) -> str:
    """What a solver is asked, in lessons and in exams alike, once these subquestions have these answers."""
    return "\n".join([*(f"{earlier} {on_one_line(answer)}" for earlier, answer in done), subquestion])


def analysed(said: Sequence[tuple[str, str]]) -> str:
    """What a student that sums up is shown, in lessons and in exams alike: a line for each choice and what was said of it."""
    return "\n".join(f"{choice}: {on_one_line(text)}" for choice, text in said)


def on_one_line(text: str) -> str:
    """A line is a subquestion: one that goes over several would be read as several."""
    return " ".join(text.split())
