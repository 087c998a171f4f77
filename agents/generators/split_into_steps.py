from pydantic import TypeAdapter, ValidationError

from agents.kinds import Fields, Generator, Teacher, UnfitDraft, Writing
from agents.registry import register
from agents.subquestions import SolvedStep, asked_after

STEPS = TypeAdapter(list[SolvedStep])


@register("split_into_steps")
class SplitIntoSteps(Generator):
    """Makes a draft of every step of a decomposition, by rule: a lesson for the student that solves (Socratic CoT, §3).

    `asked` is what that student reads after the problem: the subquestions before, each with its answer, and the next
    one. A step's solution and answer become the draft's `rationale` and `answer`, while `gold` stays that of the whole
    problem: what compares the two has to judge before the split.
    """

    writes = "step"
    reads = ("steps",)
    asks = False

    async def write(self, fields: Fields, teacher: Teacher, sample: int) -> list[Writing]:
        steps = _read(fields["steps"])
        done = [(step.subquestion, step.answer) for step in steps]
        return [
            Writing(
                {
                    "subquestion": step.subquestion,
                    "asked": asked_after(done[:number], step.subquestion),
                    "rationale": step.solution,
                    "answer": step.answer,
                }
            )
            for number, step in enumerate(steps)
        ]


def _read(steps: object) -> list[SolvedStep]:
    try:
        return STEPS.validate_python(steps)
    except ValidationError as error:
        raise UnfitDraft(
            "split_into_steps expects `steps`, a list of {subquestion, solution, answer} as `decompose` writes it; "
            f"found {str(steps)[:80]!r}"
        ) from error
