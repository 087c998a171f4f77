"""Applies one component to rows of a user's own, outside any run: how its author and a doubtful user see what it does."""

import difflib
import json
from pathlib import Path
from typing import Any

import yaml
from pydantic import ValidationError

from agents.kinds import (
    Critic,
    Generator,
    Judgement,
    Selection,
    Teacher,
    Unanswered,
    UnfitDraft,
    UnreadableReply,
    Verifier,
)
from agents.registry import build, components, import_components
from agents.teacher import Reservation
from orchestrator.kinds import Weigher
from orchestrator.machine import load_machine, teachers_for
from orchestrator.production import together
from orchestrator.recipe import COMPONENT_PACKAGES
from storage.records import Call, CallOutcome, Draft, Outcome

ROLE = "teacher"
EXPECTED = "expected one JSON object a line, e.g. question, gold, rationale, answer"


class TrialError(Exception):
    """The component or the rows cannot be used; the message says why."""


class Memory:
    """The ledger of one trial: it keeps the calls for as long as the trial lasts, and caps nothing."""

    def __init__(self) -> None:
        self._calls: dict[str, Call] = {}

    async def find(self, key: str) -> Call | None:
        return self._calls.get(key)

    async def reserve(self, worst: Reservation) -> None:
        pass

    async def keep(self, call: Call, worst: Reservation) -> Call:
        self._calls[call.key] = call
        return call

    def permit(self) -> None:
        pass

    def release(self, worst: Reservation) -> None:
        pass

    def read_as(self, key: str, outcome: CallOutcome, reason: str) -> None:
        pass


async def try_component(name: str, path: Path, edits: list[str], machine_file: Path | None) -> list[dict[str, Any]]:
    """One dictionary a row: the verdict, or what was written. Raises TrialError, MachineError, TeacherUnavailable."""
    component = _component(name, edits)
    if isinstance(component, Weigher):
        raise TrialError(
            f"{name} goes by how likely a student finds texts, and a trial has no student; give it to a step of a recipe, "
            f"e.g. judge: {{use: {name}}}, student: <a job>"
        )
    drafts = [_as_draft(row, i) for i, row in enumerate(_rows(path), 1)]
    if isinstance(component, Selection):
        return [_told(i, judgement) for i, judgement in enumerate(_chosen(component, drafts), 1)]
    if isinstance(component, Verifier):
        return [_told(i, _verified(component, draft)) for i, draft in enumerate(drafts, 1)]
    async with teachers_for([ROLE], load_machine(machine_file), Memory()) as teachers:
        return await together(_asked(component, draft, i, teachers[ROLE]) for i, draft in enumerate(drafts, 1))


async def _asked(component: Critic | Generator, draft: Draft, number: int, teacher: Teacher) -> dict[str, Any]:
    try:
        if isinstance(component, Critic):
            return _told(number, await component.judge(draft, teacher))
        visible = {name: draft.fields[name] for name in component.reads if name in draft.fields}
        return {"row": number, "written": [writing.fields for writing in await component.write(visible, teacher, 0)]}
    except UnreadableReply as error:
        return {"row": number, "outcome": str(Outcome.UNREADABLE), "reason": str(error)}
    except Unanswered as error:
        return {"row": number, "outcome": "unanswered", "reason": str(error)}
    except KeyError as error:
        raise TrialError(_lacking(component.use, number, error, draft)) from error


def _chosen(component: Selection, drafts: list[Draft]) -> list[Judgement]:
    try:
        return component.choose(drafts, [])
    except KeyError as error:
        lacking = next((draft for draft in drafts if error.args[0] not in draft.fields), drafts[0])
        raise TrialError(_lacking(component.use, lacking.sample, error, lacking)) from error


def _verified(component: Verifier, draft: Draft) -> Judgement:
    try:
        return component.judge(draft)
    except KeyError as error:
        raise TrialError(_lacking(component.use, draft.sample, error, draft)) from error
    except UnfitDraft as error:
        raise TrialError(f"row {draft.sample}: {error}") from error


def _lacking(use: str, number: int, error: KeyError, draft: Draft) -> str:
    return f"row {number} has no field {error}, which {use} reads; it has: {', '.join(draft.fields)}"


def _told(number: int, judgement: Judgement) -> dict[str, Any]:
    told = {"row": number, "outcome": str(judgement.outcome), "reason": judgement.reason, "score": judgement.score}
    return {**told, **judgement.evidence} if judgement.evidence else told


def _component(name: str, edits: list[str]) -> Any:
    import_components(*COMPONENT_PACKAGES)
    options: dict[str, Any] = {"use": name}
    for edit in edits:
        option, sign, value = edit.partition("=")
        if not sign:
            raise TrialError(f"cannot read the option {edit!r}; write it as name=value")
        try:
            options[option] = yaml.safe_load(value)
        except (yaml.YAMLError, ValueError) as error:
            raise TrialError(f"the value of the option {edit!r} is not valid YAML") from error
    try:
        return build(options, Critic, Verifier, Selection, Generator, Weigher)
    except ValidationError as error:
        known = [option for _, use, cls in components() if use == name for option in cls.model_fields]
        raise TrialError("; ".join(_misfit(problem, known) for problem in error.errors(include_url=False))) from error
    except ValueError as error:
        raise TrialError(str(error)) from error


def _misfit(problem: Any, known: list[str]) -> str:
    """One option that does not fit, said as recipes say it."""
    option, reason = ".".join(map(str, problem["loc"])), problem["msg"].removeprefix("Value error, ")
    if problem["type"] == "extra_forbidden":
        near = difflib.get_close_matches(option, known, n=1)
        reason = "there is no such option" + (f"; did you mean {near[0]!r}?" if near else "")
    elif problem["type"] == "missing":
        reason = "is missing"
    return f"{option}: {reason}" if option else reason


def _rows(path: Path) -> list[dict[str, Any]]:
    try:
        lines = path.read_text(encoding="utf-8-sig").split("\n")
    except OSError as error:
        raise TrialError(f"cannot read {path}: {error.strerror}") from error
    except UnicodeDecodeError as error:
        raise TrialError(f"{path} is not UTF-8 text ({error.reason} at byte {error.start})") from error
    rows = [_row(line, f"{path}:{number}") for number, line in enumerate(lines, 1) if line.strip()]
    if not rows:
        raise TrialError(f"{path} holds no rows; {EXPECTED}")
    return rows


def _row(line: str, where: str) -> dict[str, Any]:
    try:
        row = json.loads(line)
    except json.JSONDecodeError as error:
        raise TrialError(f"{where} is not JSON ({error.msg} at column {error.colno}); {EXPECTED}") from error
    if not isinstance(row, dict):
        raise TrialError(f"{where} holds {type(row).__name__}; {EXPECTED}")
    return row


def _as_draft(row: dict[str, Any], number: int) -> Draft:
    facts: dict[str, Any] = {"run": "trial", "round": 0, "step": "trial", "kind": "row", "producer": "user"}
    try:
        return Draft.new(**facts, fields=row, split_key=str(number), sample=number)
    except TypeError as error:
        raise TrialError(f"row {number} holds what a store cannot keep ({error}); change or remove it") from error
