"""The clauses of a recipe: roles, steps over named streams, datasets, trainings, budget."""

from typing import Annotated, Any, ClassVar, Literal

from pydantic import BeforeValidator, Discriminator, Field, Tag, model_validator

from agents.kinds import Critic, Fields, Generator, ScoredSelection, Selection, Verifier
from agents.registry import as_list, names, part
from orchestrator.clause import Clause
from orchestrator.kinds import Format, Mixture, Objective, Weigher

FAILURES = "failures"
"""The stream of what the student got wrong in the probe of the round before: no lesson may be about these questions."""
MISTAKES = "mistakes"
"""The stream of what it got wrong in practice, on questions of the part `train`: lessons may be about them."""
BRIEFS = "briefs"
"""The stream of what feedback tells the teacher besides, such as a report of how the student did."""
ATTEMPTS = "attempts"
"""The stream of all that it wrote in practice, right and wrong, whatever the plan says."""
FED = (FAILURES, MISTAKES, BRIEFS, ATTEMPTS)
"""The streams that the round before fills, from the second round on."""
NO_JOBS = ("base", "previous")
"""What a job may go on from that is no other job; no job has these names."""
Name = Annotated[str, Field(pattern=r"^[a-z][a-z0-9_-]*$")]
OneOrMore = Annotated[list[str], BeforeValidator(as_list)]
"""A list, or its only entry by itself."""


class Role(Clause):
    """A part that a model plays; which model is the machine's business."""

    about: str = ""
    rehearsal: str | None = None
    """Which rehearsal program plays the part where no machine file says otherwise, e.g. rehearsal-teacher?weak.trip=.5."""


class StudentSpec(Clause):
    base: str
    """Name of the base model: `embedded`, a name of the machine file, or a folder."""


class Step(Clause):
    step: Name
    sources: OneOrMore = Field(alias="from", min_length=1)
    """Streams it reads."""
    to: Name
    """Stream it fills."""


class Together(Clause):
    """Materials that a generator gets as one."""

    by: Annotated[list[str], Field(min_length=1)]
    """Fields in which they agree."""
    shows: Annotated[list[str], Field(min_length=1)]
    """Fields of each that the generator sees, as the entries of `candidates`."""


class Generate(Step):
    """Every material of the streams goes to the generator, `samples` times for each role."""

    generate: part(Generator)  # type: ignore[valid-type]
    role: OneOrMore = []
    """Roles that are asked; several write side by side; none for a generator that works by rule."""
    samples: int = Field(default=1, ge=1, le=64)
    shows: Annotated[list[str], Field(min_length=1)] | None = None
    """Fields of the material that the generator may see; by default those its class reads."""
    adds: dict[Name, str] = {}
    """Fields that its drafts have besides, such as the task that they teach."""
    together: Together | None = None
    """Whether materials that agree in some fields are one, such as all candidates for one question."""
    covered: int = Field(default=0, ge=0, le=100)
    """How many texts that it wrote in rounds before each call shows besides, not to be written again."""

    @model_validator(mode="after")
    def _someone_writes(self) -> "Generate":
        if self.generate.asks and not self.role:
            raise ValueError(f"generator {self.generate.use!r} asks a model; say which with `role:`")
        if self.role and not self.generate.asks:
            raise ValueError(f"generator {self.generate.use!r} works by rule and asks nobody; remove `role:`")
        if self.covered and not self.generate.avoids:
            raise ValueError(f"generator {self.generate.use!r} takes no notice of what is `covered`; remove it")
        return self


class Judge(Step):
    """Every draft gets a verdict; the accepted go on to `to`, the rejected to `rejected_to` if it is named."""

    judge: part(Critic, Verifier)  # type: ignore[valid-type]
    role: OneOrMore = []
    """Several judge each draft, and the critic sums their judgements up."""
    but_author: bool = False
    """Whether the role that wrote a draft does not judge it (peer review)."""
    only: dict[str, OneOrMore] = {}
    """Fields, and what they must say for a draft to be judged; any other is let through as it is."""
    rejected_to: Name | None = None

    def concerns(self, fields: Fields) -> bool:
        """Whether a draft with these fields is judged at all."""
        return all(str(fields.get(name, "")) in values for name, values in self.only.items())

    @model_validator(mode="after")
    def _a_critic_asks_someone(self) -> "Judge":
        if isinstance(self.judge, Critic) and not self.role:
            raise ValueError(f"critic {self.judge.use!r} asks a model; say which with `role:`")
        if self.but_author and len(self.role) < 2:
            raise ValueError("`but_author` leaves nobody to judge a draft of the only role; name more roles")
        if isinstance(self.judge, Verifier) and self.role:
            raise ValueError(f"verifier {self.judge.use!r} works by rule and asks nobody; remove `role:`")
        return self


class Weigh(Step):
    """A judging step that goes by how likely a student finds texts; all drafts of the streams are judged together."""

    judge: part(Weigher)  # type: ignore[valid-type]
    student: Name
    """The job whose newest student weighs: that of the round before, in the first round its base."""
    rejected_to: Name | None = None


class Select(Step):
    """All drafts of the streams are judged together."""

    select: part(Selection)  # type: ignore[valid-type]
    labels: Name | None = None
    """A judging step before it, for a selection that learns: what it accepted is a good example, what it rejected a bad one."""
    scores: Name | None = None
    """A judging or selecting step before it, for a selection that goes by the scores which that step gave these drafts."""
    rejected_to: Name | None = None

    @model_validator(mode="after")
    def _who_learns_has_labels(self) -> "Select":
        if self.select.learns and self.labels is None:
            raise ValueError(f"selection {self.select.use!r} learns; say which judging step has labels with `labels:`")
        if self.labels and not self.select.learns:
            raise ValueError(f"selection {self.select.use!r} learns nothing; remove `labels:`")
        return self

    @model_validator(mode="after")
    def _who_goes_by_scores_has_them(self) -> "Select":
        weighs = isinstance(self.select, ScoredSelection)
        if weighs and self.scores is None:
            raise ValueError(f"selection {self.select.use!r} goes by scores; say which step gave them with `scores:`")
        if self.scores and not weighs:
            raise ValueError(f"selection {self.select.use!r} goes by no scores; remove `scores:`")
        return self


class Sample(Clause):
    """Which drafts a person looks at, drawn anew in each round."""

    use: ClassVar[str] = "person"
    signature: ClassVar[str] = "person@1"
    drafts: int | None = Field(default=None, ge=1)
    """So many, or all if there are fewer."""
    share: float | None = Field(default=None, gt=0, le=1)
    """This share of them, and at least one."""
    at_least: float = Field(default=0.0, ge=0, le=1)
    """Share of those looked at that must be accepted for those nobody looked at to pass; by default they pass anyway."""

    @model_validator(mode="after")
    def _one_size(self) -> "Sample":
        if (self.drafts is None) == (self.share is None):
            raise ValueError("say how many drafts a person looks at, by one of `drafts: 20` and `share: 0.1`")
        return self


class Review(Step):
    """The run waits here until a person has judged a sample of the drafts; what he rejects does not pass."""

    review: Sample
    rejected_to: Name | None = None


def _operation(data: Any) -> str:
    keys = data if isinstance(data, dict) else type(data).model_fields
    found = [name for name in ("generate", "judge", "select", "review") if name in keys]
    if found == ["judge"] and _weighs(data):
        return "weigh"
    return found[0] if len(found) == 1 else "none"


def _weighs(data: Any) -> bool:
    """Whether a judging step has a weigher, or says what only a weigher's step does."""
    if not isinstance(data, dict):
        return isinstance(data, Weigh)
    judge = data["judge"]
    used = judge.get("use") if isinstance(judge, dict) else getattr(judge, "use", judge)
    return "student" in data or used in names(Weigher)


AnyStep = Annotated[
    Annotated[Generate, Tag("generate")]
    | Annotated[Judge, Tag("judge")]
    | Annotated[Weigh, Tag("weigh")]
    | Annotated[Select, Tag("select")]
    | Annotated[Review, Tag("review")],
    Discriminator(
        _operation,
        custom_error_type="step_operation",
        custom_error_message="a step says exactly one of `generate:`, `judge:`, `select:` or `review:`",
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
    quantised: Literal["4bit"] | None = None
    """QLoRA (Dettmers et al. 2023): the base is held in four bits while it is trained on; GPUs only, by bitsandbytes."""


class Job(Clause):
    """One training. The student of the last job is the one that is examined."""

    job: Name
    student: str = "student"
    dataset: str
    objective: part(Objective)  # type: ignore[valid-type]
    init: Name = "previous"
    """`previous` goes on from this job's adapter of the round before; `base` starts afresh; the name of a job before it goes
    on from the adapter that that one made in the same round, and hands it on where its own dataset has no lessons yet."""
    lora: Lora = Lora()

    @property
    def after(self) -> str | None:
        """The job whose adapter of the same round it goes on from, if it does."""
        return None if self.init in NO_JOBS else self.init


class Worth(Clause):
    """What one percentage point of probe accuracy is worth, in exactly one currency."""

    usd: float | None = Field(default=None, gt=0)
    calls: float | None = Field(default=None, gt=0)
    tokens: float | None = Field(default=None, gt=0)

    @model_validator(mode="after")
    def _one_currency(self) -> "Worth":
        if len(self.model_dump(exclude_none=True)) != 1:
            raise ValueError("say what a point is worth in one of usd, calls or tokens, e.g. {usd: 2}")
        return self


class Stop(Clause):
    """When the rounds end. The first reason that holds ends them; `rounds` always does."""

    rounds: int = Field(default=1, ge=1)
    plateau: float = Field(default=0.0, ge=0, le=1)
    """Gain in probe accuracy below which a round counts as having brought nothing; 0.01 is one point."""
    patience: int = Field(default=1, ge=1)
    """So many rounds in a row may bring nothing before it ends."""
    good_enough: float | None = Field(default=None, gt=0, le=1)
    """Probe accuracy at which it ends. One minus it is the hard share, as in Lion (Jiang et al. 2023, §3)."""
    worth: Worth | None = None
    """Ends when the next round is expected to cost more than the points that it is expected to gain are worth."""


class Mining(Clause):
    """How failures are put together."""

    role: str | None = None
    """Who names the clusters in words; nobody, if none is named."""
    split_above: int = Field(default=24, ge=4)
    """Failures of one skill and cause above which they are told apart by their text."""


class Budget(Clause):
    """Caps of a run; None is no cap. A run that meets one stops in order and can be resumed with a higher one."""

    usd: float | None = Field(default=None, ge=0)
    calls: int | None = Field(default=None, ge=0)
    tokens: int | None = Field(default=None, ge=0)
    minutes: float | None = Field(default=None, gt=0)
    then: Literal["wait", "train"] = "wait"
    """What a run does that meets a cap: it waits to be resumed with a higher one, or it trains on what it bought, is
    examined, and ends. To `train`, a step spends only so much that what it writes can still be judged."""
    reused: Literal["free", "counted"] = "free"
    """Whether replies that another run paid for count toward the caps, as in a comparison at equal budget."""


def roles_of(step: "AnyStep") -> list[str]:
    """The roles that a step asks."""
    return list(getattr(step, "role", []))


def component_of(step: "AnyStep") -> Any:
    """What carries a step out; of a review it is the sample, since a person is no component."""
    names = (name for name in ("generate", "select", "review", "judge") if name in type(step).model_fields)
    return getattr(step, next(names))
