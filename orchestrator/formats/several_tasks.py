from typing import Annotated, Any

from pydantic import AfterValidator, Field

from agents.kinds import Fields
from agents.prompts import PLACEHOLDER, fill, read_filled
from agents.registry import register
from orchestrator.asked_tasks import Task, distinct, task_of
from orchestrator.kinds import Format, Messages


@register("several_tasks")
class SeveralTasks(Format):
    """Several tasks in one dataset, told apart by how they are put (Hsieh et al. 2023, "Distilling Step-by-Step", §3.2).

    A draft teaches the task that its field `task` names, which a step gives its drafts with `adds: {task: …}`; one without
    that field teaches the first. Exams put the first, unless the inference asks for another.
    """

    tasks: Annotated[list[Task], AfterValidator(distinct)] = Field(min_length=1)

    def prompt(self, fields: Fields) -> Messages:
        return self._task(fields).prompt(fields)

    def row(self, fields: Fields) -> dict[str, Any]:
        reply = fill(self._task(fields).reply, **fields).strip()
        return {"prompt": self.prompt(fields), "completion": [{"role": "assistant", "content": reply}]}

    def read(self, fields: Fields, reply: str) -> dict[str, Any] | None:
        """A reply that says otherwise what it was shown is one to something else."""
        task = self._task(fields)
        found = read_filled(task.reply, reply) or {}
        asked = found.keys() & set(PLACEHOLDER.findall(task.ask))
        return None if any(found[name] != str(fields.get(name)).strip() for name in asked) else found

    def _task(self, fields: Fields) -> Task:
        return task_of(self.tasks, fields)
