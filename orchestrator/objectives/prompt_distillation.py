from typing import Any

from pydantic import Field, model_validator

from agents.registry import register
from orchestrator.kinds import Shape
from orchestrator.teaching import Distillation, Distribution


@register("prompt_distillation")
class PromptDistillation(Distillation):
    """The student learns to say without a document what its teacher says with it (Kujanpää et al. 2024).

    The teacher is the student's own base, the adapter off, unless `teacher` says otherwise. The dataset's format says what
    is hidden; rows that hide nothing hold the student to what its teacher says.
    """

    shape = Shape.PRIVILEGED
    teacher: Distribution | None = None
    weight: float = Field(default=1.0, ge=0, le=1)
    """The rest is cross-entropy on the reply."""

    @model_validator(mode="after")
    def _reads_documents(self) -> "PromptDistillation":
        if self.teacher and self.teacher.told:
            raise ValueError(
                "prompt_distillation needs a model that reads the document; say job or student, or leave teacher out"
            )
        return self

    def own(self) -> dict[str, Any]:
        return {**super().own(), "weight": self.weight}
