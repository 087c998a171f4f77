"""The recipe: the only place where a method is described. YAML in, frozen data out; impossible wishes are refused here."""

import difflib
from collections.abc import Iterator
from functools import cached_property
from pathlib import Path
from typing import Any

from pydantic import Field, ValidationError, model_validator

from agents.kinds import Source
from agents.registry import Component, import_components, part
from orchestrator.clauses import (
    AnyStep,
    Budget,
    Clause,
    DatasetSpec,
    Generate,
    Job,
    Judge,
    Lora,
    Mining,
    Name,
    Review,
    Role,
    Sample,
    Select,
    Stop,
    StudentSpec,
    Weigh,
    Worth,
    component_of,
)
from orchestrator.examination.gate import Gate
from orchestrator.kinds import Exam, Feedback, Inference, JudgedExam
from orchestrator.recipe_text import RecipeError, apply_edit, faults, read_yaml
from orchestrator.retention import with_retention
from orchestrator.rules import check
from storage.keyed import content_key

COMPONENT_PACKAGES = (
    "agents.sources",
    "agents.generators",
    "agents.critics",
    "agents.verifiers",
    "agents.selections",
    "orchestrator.weighers",
    "orchestrator.formats",
    "orchestrator.mixtures",
    "orchestrator.objectives",
    "orchestrator.exams",
    "orchestrator.feedback",
    "orchestrator.inferences",
)
SHIPPED = Path(__file__).parent / "recipes"


class Recipe(Clause):
    """A method, whole."""

    name: Name
    about: str
    paper: str | None = None
    seed: int = 0
    roles: dict[Name, Role]
    students: dict[Name, StudentSpec]
    sources: dict[Name, part(Source)]  # type: ignore[valid-type]
    seeds: dict[Name, int | dict[str, int]]
    """How many seeds each lesson source gives a round, shared evenly among its skills, or how many of each skill. Feedback
    may say otherwise for the source that the probe asks from; the others, such as a replay of what the base can do, go on."""
    lessons: list[AnyStep] = Field(min_length=1)
    datasets: dict[Name, DatasetSpec]
    training: list[Job] = Field(min_length=1)
    exams: dict[Name, part(Exam)]  # type: ignore[valid-type]
    retention: bool = True
    """Whether a recipe without an exam on what it does not teach gets one: what training costs has to show."""
    feedback: part(Feedback) = Field(default_factory=lambda: {"use": "same_again"}, validate_default=True)  # type: ignore[valid-type]
    stop: Stop = Stop()
    inference: part(Inference) = Field(default_factory=lambda: {"use": "single"}, validate_default=True)  # type: ignore[valid-type]
    mining: Mining = Mining()
    gate: Gate = Gate()
    budget: Budget = Budget()

    @model_validator(mode="before")
    @classmethod
    def _retention_is_examined(cls, data: Any) -> Any:
        return with_retention(data)

    @model_validator(mode="after")
    def _names_meet(self) -> "Recipe":
        check(self)
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
        yield from (exam.critic for exam in self.exams.values() if isinstance(exam, JudgedExam))
        yield from (self.feedback, self.inference)

    def seeds_of(self, source: str) -> int:
        """How many seeds a source gives a round; none if it feeds no lessons."""
        count = self.seeds.get(source, 0)
        return count if isinstance(count, int) else sum(count.values())

    def lesson_sources(self) -> dict[str, Source]:
        """Sources whose stream some step reads; the others only feed exams."""
        read = {stream for step in self.lessons for stream in step.sources}
        return {name: source for name, source in self.sources.items() if name in read}


def load_recipe(place: str | Path, edits: list[str] | None = None) -> Recipe:
    """The recipe at a path, or the shipped one of this name, with `a.b=c` edits made before validation.

    Raises RecipeError.
    """
    import_components(*COMPONENT_PACKAGES)
    path = _find(place)
    data = read_yaml(path)
    made = [apply_edit(data, edit) for edit in edits or []]
    try:
        return Recipe.model_validate(data)
    except ValidationError as error:
        guilty = faults(made, [_way(problem) for problem in error.errors()]) or _breaking(path, edits or [])
        if not guilty:
            raise _refused(error, str(path)) from error
        named = f"the edit{'s'[: len(guilty) - 1]} {', '.join(map(repr, guilty))} of {place}"
        raise RecipeError(f"{named} cannot be carried out:\n" + "\n".join(_lines(error))) from error


def validate_recipe(data: Any, origin: str) -> Recipe:
    try:
        return Recipe.model_validate(data)
    except ValidationError as error:
        raise _refused(error, origin) from error


def _refused(error: ValidationError, origin: str) -> RecipeError:
    return RecipeError(f"{origin} is not a recipe that can be carried out:\n" + "\n".join(_lines(error)))


def _breaking(path: Path, edits: list[str]) -> list[str]:
    """The edits that make the recipe impossible each by itself, or all if only several do; none if it was so before."""
    if not edits or not _is_sound(path, []):
        return []
    return [edit for edit in edits if not _is_sound(path, [edit])] or edits


def _is_sound(path: Path, edits: list[str]) -> bool:
    data = read_yaml(path)
    try:
        for edit in edits:
            apply_edit(data, edit)
        Recipe.model_validate(data)
    except (RecipeError, ValidationError):
        return False
    return True


def shipped_recipes() -> dict[str, Path]:
    return {path.stem: path for path in sorted(SHIPPED.rglob("*.yaml"))}


def family_of(path: Path) -> str:
    """The folder that a shipped recipe lies in; empty for those that lie in none."""
    return path.relative_to(SHIPPED).parent.as_posix().removeprefix(".")


def _find(place: str | Path) -> Path:
    path, shipped = Path(place), shipped_recipes()
    if path.is_file():
        return path
    if str(place) in shipped:
        return shipped[str(place)]
    if path.is_dir():
        raise RecipeError(f"{place} is a folder; name the recipe's file, or a shipped recipe")
    near = difflib.get_close_matches(str(place), shipped, n=1, cutoff=0.5)
    hint = f" Did you mean {near[0]!r}?" if near else ""
    raise RecipeError(
        f"no recipe file and no shipped recipe is named {str(place)!r}.{hint} `orchestrator recipes` lists what is shipped"
    )


def _lines(error: ValidationError) -> Iterator[str]:
    for problem in error.errors(include_url=False):
        way = _way(problem)
        place = ".".join(map(str, way)) or "recipe"
        message = problem["msg"].removeprefix("Value error, ")
        if way[-2:] in (["feedback", "rounds"], ["feedback", "plateau"]):
            message = f"it is `stop.{way[-1]}` now"
        elif problem["type"] == "extra_forbidden":
            message = f"there is no such option{_nearest_option(problem)}"
        elif problem["type"] == "missing":
            message = "is missing"
        yield f"  {place}: {message}"


def _way(problem: Any) -> list[str | int]:
    loc = problem["loc"]
    return [*loc[:2], *loc[3:]] if loc[:1] == ("lessons",) else [*loc]  # without the tag that tells steps apart


def _nearest_option(problem: Any) -> str:
    wanted = str(problem["loc"][-1])
    near = difflib.get_close_matches(wanted, sorted(_all_options() - {wanted}), n=1)
    return f"; did you mean {near[0]!r}?" if near else ""


def _all_options() -> set[str]:
    clauses = [
        Role,
        StudentSpec,
        Generate,
        Judge,
        Weigh,
        Select,
        Review,
        Sample,
        DatasetSpec,
        Lora,
        Job,
        Stop,
        Worth,
        Mining,
        Gate,
        Budget,
        Recipe,
    ]
    return {field.alias or name for clause in clauses for name, field in clause.model_fields.items()}
