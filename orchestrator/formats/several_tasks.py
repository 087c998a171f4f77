from typing import Any

from pydantic import BaseModel, ConfigDict, Field, field_validator

from agents.kinds import Fields
from agents.prompts import PLACEHOLDER, fill, read_filled
from agents.registry import register
from orchestrator.kinds import Format, Messages


class Task(BaseModel):
    """How one task is put and what is replied to it, as texts with the names of fields in braces."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    task: str = Field(min_length=1)
    ask: str = "{question}"
    reply: str = "{rationale}\n#### {answer}"


@register("several_tasks")
class SeveralTasks(Format):
    """Several tasks in one dataset, told apart by how they are put (Hsieh et al. 2023, "Distilling Step-by-Step", §3.2).

    A draft teaches the task that its field `task` names, which a step gives its drafts with `adds: {task: …}`; one without
    that field teaches the first. Exams put the first, unless the inference asks for another.
    """

    tasks: list[Task] = Field(min_length=1)

    @field_validator("tasks")
    @classmethod
    def _each_has_its_name(cls, tasks: list[Task]) -> list[Task]:
        names = [task.task for task in tasks]
        if len(set(names)) < len(names):
            raise ValueError(f"two tasks share a name ({', '.join(names)}); a draft could not say which it teaches")
        return tasks

    def prompt(self, fields: Fields) -> Messages:
        return [{"role": "user", "content": fill(self._task(fields).ask, **fields)}]

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
        wanted = fields.get("task", self.tasks[0].task)
        known = {task.task: task for task in self.tasks}
        if wanted not in known:
            raise KeyError(f"the task {wanted!r}, which is none of the format's: {', '.join(known)}")
        return known[wanted]
