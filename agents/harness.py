"""Tasks of EleutherAI's lm-evaluation-harness (Gao et al. 2024, doi:10.5281/zenodo.12608602): their documents, how they ask,
and what their filters and metrics say of a reply. All of that is the library's own; it is imported when a task is loaded."""

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from functools import cache
from typing import Any, Literal, TypedDict

from agents.kinds import SourceError

Split = Literal["training", "validation", "test"]
SPLITS: tuple[Split, ...] = ("training", "validation", "test")
EXTRA = "pip install 'agentic-distillation[harness]'"
SHOTS_SEED = 1234
"""The harness's default seed of the examples it draws: the same are shown here."""
WRITES, CHOOSES = "generate_until", "multiple_choice"
NOTHING = ("", "[invalid]")
"""What the harness's filters leave of a reply in which they found nothing."""
LENGTHS = {"acc_norm": len, "acc_bytes": lambda text: len(text.encode())}
"""By what these metrics divide a choice's log-probability; the others do not."""


class Document(TypedDict):
    """Where a document of a task lies."""

    task: str
    include_path: str | None
    split: Split
    number: int


@dataclass(frozen=True)
class Asked:
    """How a task asks one document: chat messages, and the choices that may follow; none where a reply is to be written."""

    prompt: list[dict[str, str]]
    choices: tuple[str, ...]


class Task:
    """One task of the harness that can be asked here. Raises SourceError for one that cannot."""

    def __init__(self, task: Any) -> None:
        self.name = str(task.task_name)
        self._task = task
        self._read: dict[Split, Any] = {}
        self._sound: set[tuple[str, str]] = set()
        self._asked: dict[tuple[Split, tuple[int, ...], int | None], list[Asked]] = {}
        if trouble := next(_troubles(task), None):
            raise SourceError(
                f"the harness's task {self.name!r} cannot be asked here: {trouble}; what can be asked are YAML tasks of text "
                f"with `output_type` {WRITES} or {CHOOSES}"
            )

    @property
    def chooses(self) -> bool:
        """Whether the student says how likely each choice is, rather than writes."""
        return self._task.OUTPUT_TYPE == CHOOSES

    @property
    def version(self) -> str:
        return str(self._task.VERSION)

    def splits(self) -> Sequence[Split]:
        return [split for split in SPLITS if getattr(self._task, f"has_{split}_docs")()]

    def docs(self, split: Split) -> Sequence[Any]:
        """In the order of the task; none of a split that it lacks."""
        if split not in self._read:
            self._read[split] = getattr(self._task, f"{split}_docs")() if split in self.splits() else []
        return self._read[split]

    def question(self, doc: Any) -> str:
        """The task's wording of a document, without description and examples."""
        return str(self._task.doc_to_text(doc)).strip()

    def target(self, doc: Any) -> str:
        """The answer that the task gives, of several the first; of choices the text of the right one."""
        target = self._task.doc_to_target(doc)
        if isinstance(target, list):
            target = target[0]
        return str(self.choices(doc)[target] if isinstance(target, int) and self._has_choices else target).strip()

    def choices(self, doc: Any) -> list[str]:
        return [str(choice) for choice in self._task.doc_to_choice(doc)] if self._has_choices else []

    def asked(self, split: Split, numbers: Sequence[int], shots: int | None) -> list[Asked]:
        """How the harness puts these documents to a chat model (`--apply_chat_template`), examples as turns of their own.

        Examples are drawn in the order of the documents: the first documents of a split are shown those that the harness
        shows with `--limit`. `shots` is their number, by default the task's. Raises SourceError where it has fewer.
        """
        known = (split, tuple(numbers), shots)
        if known not in self._asked:
            self._task.set_fewshot_seed(SHOTS_SEED)
            count = (self._task.config.num_fewshot or 0) if shots is None else shots
            self._asked[known] = [self._ask(self.docs(split)[number], count) for number in numbers]
        return self._asked[known]

    def measures(self, kept: str, metric: str) -> tuple[str, str]:
        """Names of filter and metric; of none, the task's first. Raises SourceError for what counts no single reply."""
        filters, metrics = [each.name for each in self._task._filters], list(self._task.aggregation())
        kept, metric = kept or filters[0], metric or metrics[0]
        if (kept, metric) in self._sound:
            return kept, metric
        for what, name, known in (("filter", kept, filters), ("metric", metric, metrics)):
            if name not in known:
                raise SourceError(f"task {self.name!r} has no {what} {name!r}; it has: {', '.join(known)}")
        doc = next(docs[0] for docs in map(self.docs, self.splits()) if len(docs))
        reply = json.dumps([[0.0, False]] * len(self.choices(doc))) if self.chooses else self.target(doc)
        value = self._results(doc, reply, kept)[1].get(metric)
        if not isinstance(value, int | float) or not self._task.higher_is_better().get(metric, True):
            raise SourceError(
                f"task {self.name!r}: {metric!r} does not count one reply as right or wrong; choose another `metric` of: "
                f"{', '.join(metrics)}"
            )
        self._sound.add((kept, metric))
        return kept, metric

    def graded(self, document: Document, reply: str, kept: str, metric: str) -> tuple[str | None, float]:
        """The answer that the filter leaves of a reply (None: nothing), or the choice that the metric goes by; and the
        metric's value. A reply to choices is a JSON list that begins with [log-probability, whether greedy] of each."""
        doc = self.docs(document["split"])[document["number"]]
        filtered, results = self._results(doc, reply, kept)
        if self.chooses:
            weights = [LENGTHS.get(metric, lambda _: 1)(choice) for choice in self.choices(doc)]
            chances = [likelihood / weight for (likelihood, _), weight in zip(filtered, weights, strict=True)]
            return self.choices(doc)[chances.index(max(chances))], float(results[metric])
        [found] = filtered
        said = str(found[0] if isinstance(found, list) and found else found or "").strip()
        return None if said in NOTHING else said, float(results[metric])

    @property
    def _has_choices(self) -> bool:
        return self._task.config.doc_to_choice is not None

    def _ask(self, doc: Any, shots: int) -> Asked:
        kept: list[dict[str, str]] = []

        def keep(messages: list[dict[str, str]], **_: Any) -> str:
            kept.extend(messages)
            return ""

        try:
            self._task.fewshot_context(
                doc=doc, num_fewshot=shots, apply_chat_template=True, fewshot_as_multiturn=True, chat_template=keep
            )
        except (AssertionError, AttributeError, ValueError) as error:  # too few examples are any of these
            raise SourceError(f"task {self.name!r} cannot be asked with {shots} examples: {_said(error)}") from error
        requests = self._requests(doc) if self.chooses else []
        return Asked(kept, tuple(request.args[1] for request in requests))

    def _requests(self, doc: Any) -> list[Any]:
        made = self._task.construct_requests(doc=doc, ctx="", metadata=(self.name, 0, 1), apply_chat_template=True)
        return made if isinstance(made, list) else [made]

    def _results(self, doc: Any, reply: str, kept: str) -> tuple[list[Any], dict[str, Any]]:
        """What the filter leaves of each response, and the task's metrics of that."""
        requests = self._requests(doc)
        responses = [tuple(each[:2]) for each in json.loads(reply)] if self.chooses else [self._cut(reply)]
        for request, response in zip(requests, responses, strict=True):
            request.resps = [response]
        next(each for each in self._task._filters if each.name == kept).apply(requests)
        filtered = [request.filtered_resps[kept] for request in requests]
        return filtered, self._task.process_results(doc, filtered)

    def _cut(self, reply: str) -> str:
        """Where the task has generation stop; the worker writes on, which changes nothing of what came before."""
        until = (self._task.config.generation_kwargs or {}).get("until") or []
        for end in [until] if isinstance(until, str) else until:
            reply = reply.split(end)[0] if end else reply
        return reply


_known: dict[tuple[str, str | None], list[Task]] = {}
"""What has been loaded, by the name of a task or group and its folder: loading reads the data."""


def load(name: str, include_path: str | None) -> list[Task]:
    """The task of this name, or the tasks of this group; of a folder with YAML files of one's own, or of the harness.

    Raises SourceError for an unknown name, for a task whose data cannot be loaded, and for one that cannot be asked here.
    """
    if (name, include_path) not in _known:
        tasks = _loaded(name, include_path)
        _known.update({(task.name, include_path): [task] for task in tasks})
        _known[name, include_path] = tasks
    return _known[name, include_path]


def task_of(document: Document) -> Task:
    """The task that a document is of. Raises SourceError as `load` does."""
    [task] = load(document["task"], document["include_path"])
    return task


def _loaded(name: str, include_path: str | None) -> list[Task]:
    manager = _manager(include_path)
    if name not in manager.all_tasks:
        near = ", ".join(_near(name, manager.all_tasks)) or "none like it"
        raise SourceError(f"{include_path or 'the harness'} has no task or group {name!r}; it has: {near}")
    try:
        found = manager.load(name)["tasks"].values()
    except Exception as error:  # over a broken task or an absent data set the library raises whatever comes
        raise SourceError(
            f"the harness cannot load its task {name!r}: {_said(error)}. Check its YAML and `dataset_path`; data of the "
            "Hugging Face Hub need a connection the first time"
        ) from error
    return [Task(each) for each in found]


@cache
def _manager(include_path: str | None) -> Any:
    """With a folder of one's own that folder alone: to list the harness's 14,000 tasks takes ten seconds."""
    try:
        from lm_eval.tasks import TaskManager  # pyright: ignore[reportMissingImports]
    except ImportError as error:
        raise SourceError(f"tasks of the harness need lm_eval, which is not installed: {EXTRA}") from error
    try:
        return TaskManager(include_path=include_path, include_defaults=include_path is None)
    except Exception as error:  # as above
        raise SourceError(f"the harness cannot read the tasks in {include_path}: {_said(error)}") from error


def _troubles(task: Any) -> Iterator[str]:
    """Why a task cannot be asked here."""
    from lm_eval.api.task import ConfigurableTask  # pyright: ignore[reportMissingImports]

    if not isinstance(task, ConfigurableTask):
        yield "it is a class of its own"
        return
    config: Any = task.config
    if task.OUTPUT_TYPE not in (WRITES, CHOOSES):
        yield f"its `output_type` is {task.OUTPUT_TYPE}"
    if config.doc_to_image or config.doc_to_audio:
        yield "it shows images or plays sounds"
    if config.unsafe_code:
        yield "its metric runs what the student wrote, without a sandbox"
    if config.repeats > 1:
        yield f"it grades {config.repeats} replies together (`repeats`); set it to 1 and let the exam ask for `samples`"
    if config.gen_prefix:
        yield "it begins the student's reply (`gen_prefix`)"
    if task.multiple_input:
        yield "its choices are in the question, not in the reply"
    if "acc_mutual_info" in task.aggregation():
        yield "`acc_mutual_info` needs choices without a question"


def _near(name: str, known: Sequence[str]) -> list[str]:
    return list(known) if len(known) <= 12 else get_close_matches(name, known, n=6)


def _said(error: BaseException) -> str:
    return (str(error).strip() or type(error).__name__).splitlines()[0].rstrip(".")
