"""The kinds of component that shape lessons, train, examine and plan."""

from abc import abstractmethod
from collections.abc import Generator, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from math import exp
from typing import Annotated, Any, ClassVar, Literal

from pydantic import BeforeValidator, Field, model_validator

from agents.kinds import Critic, Fields, Judgement, Part, Source
from agents.prompts import fill, read_filled
from agents.registry import Component, as_list, part
from orchestrator.examination.constraints import Constraints
from orchestrator.examination.court import Bar
from orchestrator.retrieval import Shelf
from storage.accounts import Spending
from storage.keyed import content_key
from storage.records import Attempt, Cluster, Draft, Failure, Plan, Scorecard

Messages = list[dict[str, str]]
SOLUTION = "{rationale}\n#### {answer}"
"""What most formats have a student write."""
LARGEST_NATS = 700.0
"""What e can be raised to and still be a number."""


@dataclass(frozen=True)
class ExamItem:
    """One question of an exam. `prompt` is what the student is shown; nothing else of the item reaches it."""

    question: str
    gold: str
    prompt: Messages
    skill: str
    split_key: str
    fields: Mapping[str, Any] = field(default_factory=dict)
    """What else the source says of it: choices, a reference solution."""
    choices: tuple[str, ...] = ()
    """What may follow the prompt, where the student is asked how likely each is rather than for a reply; what counts as
    its reply is then a JSON list of [log-probability in nats, whether each token is its likeliest, number of tokens]."""


@dataclass(frozen=True)
class Grade:
    """What a reply is worth."""

    answer: str | None
    """The answer read from the reply; None if it has none."""
    right: bool
    score: float | None = None
    """A judge's score, where one judges; on the judge's own scale."""
    call: str | None = None
    """Key of the judge's call."""


class Shape(StrEnum):
    """What a row holds: a format gives rows of one shape, an objective needs rows of one."""

    COMPLETION = "completion"
    """`prompt` and `completion`, each a list of messages; so are `chosen` and `rejected` below."""
    WEIGHTED = "weighted"
    """`prompt`, `completion`, and `weight`, a number from 0 on: how much the row counts."""
    PREFERENCE = "preference"
    """`prompt`, `chosen` and `rejected`."""
    BINARY = "binary"
    """`prompt`, `completion`, and `label`: whether it is a good one."""
    TEXT = "text"
    """`text`, a plain one, all of which is learned."""
    PRIVILEGED = "privileged"
    """`prompt`, `completion`, and `full_prompt`, which a teacher is shown instead of `prompt`."""
    VERIFIABLE = "verifiable"
    """`prompt`, `completion`, which is not learned, and `fields`: what a verifier is told beside a reply to the prompt."""


class Format(Component):
    """Turns an accepted draft into the row that a trainer reads, and a question into the student's prompt."""

    shape: ClassVar[Shape] = Shape.COMPLETION

    @abstractmethod
    def prompt(self, fields: Fields) -> Messages:
        """What the student is shown, in lessons and in exams alike."""

    @abstractmethod
    def row(self, fields: Fields) -> dict[str, Any]:
        """Raises KeyError for a draft that lacks a field the format needs."""

    def read(self, fields: Fields, reply: str) -> dict[str, Any] | None:
        """The inverse of `row`: the fields that would make this reply to what these ask. None for a reply of another form.

        By default a rationale and, behind the mark, an answer.
        """
        return read_filled(SOLUTION, reply)

    def row_at(self, fields: Fields, progress: float) -> dict[str, Any]:
        """The row in a round that is so far on the way from the first (0) to the last (1); by default in all the same."""
        return self.row(fields)


def place_of(draft: Draft) -> tuple[str, str]:
    """Where a lesson stands before chance shuffles them: by what it says and not by its run, so that two runs that wrote
    the same teach it in the same order."""
    return content_key("place", [draft.step, draft.kind, draft.fields, draft.sample]), draft.key


@dataclass(frozen=True)
class Weight:
    """How likely a student finds one text after one prompt."""

    logprob: float
    """Sum over its tokens, in nats."""
    tokens: int
    """At least one."""

    @property
    def mean(self) -> float:
        """Nats a token: what texts of different lengths are compared by."""
        return self.logprob / self.tokens

    @property
    def perplexity(self) -> float:
        """1 for a text that is certain; of one that is next to impossible, about as much as a number holds."""
        return exp(min(-self.mean, LARGEST_NATS))


class Weigher(Component):
    """Judges drafts by how likely a student finds a text; all drafts of its step together, so that it may rank them."""

    ask: str = "{question}"
    """The prompt, with the names of fields in braces."""
    text: str = Field(default="{answer}", min_length=1)
    """What is weighed after it, likewise. A draft in which it is blank is not weighed, and rejected."""

    def prompts(self) -> list[str]:
        """Every prompt that the text is weighed after."""
        return [self.ask]

    def texts(self, fields: Fields) -> list[tuple[Messages, str]]:
        """What is weighed of one draft. Raises KeyError for a field that it lacks."""
        text = fill(self.text, **fields)
        asked = [[{"role": "user", "content": fill(prompt, **fields)}] for prompt in self.prompts()]
        return [(prompt, text) for prompt in asked] if text.strip() else []

    @abstractmethod
    def judge(self, drafts: Sequence[Draft], weights: Sequence[Sequence[Weight]]) -> list[Judgement]:
        """One judgement per draft, in order. `weights` are those of its texts, a sequence as long as `prompts()`."""


class Mixture(Component):
    """Chooses which drafts a dataset holds, and how often."""

    @abstractmethod
    def arrange(self, drafts: Sequence[Draft], plan: Plan, seed: int) -> list[Draft]:
        """The drafts in the order of the rows, some left out or repeated; the same input gives the same order."""


class Objective(Component):
    """Names a trainer and gives its settings; rows come from the dataset, training is TRL's wherever TRL has the loss.

    The defaults are for LoRA on a small student; TRL's own learning rates are made for full fine-tuning and far too low.
    """

    trainer: ClassVar[str]
    """Module of `orchestrator.student_worker.trainers` that builds it."""
    shape: ClassVar[Shape] = Shape.COMPLETION
    """Of the rows that it reads."""
    learning_rate: float = Field(default=2e-4, gt=0)
    epochs: float = Field(default=3.0, gt=0)
    batch: int = Field(default=16, ge=1)
    """Rows per optimizer step."""
    warmup: float = Field(default=0.03, ge=0, lt=1)
    """Share of the steps in which the learning rate rises."""
    schedule: Literal["cosine", "linear", "constant"] = "cosine"
    weight_decay: float = Field(default=0.0, ge=0)

    def settings(self) -> dict[str, Any]:
        """Arguments of the trainer's configuration, by TRL's names."""
        return {
            "learning_rate": self.learning_rate,
            "num_train_epochs": self.epochs,
            "per_device_train_batch_size": self.batch,
            "warmup_steps": self.warmup,
            "lr_scheduler_type": self.schedule,
            "weight_decay": self.weight_decay,
        }

    def own(self) -> dict[str, Any]:
        """What a loss of our own reads besides, where TRL has none."""
        return {}


class Exam(Component):
    """Asks a student questions and grades its replies."""

    measures_novelty: ClassVar[bool] = False
    """Whether the scorecard says which share of the right answers no lesson had."""
    source: str
    """Name of the recipe's source that the questions come from."""
    part: Part = "probe"
    """`probe` is read after every round and may steer; `test` is read once, at the end; `train` is practice: lessons may
    be about what is failed there, and it counts for nothing else."""
    samples: int = Field(default=1, ge=1, le=64)
    """Replies to each question. An item counts by the share of them that is right; pass@k and agreement need several."""
    temperature: float = Field(default=0.0, ge=0, le=2)
    """0 is greedy."""
    constraints: Constraints | None = None
    """What the student may not say while it writes; choices are weighed without regard to it."""
    canaries: int = Field(default=0, ge=0, le=100)
    """Items besides, whose answers nobody can know who has not seen the exam. They count for no score; the gate reads them."""

    @model_validator(mode="after")
    def _several_differ(self) -> "Exam":
        if self.samples > 1 and self.temperature == 0:
            raise ValueError(f"{self.samples} greedy replies are one reply {self.samples} times; set a temperature")
        return self

    @abstractmethod
    def items(self, source: Source, form: Format, seed: int) -> list[ExamItem]:
        """The same arguments give the same items."""

    @abstractmethod
    def grade(self, item: ExamItem, reply: str) -> Grade:
        """By rule."""

    @property
    @abstractmethod
    def max_tokens(self) -> int:
        """How long a reply may be."""


class JudgedExam(Exam):
    """An exam whose replies a critic judges by asking a model, once the court has heard it."""

    role: str
    """Who is asked."""
    critic: part(Critic)  # type: ignore[valid-type]
    cases: int = Field(default=60, ge=2)
    """Cases of known truth that the court hears, half of them good as far as there are so many."""
    bar: Bar = Bar()
    """What the judge must reach."""
    forced: bool = False
    """Whether a judge may be of the family of a teacher or of the student."""

    @abstractmethod
    def to_judge(self, fields: Fields, reply: str) -> dict[str, Any]:
        """The fields that the critic reads, of a question's fields and a reply to it."""


@dataclass(frozen=True)
class Taught:
    """What one round did for one skill."""

    seeds: int = 0
    drafts: int = 0
    """Drafts that were written from these seeds and what came of them."""
    lessons: int = 0
    """Drafts of the skill that became lessons."""


@dataclass(frozen=True)
class Progress:
    """What a feedback policy is told: all of it from the probe and from practice, never from a test."""

    plans: Sequence[Plan]
    """Of every round so far, the last being the one that has just been carried out."""
    cards: Sequence[Scorecard]
    """Of the first probe, oldest first; the base's, of round 0, is the first."""
    attempts: Sequence[Attempt] = ()
    """This round's student's, in the probe and in practice, right and wrong, in the order of their keys."""
    failures: Sequence[Failure] = ()
    """Its wrong attempts, one each, in the order of their keys."""
    clusters: Sequence[Cluster] = ()
    """Its failures in clusters, largest first."""
    earlier: Mapping[int, Sequence[Attempt]] = field(default_factory=dict)
    """Attempts of the students of rounds before, by round."""
    taught: Mapping[tuple[int, str], Taught] = field(default_factory=dict)
    """By round and skill."""
    spent: Mapping[int, Spending] = field(default_factory=dict)
    """By round."""
    levels: Mapping[str, int] = field(default_factory=dict)
    """Every skill of the probed sources, in their order, with its difficulty."""
    seeds: int = 0
    """How many seeds the recipe's `seeds` gives the probed sources a round."""
    seed: int = 0
    """Of chance, for a policy that draws."""

    @property
    def plan(self) -> Plan:
        """Of the round that has just been carried out."""
        return self.plans[-1]

    @property
    def card(self) -> Scorecard:
        """The newest."""
        return self.cards[-1]

    def error(self, skill: str) -> float:
        """Share of the probe's questions of a skill that the newest student gets wrong; 1 if none was asked."""
        score = self.card.skills.get(skill)
        return 1.0 - score["accuracy"] if score else 1.0


@dataclass(frozen=True)
class NextPlan:
    """What a policy says of the next round."""

    why: str
    """One sentence that a person can read."""
    quotas: Mapping[str, int] = field(default_factory=dict)
    """New seeds of each skill; empty means: as the recipe says."""
    targets: Sequence[str] = ()
    """Keys of failures that lessons are written for."""
    briefs: Sequence[Mapping[str, Any]] = ()
    """What the teacher is told besides: the fields of seeds of the stream `briefs`; `skill` among them if it has one."""
    weights: Mapping[str, float] = field(default_factory=dict)
    """Share of each skill in the next dataset, for a mixture that heeds it; empty means: as they come."""
    stop: bool = False


@dataclass(frozen=True)
class Ask:
    """One thing to ask a student about an exam's question."""

    shown: Mapping[str, Any] = field(default_factory=dict)
    """Fields besides those of the question, as the format of the student's lessons reads them."""
    job: str | None = None
    """Whose student of the same round is asked, by the job that trains it; None: the one that is examined."""
    choices: tuple[str, ...] = ()
    """What may follow the prompt, where the student is asked how likely each is; the reply is as with `ExamItem.choices`,
    whose place these take."""


@dataclass(frozen=True)
class Said:
    """What a student replied, and how sure it was."""

    reply: str
    confidence: float | None = None
    """Geometric mean of the probabilities of its tokens."""
    margin: float | None = None
    """Mean gap between the two likeliest tokens, over the first sixteen."""
    tokens: int = 0
    finished: bool = True
    """Whether it ended by itself, within the exam's limit."""


@dataclass(frozen=True)
class Concluded:
    """What counts as the student's reply, and what it had been shown when it said so."""

    said: Said
    shown: Mapping[str, Any] = field(default_factory=dict)


Conversation = Generator[Sequence[Ask], Sequence[Said], Concluded]
"""Asks, is sent what was said to each, asks again if it likes, and returns what counts. All conversations of an exam
take their turns together, so that a turn costs one start of each student."""


class Inference(Component):
    """How a student is asked in exams: once, once more with something shown besides, in parts, or together with others."""

    measures_hits: ClassVar[bool] = False
    """Whether the scorecard says how often what was shown as `knowledge` held the gold answer."""
    sources: Annotated[list[str], BeforeValidator(as_list)] = Field(default=[], alias="from")
    """Streams whose drafts are the shelf that it may show from: those of the student's round and of all before."""

    @abstractmethod
    def converse(self, item: ExamItem, shelf: Shelf) -> Conversation:
        """How one question is put. Nothing of it may depend on the gold answer."""

    def jobs(self) -> list[str]:
        """The jobs whose students it asks besides the one that is examined."""
        return []


class Feedback(Component):
    """Turns what a student got wrong into the plan of the next round, and says why in one sentence.

    A policy is a pure function: the same progress gives the same plan. When to stop is the recipe's `stop:`; a policy
    stops only where it has nothing to say.
    """

    @abstractmethod
    def next_plan(self, progress: Progress) -> NextPlan:
        """The plan of the round after `progress.plan`."""

    def most(self, seeds: int) -> tuple[int, int]:
        """What a later round begins with at most: new seeds, where the first round had so many, and failures."""
        return seeds, 0
