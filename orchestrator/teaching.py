"""Who teaches by next-token distributions: a clause that several objectives have, and what they have in common."""

from typing import Any

from pydantic import Field, model_validator

from orchestrator.clause import Clause
from orchestrator.kinds import Objective


class Distribution(Clause):
    """Whose next-token distributions teach: exactly one of these."""

    job: str | None = None
    """A job before this one: the student that it trained in the same round, a mentor."""
    student: str | None = None
    """An entry of `students:`, untrained; which base that is, the machine file says."""
    told: bool = False
    """The endpoint that wrote the lessons: the likeliest tokens that it told with its replies."""

    @model_validator(mode="after")
    def _one(self) -> "Distribution":
        if len([each for each in (self.job, self.student, self.told) if each]) != 1:
            raise ValueError("say one of: job, a job before it; student, an entry of `students`; told: true")
        return self


class Distillation(Objective):
    """An objective that compares the student's next-token distributions with a teacher's."""

    trainer = "distillation"
    teacher: Distribution | None
    temperature: float = Field(default=1.0, gt=0, le=20)
    """Both distributions are flattened by it, and the divergence is multiplied by its square (Hinton et al. 2015)."""

    def own(self) -> dict[str, Any]:
        """Options that an objective does not set are off; where its teacher lies, the job file says."""
        return {
            "teacher": None,
            "told": bool(self.teacher and self.teacher.told),
            "temperature": self.temperature,
            "divergence": "forward_kl",
            "beta": 0.0,
            "skew": 0.0,
            "weight": 1.0,
            "top": None,
            "concentrated": False,
            "moving": None,
            "on_policy": 0.0,
            "sampled_at": 1.0,
            "held_out": 0.0,
        }


class ByAModel(Distillation):
    """An objective whose teacher is a model that runs beside the student, with all its logits."""

    teacher: Distribution  # pyright: ignore[reportIncompatibleVariableOverride]  # nobody sets it: it is frozen

    @model_validator(mode="after")
    def _is_a_model(self) -> "ByAModel":
        if self.teacher.told:
            raise ValueError(
                f"{self.use} needs a teacher's whole distributions; say teacher: {{job: …}} or {{student: …}}"
            )
        return self
