"""The kinds of component that make or judge a record: what each is given and what it must return."""

from abc import abstractmethod
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, ClassVar, Generic, Literal, Protocol, TypeVar

from pydantic import BaseModel

from agents.registry import Component
from storage.records import Draft, Outcome

Part = Literal["train", "probe", "test"]
Fields = Mapping[str, Any]
Form = TypeVar("Form", bound=BaseModel)


class UnreadableReply(Exception):
    """A model's reply is not of the form that was asked for. Carries the key of the stored call."""

    def __init__(self, reason: str, call: str) -> None:
        super().__init__(reason)
        self.call = call


class Refused(UnreadableReply):
    """The model declined to answer, or a content filter stopped it."""


@dataclass(frozen=True)
class Sampling:
    """How a model is to choose its words. None leaves a choice to the endpoint."""

    temperature: float = 0.7
    top_p: float | None = None
    max_tokens: int | None = None
    stop: tuple[str, ...] = ()
    logit_bias: tuple[tuple[str, float], ...] = ()
    """Token ids, as text, and what is added to their logits."""
    top_logprobs: int | None = None
    """Ask for the log-probability of every token of the reply, and of so many others at its place."""


SAMPLING = Sampling()


@dataclass(frozen=True)
class Token:
    """One token of a reply, its natural log-probability, and the likeliest at its place, itself among them or not."""

    text: str
    logprob: float
    top: tuple[tuple[str, float], ...] = ()


@dataclass(frozen=True)
class Reply(Generic[Form]):
    """A reply that was understood, and the key of the stored call it was read from."""

    value: Form
    call: str
    reasoning: str = ""
    """What a reasoning model thought first, where the endpoint tells."""
    tokens: tuple[Token, ...] = ()
    """Empty unless `top_logprobs` were asked for and given."""


class Teacher(Protocol):
    """A model in a role. Asking the same thing with the same sample number is one call, however often it is asked."""

    model: str
    places: int
    """How many requests it takes at once."""

    async def ask(
        self, prompt: str, form: type[Form], *, sample: int = 0, sampling: Sampling = SAMPLING
    ) -> Reply[Form]:
        """Raises UnreadableReply or Refused; Unanswered when this request fails, TeacherUnavailable when all do."""
        ...

    def several(self, samples: int) -> "Teacher":
        """The same teacher for so many samples of each prompt: one request gives several where the endpoint can."""
        ...


class Unanswered(Exception):
    """One request got no answer, though the endpoint answers others: nothing becomes of it."""


class UnfitDraft(Exception):
    """A component cannot judge or use what it is given, and says why: the recipe or the data has to change."""


class Nobody:
    """The teacher of a step that asks none."""

    model = ""
    places = 0

    async def ask(
        self, prompt: str, form: type[Form], *, sample: int = 0, sampling: Sampling = SAMPLING
    ) -> Reply[Form]:
        raise RuntimeError(f"a component that says it asks nobody has asked for {form.__name__}")

    def several(self, samples: int) -> "Nobody":
        return self


@dataclass(frozen=True)
class Material:
    """What a source gives: the fields of one seed."""

    fields: dict[str, Any]
    split_key: str
    skill: str = ""
    origin: str = ""


@dataclass(frozen=True)
class Writing:
    """What a generator wrote from one material: the new fields, and the call they were read from."""

    fields: dict[str, Any]
    call: str | None = None


@dataclass(frozen=True)
class Judgement:
    outcome: Outcome
    reason: str
    score: float | None = None
    evidence: dict[str, Any] = field(default_factory=dict)
    call: str | None = None


def accepted(reason: str = "", **more: Any) -> Judgement:
    return Judgement(Outcome.ACCEPTED, reason, **more)


def rejected(reason: str, **more: Any) -> Judgement:
    return Judgement(Outcome.REJECTED, reason, **more)


class SourceError(Exception):
    """A source's input cannot be used; the message says what was found, what was expected and what to do."""


class Source(Component):
    """Gives seeds. The same arguments give the same materials in the same order."""

    kind: ClassVar[str] = "question"

    @abstractmethod
    def skills(self) -> list[str]:
        """The skills that materials are tagged with; [""] if they are not. Raises SourceError."""

    def level(self, skill: str) -> int:
        """How difficult a skill is, 1 being the easiest; 1 where the source does not know."""
        return 1

    @abstractmethod
    def materials(self, part: Part, skill: str, seed: int) -> Iterator[Material]:
        """Distinct materials of one part and skill, possibly without end. Raises SourceError for unfit input."""

    @abstractmethod
    def split_key(self, fields: Fields) -> str:
        """The split key that these fields have, whoever wrote them."""

    @abstractmethod
    def part_of(self, split_key: str) -> Part:
        """The part that a split key belongs to."""


class Generator(Component):
    """Writes drafts from one material, by asking a teacher or by rule."""

    writes: ClassVar[str]
    """The kind of its drafts."""
    reads: ClassVar[tuple[str, ...]]
    """The fields of a material that it sees unless the recipe's `shows` says otherwise."""
    asks: ClassVar[bool] = True
    """Whether it asks a model; False for one that works by rule."""
    opens: ClassVar[bool] = False
    """Whether it writes new items, which keep nothing of their parent and have a split key of their own."""
    avoids: ClassVar[bool] = False
    """Whether it heeds the field `covered`: texts that it wrote before, one a line, and is not to write again."""

    @abstractmethod
    async def write(self, fields: Fields, teacher: Teacher, sample: int) -> list[Writing]:
        """Write from the visible fields. Raises UnreadableReply."""


class Critic(Component):
    """Judges one draft by asking a model. It returns a judgement, never a text that replaces the draft."""

    calls: ClassVar[int] = 1
    """How often it asks for one judgement, repairs aside."""

    @abstractmethod
    async def judge(self, draft: Draft, teacher: Teacher) -> Judgement:
        """Raises UnreadableReply when the model's verdict cannot be read; that is never a score."""

    def sum_up(self, judgements: Mapping[str, Judgement]) -> Judgement:
        """What several judges, by role, say together of one draft: what most of those say who could be read.

        A draft that as many accept as reject is rejected; one that nobody could judge is unreadable.
        """
        read = {role: each for role, each in judgements.items() if each.outcome != Outcome.UNREADABLE}
        said = {
            role: {"outcome": each.outcome, "score": each.score, "reason": each.reason}
            for role, each in judgements.items()
        }
        if not read:
            return Judgement(Outcome.UNREADABLE, "no judge's reply could be read", evidence=said)
        for_it = sum(each.outcome == Outcome.ACCEPTED for each in read.values())
        votes = f"{for_it} of {len(read)} judges accept it"
        return (accepted if 2 * for_it > len(read) else rejected)(votes, score=for_it / len(read), evidence=said)


class Verifier(Component):
    """Judges one draft by rule."""

    @abstractmethod
    def judge(self, draft: Draft) -> Judgement: ...

    async def judge_all(self, drafts: Sequence[Draft]) -> list[Judgement]:
        """One judgement per draft, in order; for a verifier that does many at once, or has to wait."""
        return [self.judge(draft) for draft in drafts]


class Selection(Component):
    """Judges a set of drafts together: duplicates, votes, thresholds."""

    learns: ClassVar[bool] = False
    """Whether it is given examples whose truth another step has judged."""

    @abstractmethod
    def choose(
        self, drafts: Sequence[Draft], earlier: Sequence[Draft], labelled: Sequence[tuple[Draft, bool]] = ()
    ) -> list[Judgement]:
        """One judgement per draft, in order. `earlier` are the drafts this step accepted in rounds before; `labelled`,
        for one that learns, are drafts of all rounds so far in a fixed order, and whether each is good."""


class ScoredSelection(Selection):
    """A selection that goes by the scores which an earlier step gave its drafts; the recipe names it with `scores`."""

    @abstractmethod
    def choose(
        self,
        drafts: Sequence[Draft],
        earlier: Sequence[Draft],
        labelled: Sequence[tuple[Draft, bool]] = (),
        scores: Mapping[str, float] | None = None,
    ) -> list[Judgement]:
        """As above. `scores` are by a draft's key; one that nobody scored, or whose verdict was unreadable, has none."""
