"""Tasks that one student tells apart by how they are put: what each asks, and what is replied to it."""

from collections.abc import Sequence

from pydantic import BaseModel, ConfigDict, Field

from agents.kinds import Fields
from agents.prompts import fill
from orchestrator.kinds import Messages


class Task(BaseModel):
    """How one task is put and what is replied to it, as texts with the names of fields in braces."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    task: str = Field(min_length=1)
    ask: str = "{question}"
    reply: str = "{rationale}\n#### {answer}"

    def prompt(self, fields: Fields) -> Messages:
        return [{"role": "user", "content": fill(self.ask, **fields)}]


def task_of(tasks: Sequence[Task], fields: Fields) -> Task:
    """The one that the field `task` names, the first without that field. Raises KeyError for a name that there is not."""
    wanted = fields.get("task", tasks[0].task)
    known = {task.task: task for task in tasks}
    if wanted not in known:
        raise KeyError(f"the task {wanted!r}, which is none of the format's: {', '.join(known)}")
    return known[wanted]


def distinct(tasks: list[Task]) -> list[Task]:
    """The same tasks. Raises ValueError if two share a name."""
    names = [task.task for task in tasks]
    if len(set(names)) < len(names):
        raise ValueError(f"two tasks share a name ({', '.join(names)}); a draft could not say which it teaches")
    return tasks
