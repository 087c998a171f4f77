from itertools import islice

from pydantic import Field

from agents.harness import Document, task_of
from agents.kinds import Material, Source, SourceError
from agents.registry import register
from orchestrator.kinds import Exam, ExamItem, Format, Grade


@register("harness")
class Harness(Exam):
    """Asks a task of EleutherAI's lm-evaluation-harness as that does, and grades by the task's own filters and metric.

    The source is a `harness_task`. The prompt is the harness's with `--apply_chat_template`, examples and all, whatever the
    form of the lessons. Tasks of `output_type` generate_until have the student write; of a multiple_choice task it says how
    likely each choice is. A step of an inference that shows something besides asks in the form of the lessons instead.
    """

    limit: int | None = Field(default=None, ge=1)
    """Documents of each task, the first ones; by default all."""
    shots: int | None = Field(default=None, ge=0)
    """Examples before each question; by default as many as the task says."""
    filter: str = ""
    """Which of the task's filters reads the reply; by default its first, such as `strict-match` of gsm8k."""
    metric: str = ""
    """Which of the task's metrics counts; by default its first. `acc_norm` divides by the length of choices."""
    right_from: float = Field(default=1.0, gt=0, le=1)
    """What the metric has to reach for a reply to be right, for one with values between 0 and 1."""
    longest_reply: int = Field(default=256, ge=8)
    """Tokens after which a reply is cut; the harness's own default."""

    def items(self, source: Source, form: Format, seed: int) -> list[ExamItem]:
        """Raises SourceError for a source of another kind, and for a filter or a metric that the task lacks."""
        return [
            item
            for skill in source.skills()
            for item in self._items(list(islice(source.materials(self.part, skill, seed), self.limit)))
        ]

    def grade(self, item: ExamItem, reply: str) -> Grade:
        document: Document = item.fields["document"]
        task = task_of(document)
        answer, value = task.graded(document, reply, *task.measures(self.filter, self.metric))
        return Grade(answer, value >= self.right_from)

    @property
    def max_tokens(self) -> int:
        return self.longest_reply

    def _items(self, materials: list[Material]) -> list[ExamItem]:
        """Of one task."""
        if not materials:
            return []
        documents = [_document(material) for material in materials]
        task = task_of(documents[0])
        task.measures(self.filter, self.metric)
        if task.chooses and self.samples > 1:
            raise SourceError(
                f"task {task.name!r} asks how likely each choice is, which {self.samples} samples say alike; leave `samples` out"
            )
        asked = task.asked(documents[0]["split"], [document["number"] for document in documents], self.shots)
        return [
            ExamItem(
                m.fields["question"], str(m.fields["gold"]), how.prompt, m.skill, m.split_key, m.fields, how.choices
            )
            for m, how in zip(materials, asked, strict=True)
        ]


def _document(material: Material) -> Document:
    if "document" not in material.fields:
        raise SourceError(
            f"{material.origin or material.fields.get('question')!r} is no document of a task: the exam `harness` asks from a "
            "source `{use: harness_task, task: …}`"
        )
    return material.fields["document"]
