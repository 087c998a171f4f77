from pydantic import Field

from agents.answers import final_answer
from agents.registry import register
from agents.subquestions import asked_after, on_one_line
from orchestrator.kinds import Ask, Concluded, Conversation, ExamItem, Inference
from orchestrator.retrieval import Shelf


@register("subquestions")
class Subquestions(Inference):
    """A decomposer writes the subquestions, and the examined student solves them one after the other (Socratic CoT,
    Shridhar et al. 2023, §3.3).

    Both are asked in the format `several_tasks`: the decomposer for its task `decompose`, the solver for its task `step`,
    whose text has the field `asked`, as `split_into_steps` writes it. What counts is the reply to the last subquestion.
    A step without a final answer ends it, for the next ones would rest on nothing. Departs from the paper: of the steps
    before, the solver is shown the answers and not the solutions, which keeps its prompt short.
    """

    decomposer: str = "decomposer"
    """The job whose student takes questions apart; that of the examined student for one that does both."""
    most: int = Field(default=6, ge=1, le=30)
    """Subquestions that are asked; what a decomposer writes beyond is left out."""

    def converse(self, item: ExamItem, shelf: Shelf) -> Conversation:
        """A decomposer that writes nothing is what counts, and has no answer."""
        [said] = yield [Ask({"task": "decompose"}, self.decomposer)]
        plan = [line for line in map(on_one_line, said.reply.splitlines()) if line]
        done, shown = list[tuple[str, str]](), dict[str, str]()
        for subquestion in plan[: self.most]:
            shown = {"task": "step", "asked": asked_after(done, subquestion)}
            [said] = yield [Ask(shown)]
            if (answer := final_answer(said.reply)) is None:
                break
            done.append((subquestion, answer))
        return Concluded(said, shown)

    def jobs(self) -> list[str]:
        return [self.decomposer]
