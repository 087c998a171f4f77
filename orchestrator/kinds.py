"""The kinds of component that shape lessons, train, examine and plan."""

from abc import abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

from agents.kinds import Fields, Part, Source
from agents.registry import Component
from storage.records import Draft, Failure, Plan, Scorecard

Messages = list[dict[str, str]]


@dataclass(frozen=True)
class ExamItem:
    """One question of an exam. `prompt` is what the student is shown; nothing else of the item reaches it."""

    question: str
    gold: str
    prompt: Messages
    skill: str
    split_key: str


class Format(Component):
    """Turns an accepted draft into the row that a trainer reads, and a question into the student's prompt."""

    @abstractmethod
    def prompt(self, fields: Fields) -> Messages:
        """What the student is shown, in lessons and in exams alike."""

    @abstractmethod
    def row(self, fields: Fields) -> dict[str, Any]:
        """Raises KeyError for a draft that lacks a field the format needs."""


class Mixture(Component):
    """Chooses which drafts a dataset holds, and how often."""

    @abstractmethod
    def arrange(self, drafts: Sequence[Draft], round_number: int, seed: int) -> list[Draft]:
        """The drafts in the order of the rows, some left out or repeated; the same input gives the same order."""


class Objective(Component):
    """Names a trainer and gives its settings; rows come from the dataset, training is TRL's."""

    trainer: ClassVar[str]
    """Name of the trainer; which class of TRL that is, the student worker knows."""

    @abstractmethod
    def settings(self) -> dict[str, Any]:
        """Arguments of the trainer's configuration."""


class Exam(Component):
    """Asks a student questions and grades its replies."""

    source: str
    """Name of the recipe's source that the questions come from."""
    part: Part = "probe"
    """`probe` is read after every round and may steer; `test` is read once, at the end."""

    @abstractmethod
    def items(self, source: Source, form: Format, seed: int) -> list[ExamItem]:
        """The same arguments give the same items."""

    @abstractmethod
    def grade(self, item: ExamItem, reply: str) -> tuple[str | None, bool]:
        """The answer read from a reply (None if it has none) and whether it is right."""

    @property
    @abstractmethod
    def max_tokens(self) -> int:
        """How long a reply may be."""


class Feedback(Component):
    """Turns what a student got wrong into the plan of the next round, and says why in one sentence."""

    rounds: int

    @abstractmethod
    def next_plan(self, plan: Plan, cards: Sequence[Scorecard], failures: Sequence[Failure]) -> Mapping[str, Any]:
        """Fields of the next plan: quotas, targets, stop, why. `cards` are the probe's, oldest first."""

    def most(self, seeds: int) -> tuple[int, int]:
        """What a later round begins with at most: new seeds, where the first round had so many, and failures."""
        return seeds, 0
