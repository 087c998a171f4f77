from collections.abc import Sequence
from typing import Annotated

from pydantic import Field

from agents.answers import same_answer
from agents.registry import register
from agents.sandbox import Limits, trouble
from orchestrator.examination.working_out import PROGRAM, WorkedOut, work_out
from orchestrator.kinds import Ask, Concluded, Conversation, ExamItem, Inference
from orchestrator.retrieval import Shelf


@register("vote")
class Vote(Inference):
    """Asks for several solutions in each of several forms, and takes the answer that most of them come to.

    Self-consistency (Wang et al. 2022) over programs and words together, the multi path of Mixed Distillation (Li et al.
    2024), and over equations besides, as in MTD (Zhu et al. 2024). Programs run in the sandbox; what comes to no
    answer has no vote. Of answers with as many votes the one that was said first wins, in the order of `of`.
    """

    of: list[str] = Field(default=["program", "explain"], min_length=1)
    """Tasks of the format: `program` is replied to with a program, `equations` with equations, any other with words."""
    each: int = Field(default=1, ge=1, le=64)
    """Replies to each task; several differ only where the exam has a temperature above 0."""
    seconds: Annotated[int, Field(ge=1, le=600)] = 2
    """CPU time of one program."""

    def missing(self) -> str | None:
        return trouble() if PROGRAM in self.of else None

    def converse(self, item: ExamItem, shelf: Shelf) -> Conversation:
        if item.choices:
            [said] = yield [Ask()]
            return Concluded(said)
        tasks = [task for task in self.of for _ in range(self.each)]
        replies = yield [Ask({"task": task}) for task in tasks]
        limits = Limits(seconds=self.seconds, wall_seconds=4.0 * self.seconds)
        found = [work_out(task, reply, limits) for task, reply in zip(tasks, replies, strict=True)]
        chosen = elected(found)
        return Concluded(chosen.said, {"task": chosen.task})


def elected(found: Sequence[WorkedOut]) -> WorkedOut:
    """The first reply of those with the answer of most; the first of all if none has an answer."""
    groups = list[list[WorkedOut]]()
    for one in found:
        if one.answer is None:
            continue
        group = next((group for group in groups if same_answer(one.answer, group[0].answer or "")), None)
        if group is None:
            groups.append([one])
        else:
            group.append(one)
    return max(groups, key=len)[0] if groups else found[0]
