"""The clauses of a recipe: roles, steps over named streams, datasets, trainings, budget."""

from typing import Annotated, Any, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Discriminator, Field, Tag, model_validator

from agents.kinds import Critic, Generator, Selection, Verifier
from agents.registry import part
from orchestrator.kinds import Format, Mixture, Objective

FAILURES = "failures"
"""The stream that feedback fills: what the student got wrong in the round before."""
Name = Annotated[str, Field(pattern=r"^[a-z][a-z0-9_-]*$")]
OneOrMore = Annotated[list[str], BeforeValidator(lambda value: [value] if isinstance(value, str) else value)]
"""A list, or its only entry by itself."""


class Clause(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", populate_by_name=True)


class Role(Clause):
    """A part that a model plays; which model is the machine's business."""

    about: str = ""


class StudentSpec(Clause):
    base: str
    """Name of the base model: `embedded`, a name of the machine file, or a folder."""


class Step(Clause):
    step: Name
    sources: OneOrMore = Field(alias="from", min_length=1)
    """Streams it reads."""
    to: Name
    """Stream it fills."""


class Generate(Step):
    """Every material of the streams goes to the generator, `samples` times for each role."""

    generate: part(Generator)  # type: ignore[valid-type]
    role: OneOrMore = []
    """Roles that are asked; several write side by side; none for a generator that works by rule."""
    samples: int = Field(default=1, ge=1, le=64)
    shows: Annotated[list[str], Field(min_length=1)] | None = None
    """Fields of the material that the generator may see; by default those its class reads."""

    @model_validator(mode="after")
    def _someone_writes(self) -> "Generate":
        if self.generate.asks and not self.role:
            raise ValueError(f"generator {self.generate.use!r} asks a model; say which with `role:`")
        if self.role and not self.generate.asks:
            raise ValueError(f"generator {self.generate.use!r} works by rule and asks nobody; remove `role:`")
        return self


class Judge(Step):
    """Every draft gets a verdict; the accepted go on to `to`, the rejected to `rejected_to` if it is named."""

    judge: part(Critic, Verifier)  # type: ignore[valid-type]
    role: str | None = None
    rejected_to: Name | None = None

    @model_validator(mode="after")
    def _a_critic_asks_someone(self) -> "Judge":
        if isinstance(self.judge, Critic) and self.role is None:
            raise ValueError(f"critic {self.judge.use!r} asks a model; say which with `role:`")
        if isinstance(self.judge, Verifier) and self.role is not None:
            raise ValueError(f"verifier {self.judge.use!r} works by rule and asks nobody; remove `role:`")
        return self


class Select(Step):
    """All drafts of the streams are judged together."""

    select: part(Selection)  # type: ignore[valid-type]
    rejected_to: Name | None = None


def _operation(data: Any) -> str:
    keys = data if isinstance(data, dict) else type(data).model_fields
    found = [name for name in ("generate", "judge", "select") if name in keys]
    return found[0] if len(found) == 1 else "none"


AnyStep = Annotated[
    Annotated[Generate, Tag("generate")] | Annotated[Judge, Tag("judge")] | Annotated[Select, Tag("select")],
    Discriminator(
        _operation,
        custom_error_type="step_operation",
        custom_error_message="a step says exactly one of `generate:`, `judge:` or `select:`",
    ),
]


class DatasetSpec(Clause):
    sources: OneOrMore = Field(alias="from", min_length=1)
    format: part(Format)  # type: ignore[valid-type]
    mixture: part(Mixture) = Field(default_factory=lambda: {"use": "everything"}, validate_default=True)  # type: ignore[valid-type]
    rounds: Literal["all", "last"] = "all"


class Lora(Clause):
    """Low-rank adaptation (Hu et al. 2021) of all linear layers but the head."""

    rank: int = Field(default=16, ge=1)
    alpha: float = Field(default=32, gt=0)
    dropout: float = Field(default=0.0, ge=0, lt=1)
    rank_stabilised: bool = False
    """rsLoRA (Kalajdzievski 2023): scale by alpha / sqrt(rank)."""
    weight_decomposed: bool = False
    """DoRA (Liu et al. 2024)."""


class Job(Clause):
    """One training."""

    job: Name
    student: str = "student"
    dataset: str
    objective: part(Objective)  # type: ignore[valid-type]
    init: Literal["base", "previous"] = "previous"
    """`previous` goes on from this job's adapter of the round before; `base` starts afresh."""
    lora: Lora = Lora()


class Budget(Clause):
    """Caps of a run; None is no cap. A run that meets one stops in order and can be resumed with a higher one."""

    usd: float | None = Field(default=None, ge=0)
    calls: int | None = Field(default=None, ge=0)
    tokens: int | None = Field(default=None, ge=0)
    minutes: float | None = Field(default=None, gt=0)


def roles_of(step: "AnyStep") -> list[str]:
    """The roles that a step asks."""
    asked = step.role if isinstance(step, Generate) else [getattr(step, "role", None)]
    return [role for role in asked if role]


def component_of(step: Generate | Judge | Select) -> Any:
    return step.generate if isinstance(step, Generate) else step.judge if isinstance(step, Judge) else step.select
