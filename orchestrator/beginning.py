"""A first recipe and machine file for data, a teacher and a student of one's own, checked before they are written."""

import json
import re
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

from agents.kinds import Material, Part, SourceError
from agents.sources.questions import Questions
from agents.tables import table_of
from orchestrator.keys import check_key_env
from orchestrator.machine import REHEARSAL, load_machine
from orchestrator.recipe import load_recipe

MOST_SEEDS, FEWEST_ASKED = 2000, 20
"""Of a round; and questions of an exam below which an interval says nothing."""
COLUMNS = {
    "question": ("question", "problem", "prompt", "instruction", "input", "query"),
    "answer": ("answer", "solution", "output", "response", "target", "gold", "label"),
}
"""Names under which data sets have them, the likeliest first."""
_NO_NAME = re.compile(r"[^a-z0-9_-]+")
_SOURCES = {
    False: "  tasks: {{use: rehearsal_world, choose: taught}} # questions that a program makes up, with their answers",
    True: "  tasks: {{use: questions, path: {path}, question: {question}, answer: {answer}}}",
}
_RECIPE = """\
# Written by `orchestrator init`; `orchestrator check` says every default, docs/recipe-language.md what else there is.
name: {name}
about: {about}
roles: {{teacher: {{about: writes solutions and new questions}}}}
students: {{student: {{base: {base}}}}}
sources:
{sources}
seeds: {{tasks: {seeds}}} # questions of each round
lessons:
  - {{step: solve, generate: {{use: write_solution}}, role: teacher, from: tasks, to: solutions}}
  - {{step: right_answer, judge: {{use: answer_match}}, from: solutions, to: right}}
  # from the second round on: questions like those that the student got wrong, kept where three solutions agree
  - {{step: practise, generate: {{use: write_similar_question}}, role: teacher, from: failures, to: new_questions}}
  - {{step: solve_new, generate: {{use: write_solution}}, role: teacher, samples: 3, from: new_questions, to: new_solutions}}
  - {{step: agree, select: {{use: majority_vote}}, from: new_solutions, to: agreed}}
  - {{step: once, select: {{use: exact_duplicates}}, from: [right, agreed], to: lessons}}
datasets:
  lessons: {{from: lessons, format: {{use: rationale_then_answer}}}}
training:
  - job: student
    dataset: lessons
    objective: {{use: sft, learning_rate: {rate}, epochs: 2, batch: 8}}
    lora: {{rank: 32, alpha: 64}}
exams:
  probe: {{use: final_answer, source: tasks, part: probe, per_skill: 60}}
  test: {{use: final_answer, source: tasks, part: test, per_skill: 100}}
feedback: {{use: target_failures, seeds: {again}, failures: 80}}
stop: {{rounds: 2}}
"""
_ENDPOINT = """\
  endpoint: {endpoint}
  model: {model}
{key}  # usd_per_million_prompt: 0.50     # say both where `orchestrator prices MODEL` knows none
  # usd_per_million_completion: 1.50
"""


class CannotBegin(Exception):
    """An answer that no recipe can be made of; the message says what was found and what was expected."""


@dataclass(frozen=True)
class Wishes:
    """What a person said. Empty data is the rehearsal world, an empty teacher its program, an empty key_env no key."""

    about: str
    data: str = ""
    question: str = ""
    answer: str = ""
    teacher: str = ""
    model: str = ""
    key_env: str = ""
    student: str = "embedded"


def guessed(data: str) -> tuple[str, str]:
    """The columns of a file's question and answer, empty where none looks like it. Raises CannotBegin."""
    try:
        _, row = next(iter(table_of(data, []).rows()), (0, None))
    except (SourceError, OSError) as error:
        raise CannotBegin(f"the data cannot be read: {error}") from error
    if row is None:
        raise CannotBegin(f"{data} holds no row")
    found = [next((name for name in names if name in row), "") for names in COLUMNS.values()]
    return found[0], found[1]


def check_endpoint(url: str, model: str, key_env: str) -> None:
    """Raises CannotBegin, without showing what may be a key."""
    if url and not re.fullmatch(r"https?://[^\s@]+", url):
        raise CannotBegin(
            "the teacher is no address; expected one of the OpenAI protocol, e.g. https://api.example.com/v1"
        )
    if url and not model:
        raise CannotBegin("the endpoint serves models, and none is named; say --model, as its provider calls it")
    try:
        _ = key_env and check_key_env(key_env)
    except ValueError as error:
        raise CannotBegin(f"--key-env: {error}") from error


def begin(wishes: Wishes, recipe: Path, machine: Path) -> dict[str, int]:
    """Write both files; questions by part. Nothing is overwritten, and nothing written that would not be accepted.

    Raises CannotBegin, MachineError, RecipeError, SourceError.
    """
    refuse_to_overwrite(recipe, machine)
    check_endpoint(wishes.teacher, wishes.model, wishes.key_env)
    if wishes.data and not wishes.teacher:
        raise CannotBegin(
            "the rehearsal teacher knows its own questions only; name an endpoint for yours with --teacher"
        )
    parts = _counted(wishes) if wishes.data else {}
    if parts and (few := [part for part, count in parts.items() if count < FEWEST_ASKED]):
        told = ", ".join(f"{count} for {part}" for part, count in parts.items())
        raise CannotBegin(f"{wishes.data} has too few questions for {few[0]}: {told}; expected {FEWEST_ASKED} of each")
    written = {recipe: _recipe(wishes, recipe, parts), machine: _machine(wishes)}
    with tempfile.TemporaryDirectory() as folder:
        tried = {path: Path(folder) / f"{number}.yaml" for number, path in enumerate(written)}
        for path, text in written.items():
            tried[path].write_text(text, encoding="utf-8")
        loaded, models = load_recipe(str(tried[recipe])), load_machine(tried[machine])
        models.entries(loaded.roles)
        models.base(loaded.students["student"].base)
    for path, text in written.items():
        with path.open("x", encoding="utf-8") as file:
            file.write(text)
    return parts


def refuse_to_overwrite(*paths: Path) -> None:
    """Raises CannotBegin."""
    for path in paths:
        if path.exists():
            raise CannotBegin(f"{path} is there already and stays as it is; name another with --recipe or --machine")


def _counted(wishes: Wishes) -> dict[str, int]:
    source = Questions(use="questions", path=wishes.data, question=wishes.question, answer=wishes.answer)
    parts: tuple[Part, ...] = ("train", "probe", "test")
    return {part: sum(1 for _ in islice(_materials(source, part), MOST_SEEDS)) for part in parts}


def _materials(source: Questions, part: Part) -> Iterator[Material]:
    for skill in source.skills():
        yield from source.materials(part, skill, 0)


def _recipe(wishes: Wishes, recipe: Path, parts: dict[str, int]) -> str:
    seeds = parts.get("train", 400)
    named = {name: json.dumps(getattr(wishes, name), ensure_ascii=False) for name in ("question", "answer")}
    return _RECIPE.format(
        name=_NO_NAME.sub("-", recipe.stem.lower()).strip("-_0123456789") or "mine",
        about=json.dumps(wishes.about, ensure_ascii=False),
        base="embedded" if wishes.student == "embedded" else "my-base",
        sources=_SOURCES[bool(wishes.data)].format(path=json.dumps(wishes.data, ensure_ascii=False), **named),
        seeds=seeds,
        again=max(1, seeds // 2),
        rate="2.0e-3" if wishes.student == "embedded" else "2.0e-4",
    )


def _machine(wishes: Wishes) -> str:
    text = "# Which model plays which role; docs/real-data.md says what else there is.\ndefault:\n"
    if wishes.teacher:
        key = (
            f"  key_env: {wishes.key_env} # the variable that holds the key, never the key\n" if wishes.key_env else ""
        )
        text += _ENDPOINT.format(endpoint=json.dumps(wishes.teacher), model=json.dumps(wishes.model), key=key)
    else:
        text += f'  endpoint: "{REHEARSAL}" # a program that answers over HTTP; put your endpoint here\n'
        text += "  model: rehearsal-teacher\n"
    if wishes.student != "embedded":
        text += f"students:\n  my-base: {json.dumps(str(Path(wishes.student).expanduser()), ensure_ascii=False)}\n"
    return text
