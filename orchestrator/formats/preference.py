from typing import Annotated, Any

from pydantic import AfterValidator

from agents.kinds import Fields
from agents.registry import register
from orchestrator.asked_tasks import Task, distinct, task_of
from orchestrator.kinds import Format, Messages, Shape


@register("preference")
class Preference(Format):
    """Two replies to a question, of which the student is to prefer one: `chosen` to `rejected`, each whole.

    Where the student learned several tasks, `tasks` are those of `several_tasks`, and a draft says by its field `task` in which
    of them it prefers; exams then put them as they did before.
    """

    shape = Shape.PREFERENCE
    tasks: Annotated[list[Task], AfterValidator(distinct)] = []
    """None is the question alone, whatever task a draft names."""

    def prompt(self, fields: Fields) -> Messages:
        task = task_of(self.tasks, fields) if self.tasks else Task(task="solve")
        return task.prompt(fields)

    def row(self, fields: Fields) -> dict[str, Any]:
        replies = {
            name: [{"role": "assistant", "content": str(fields[name]).strip()}] for name in ("chosen", "rejected")
        }
        return {"prompt": self.prompt(fields), **replies}
