from typing import Annotated

from pydantic import Field

from agents.registry import register
from agents.sandbox import Limits, trouble
from orchestrator.examination.working_out import PROGRAM, WorkedOut, work_out
from orchestrator.kinds import Ask, Concluded, Conversation, ExamItem, Inference, Said
from orchestrator.retrieval import Shelf


@register("programs_first")
class ProgramsFirst(Inference):
    """Asks for a program, carries it out and takes its value; if it does not run, asks for words (Mixed Distillation).

    The single path of Li et al. 2024, and MTD's pick by executability: tasks of the format are asked one after the other
    until one comes to an answer, whether right or wrong. A task named `program` is replied to with a program, which runs
    in the sandbox, `equations` with equations that end with `find x`, any other with words. The value is marked behind the
    reply, where exams read it.
    """

    of: list[str] = Field(default=["program", "explain"], min_length=1)
    """Tasks of the format, in this order; `[program]` alone falls back to nothing (PaD)."""
    repair: str | None = None
    """Task that a program that does not run is put to once, as `broken` with its `error`, before the next is asked (PaD)."""
    seconds: Annotated[int, Field(ge=1, le=600)] = 2
    """CPU time of one program."""

    def missing(self) -> str | None:
        return trouble() if PROGRAM in self.of else None

    def converse(self, item: ExamItem, shelf: Shelf) -> Conversation:
        if item.choices:
            [said] = yield [Ask()]
            return Concluded(said)
        first: Concluded | None = None
        for task in self.of:
            asked = {"task": task}
            [said] = yield [Ask(asked)]
            found = self._worked_out(task, said)
            if found.answer is None and task == PROGRAM and self.repair:
                asked = {"task": self.repair, "broken": said.reply, "error": found.error}
                [said] = yield [Ask(asked)]
                found = self._worked_out(PROGRAM, said)
            if found.answer is not None:
                return Concluded(found.said, asked)
            first = first or Concluded(found.said, asked)
        assert first
        return first

    def _worked_out(self, task: str, said: Said) -> WorkedOut:
        return work_out(task, said, Limits(seconds=self.seconds, wall_seconds=4.0 * self.seconds))
