"""The recipe: the only place where a method is described. YAML in, frozen data out; impossible wishes are refused here."""

import difflib
from collections.abc import Iterator
from functools import cached_property
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Discriminator, Field, Tag, ValidationError, model_validator

from agents.kinds import Critic, Generator, Selection, Source, Verifier
from agents.registry import Component, import_components, part
from orchestrator.kinds import Exam, Feedback, Format, Mixture, Objective
from orchestrator.recipe_text import RecipeError, apply_edit, read_yaml
from storage.records import content_key

FAILURES = "failures"
"""The stream that feedback fills: what the student got wrong in the round before."""
COMPONENT_PACKAGES = (
    "agents.sources",
    "agents.generators",
    "agents.critics",
    "agents.verifiers",
    "agents.selections",
    "orchestrator.formats",
    "orchestrator.mixtures",
    "orchestrator.objectives",
    "orchestrator.exams",
    "orchestrator.feedback",
)
SHIPPED = Path(__file__).parent / "recipes"
Name = Annotated[str, Field(pattern=r"^[a-z][a-z0-9_-]*$")]


class Clause(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", populate_by_name=True)


class Role(Clause):
    """A part that a model plays; which model is the machine's business."""

    about: str = ""


class StudentSpec(Clause):
    base: str
    """Name of the base model: `embedded`, a local folder, or a name of the Hub."""


class Step(Clause):
    step: Name
    sources: list[str] = Field(alias="from", min_length=1)
    """Streams it reads."""
    to: Name
    """Stream it fills."""

    @model_validator(mode="before")
    @classmethod
    def _one_stream_is_a_list_of_one(cls, data: Any) -> Any:
        if isinstance(data, dict) and isinstance(data.get("from"), str):
            return {**data, "from": [data["from"]]}
        return data


class Generate(Step):
    """Every material of the streams goes to the generator, `samples` times for each role."""

    generate: part(Generator)  # type: ignore[valid-type]
    role: list[str] = []
    """Roles that are asked; several write side by side; none for a generator that works by rule."""
    samples: int = Field(default=1, ge=1, le=64)
    shows: list[str] | None = None
    """Fields of the material that the generator may see; by default those its class reads."""

    @model_validator(mode="before")
    @classmethod
    def _one_role_is_a_list_of_one(cls, data: Any) -> Any:
        if isinstance(data, dict) and isinstance(data.get("role"), str):
            return {**data, "role": [data["role"]]}
        return data

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
    sources: list[str] = Field(alias="from", min_length=1)
    format: part(Format)  # type: ignore[valid-type]
    mixture: part(Mixture) = Field(default_factory=lambda: {"use": "everything"}, validate_default=True)  # type: ignore[valid-type]
    rounds: Literal["all", "last"] = "all"

    _listed = model_validator(mode="before")(Step._one_stream_is_a_list_of_one.__func__)  # type: ignore[attr-defined]


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


class Recipe(Clause):
    """A method, whole."""

    name: Name
    about: str
    paper: str | None = None
    seed: int = 0
    roles: dict[Name, Role]
    students: dict[Name, StudentSpec]
    sources: dict[Name, part(Source)]  # type: ignore[valid-type]
    seeds: dict[Name, int]
    """How many seeds each lesson source gives a round, shared evenly among its skills. Feedback may say otherwise for
    the source that the probe asks from; the others, such as a replay of what the base can do, go on as they are."""
    lessons: list[AnyStep] = Field(min_length=1)
    datasets: dict[Name, DatasetSpec]
    training: list[Job] = Field(min_length=1)
    exams: dict[Name, part(Exam)]  # type: ignore[valid-type]
    feedback: part(Feedback)  # type: ignore[valid-type]
    budget: Budget = Budget()

    @model_validator(mode="after")
    def _names_meet(self) -> "Recipe":
        _check_streams(self)
        _check_names(self)
        return self

    @cached_property
    def digest(self) -> str:
        """Hash of the method and of the revision of every component in it."""
        return content_key("recipe", [self.method(), sorted({part.signature for part in self.parts()})])

    def method(self) -> dict[str, Any]:
        """The resolved recipe without its budget, which may be raised while the run stays the same."""
        return {name: clause for name, clause in self.resolved().items() if name != "budget"}

    def resolved(self) -> dict[str, Any]:
        return self.model_dump(mode="json", by_alias=True)

    def parts(self) -> Iterator[Component]:
        yield from self.sources.values()
        for step in self.lessons:
            yield component_of(step)
        for dataset in self.datasets.values():
            yield from (dataset.format, dataset.mixture)
        yield from (job.objective for job in self.training)
        yield from self.exams.values()
        yield self.feedback

    def lesson_sources(self) -> dict[str, Source]:
        """Sources whose stream some step reads; the others only feed exams."""
        read = {stream for step in self.lessons for stream in step.sources}
        return {name: source for name, source in self.sources.items() if name in read}


def component_of(step: Generate | Judge | Select) -> Any:
    return step.generate if isinstance(step, Generate) else step.judge if isinstance(step, Judge) else step.select


def load_recipe(place: str | Path, edits: list[str] | None = None) -> Recipe:
    """The recipe at a path, or the shipped one of this name, with `a.b=c` edits made before validation.

    Raises RecipeError.
    """
    import_components(*COMPONENT_PACKAGES)
    path = _find(place)
    data = read_yaml(path)
    for edit in edits or []:
        apply_edit(data, edit)
    return validate_recipe(data, str(path))


def validate_recipe(data: Any, origin: str) -> Recipe:
    try:
        return Recipe.model_validate(data)
    except ValidationError as error:
        raise RecipeError(f"{origin} is not a recipe that can be carried out:\n" + "\n".join(_lines(error))) from error


def shipped_recipes() -> dict[str, Path]:
    return {path.stem: path for path in sorted(SHIPPED.rglob("*.yaml"))}


def _find(place: str | Path) -> Path:
    path, shipped = Path(place), shipped_recipes()
    if path.is_file():
        return path
    if str(place) in shipped:
        return shipped[str(place)]
    near = difflib.get_close_matches(str(place), shipped, n=1)
    hint = f" Did you mean {near[0]!r}?" if near else ""
    raise RecipeError(
        f"no recipe file and no shipped recipe is named {str(place)!r}.{hint} Shipped: {', '.join(shipped)}"
    )


def _lines(error: ValidationError) -> Iterator[str]:
    for problem in error.errors(include_url=False):
        loc = problem["loc"]
        way = [*loc[:2], *loc[3:]] if loc[:1] == ("lessons",) else loc  # without the tag that tells steps apart
        place = ".".join(map(str, way)) or "recipe"
        message = problem["msg"].removeprefix("Value error, ")
        if problem["type"] == "extra_forbidden":
            message = f"there is no such option{_nearest_option(problem)}"
        elif problem["type"] == "missing":
            message = "is missing"
        yield f"  {place}: {message}"


def _nearest_option(problem: Any) -> str:
    wanted = str(problem["loc"][-1])
    near = difflib.get_close_matches(wanted, sorted(_all_options() - {wanted}), n=1)
    return f"; did you mean {near[0]!r}?" if near else ""


def _all_options() -> set[str]:
    clauses = [Role, StudentSpec, Generate, Judge, Select, DatasetSpec, Lora, Job, Budget, Recipe]
    return {field.alias or name for clause in clauses for name, field in clause.model_fields.items()}


def _check_streams(recipe: Recipe) -> None:
    known, steps = [*recipe.sources, FAILURES], set()
    for step in recipe.lessons:
        if step.step in steps:
            raise ValueError(f"lessons: two steps are named {step.step!r}; a step's name is its identity")
        steps.add(step.step)
        for stream in step.sources:
            _known(stream, known, f"step {step.step!r} reads", "a source, `failures`, or what an earlier step fills")
            if not isinstance(step, Generate) and (stream in recipe.sources or stream == FAILURES):
                raise ValueError(
                    f"step {step.step!r} judges {stream!r}, which holds no drafts; generate some from it first"
                )
        if step.to in recipe.sources or step.to == FAILURES:
            raise ValueError(
                f"step {step.step!r} fills {step.to!r}, which is not a step's to fill; choose another stream"
            )
        known.append(step.to)
        if rejected_to := getattr(step, "rejected_to", None):
            known.append(rejected_to)
    for name, dataset in recipe.datasets.items():
        for stream in dataset.sources:
            _known(stream, known, f"dataset {name!r} reads", "a stream that a step fills")
            if stream in recipe.sources or stream == FAILURES:
                raise ValueError(
                    f"dataset {name!r} reads {stream!r}, which holds no drafts; name a stream that a step fills"
                )


def _check_names(recipe: Recipe) -> None:
    for step in recipe.lessons:
        roles = (
            step.role if isinstance(step, Generate) else [step.role] if isinstance(step, Judge) and step.role else []
        )
        for role in roles:
            _known(role, recipe.roles, f"step {step.step!r} asks", "a role of `roles:`")
    for job in recipe.training:
        _known(job.dataset, recipe.datasets, f"job {job.job!r} trains on", "a dataset of `datasets:`")
        _known(job.student, recipe.students, f"job {job.job!r} trains", "a student of `students:`")
    for name in recipe.lesson_sources():
        if recipe.seeds.get(name, 0) < 1:
            raise ValueError(
                f"seeds: source {name!r} feeds lessons; say how many seeds it gives a round, e.g. {name}: 400"
            )
    for name in recipe.seeds:
        _known(name, recipe.lesson_sources(), "seeds names", "a source that a step reads")
    for name, exam in recipe.exams.items():
        _known(exam.source, recipe.sources, f"exam {name!r} asks from", "a source of `sources:`")
    if not any(exam.part == "probe" for exam in recipe.exams.values()):
        raise ValueError("exams: none has `part: probe`; feedback and the learning curve need one")
    if recipe.feedback.rounds == 1 and any(FAILURES in step.sources for step in recipe.lessons):
        raise ValueError(
            "a step reads `failures`, but with one round there are none; set `feedback.rounds` to 2 or more"
        )


def _known(name: str, known: Any, who: str, what: str) -> None:
    if name not in known:
        near = difflib.get_close_matches(name, list(known), n=1)
        hint = f" Did you mean {near[0]!r}?" if near else ""
        raise ValueError(f"{who} {name!r}, which is not {what}.{hint} There are: {', '.join(known)}")
