import random
from collections.abc import Iterator
from functools import cached_property
from hashlib import sha256
from typing import Any, get_args

from pydantic import field_validator

from agents.answers import final_answer
from agents.harness import Document, Split, Task, load
from agents.kinds import Fields, Material, Part, Source, SourceError
from agents.registry import register
from agents.splits import fingerprint, folded


@register("harness_task")
class HarnessTask(Source):
    """Documents of a task of EleutherAI's lm-evaluation-harness, in the task's own splits, for the exam `harness`.

    Needs `pip install 'agentic-distillation[harness]'`. A group gives all its tasks, and each task is a skill. The question
    is the task's own wording; an answer that ends in a marked final answer gives that as gold and the whole text as
    `solution`. A question that is in several splits is in one part: test before probe before train.
    """

    task: str
    """Name of a task or a group, such as `gsm8k`."""
    include_path: str | None = None
    """A folder with YAML tasks of your own; then only those are known."""
    parts: dict[Part, Split] = {"train": "training", "probe": "validation", "test": "test"}
    """Which of the task's splits is which part, e.g. `{test: validation}` for a task without a test; a part that is not
    named has no questions."""

    @field_validator("parts")
    @classmethod
    def _a_split_is_one_part(cls, parts: dict[Part, Split]) -> dict[Part, Split]:
        if len(set(parts.values())) < len(parts):
            raise ValueError(f"two parts are the same split: {parts}; what is taught or steers is no test")
        return parts

    @property
    def signature(self) -> str:
        return f"{super().signature}:{self._digest[:16]}"

    def skills(self) -> list[str]:
        return sorted(task.name for task in self._tasks)

    def materials(self, part: Part, skill: str, seed: int) -> Iterator[Material]:
        """Those of exams in the order of the task, so that a limit asks what the harness asks with its own."""
        task = next((task for task in self._tasks if task.name == skill), None)
        if task is None:
            return
        split = self.parts.get(part)
        if split is None or split not in task.splits():
            raise SourceError(
                f"task {skill!r} has no questions for the part {part!r}, which is its split {split or 'of no name'!r}; it has: "
                f"{', '.join(task.splits())}. Say which of them it is, e.g. `parts: {{{part}: {task.splits()[-1]}}}`"
            )
        numbers = list(self._index[part, skill])
        if part == "train":
            random.Random(seed).shuffle(numbers)
        for number in numbers:
            yield self._material(task, split, number)

    def split_key(self, fields: Fields) -> str:
        return folded(fields["question"])

    def part_of(self, split_key: str) -> Part:
        return self._parts.get(fingerprint(split_key), "train")

    @cached_property
    def _tasks(self) -> list[Task]:
        return load(self.task, self.include_path)

    @cached_property
    def _index(self) -> dict[tuple[Part, str], list[int]]:
        """Numbers of the documents by part and task; a repeated question is left to the part that is kept closest."""
        index: dict[tuple[Part, str], list[int]] = {}
        known = set[bytes]()
        for part in reversed(get_args(Part)):
            for task in self._tasks:
                numbers = index.setdefault((part, task.name), [])
                for number, doc in enumerate(task.docs(self.parts[part])) if part in self.parts else ():
                    if (key := fingerprint(folded(task.question(doc)))) not in known:
                        known.add(key)
                        numbers.append(number)
        return index

    @cached_property
    def _parts(self) -> dict[bytes, Part]:
        """Of those that are no lesson's."""
        return {
            fingerprint(folded(task.question(task.docs(self.parts[part])[number]))): part
            for task in self._tasks
            for part in get_args(Part)
            if part != "train"
            for number in self._index[part, task.name]
        }

    @cached_property
    def _digest(self) -> str:
        """Of what is asked and what is right, whichever files that came from."""
        digest = sha256()
        for (part, name), numbers in sorted(self._index.items()):
            task = next(task for task in self._tasks if task.name == name)
            for doc in (task.docs(self.parts[part])[number] for number in numbers):
                said = [part, name, task.version, task.question(doc), task.target(doc), task.choices(doc)]
                digest.update(f"{said}\n".encode())
        return digest.hexdigest()

    def _material(self, task: Task, split: Split, number: int) -> Material:
        doc = task.docs(split)[number]
        question, target = task.question(doc), task.target(doc)
        gold = final_answer(target)
        document = Document(task=task.name, include_path=self.include_path, split=split, number=number)
        fields: dict[str, Any] = {"question": question, "gold": target if gold is None else gold, "document": document}
        if gold is not None:
            fields["solution"] = target
        if choices := task.choices(doc):
            fields["choices"] = choices
        return Material(fields, self.split_key(fields), task.name, f"{task.name}/{split}:{number + 1}")
