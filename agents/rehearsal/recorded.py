"""Recorded teachers: models that answer a question with the solution that a file holds for them, and nothing else."""

import json
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from agents.prompts import read_tagged, text_asked
from agents.rehearsal.teacher import Refusal, Schema, UnknownModel, properties

FINAL = "A:"
FORM = "{question: …, <model>: {solution: …}, …}"


class RecordedTeachers:
    """The models are the columns that hold a `solution`; questions are matched whatever their whitespace."""

    def __init__(self, solutions: Mapping[str, Mapping[str, str]]) -> None:
        self._solutions = solutions
        self.models = sorted({model for by_model in solutions.values() for model in by_model})

    def reply(
        self, model: str, messages: Sequence[Mapping[str, Any]], schema: Schema | None, seed: int = 0, sample: int = 0
    ) -> str | Refusal:
        """The recorded solution, the same for every seed and sample. Raises UnknownModel."""
        del seed, sample
        if model not in self.models:
            raise UnknownModel(f"there is no recorded model {model!r}; there are: {', '.join(self.models)}")
        text = text_asked(messages)
        solution = self._solutions.get(_plain(read_tagged(text).get("question", text)), {}).get(model)
        if solution is None:
            return Refusal(f"I am a recording of {model}, and this question was not recorded.")
        rationale, answer = parted(solution)
        if schema is None:
            return f"{rationale}\n#### {answer}"
        asked, recorded = properties(schema), {"rationale": rationale, "answer": answer}
        if not asked or not asked.keys() <= recorded.keys():
            return Refusal(f"I am a recording of {model}: I have only rationales and answers, not what is asked for.")
        return json.dumps({name: recorded[name] for name in asked}, ensure_ascii=False)


def load(path: Path) -> RecordedTeachers:
    """Raises ValueError (where, what was found, what to do). The first solution of a question counts."""
    solutions: dict[str, dict[str, str]] = {}
    for number, line in _lines(path):
        question, by_model = _read(line, f"{path}, line {number}")
        known = solutions.setdefault(_plain(question), {})
        known.update({model: text for model, text in by_model.items() if model not in known})
    if not any(solutions.values()):
        raise ValueError(f"{path} holds no recorded solution; each line must be {FORM}")
    return RecordedTeachers(solutions)


def parted(solution: str) -> tuple[str, str]:
    """The solution without its last `A: …` line, and the answer on that line; "" if it broke off before it."""
    rationale, _, last = solution.rstrip().rpartition("\n")
    return (rationale, last.removeprefix(FINAL).strip()) if last.startswith(FINAL) else (solution, "")


def _lines(path: Path) -> Iterator[tuple[int, str]]:
    try:
        content = path.read_bytes()
    except OSError as error:
        raise ValueError(f"cannot read the recorded solutions {path}: {error.strerror}; check the path") from error
    for number, line in enumerate(content.split(b"\n"), 1):
        try:
            text = line.decode("utf-8-sig" if number == 1 else "utf-8")
        except UnicodeDecodeError as error:
            raise ValueError(f"{path}, line {number}: not UTF-8 ({error.reason}); save the file as UTF-8") from error
        if text.strip():
            yield number, text


def _read(line: str, where: str) -> tuple[str, dict[str, str]]:
    try:
        row = json.loads(line)
    except ValueError as error:
        raise ValueError(f"{where}: not JSON ({error}); each line must be {FORM}") from error
    if not isinstance(row, dict) or not isinstance(row.get("question"), str):
        raise ValueError(f"{where}: there is no text under `question`; each line must be {FORM}")
    columns = {model: column for model, column in row.items() if isinstance(column, dict)}
    for model, column in columns.items():
        if not isinstance(column.get("solution"), str):
            raise ValueError(f"{where}: there is no text under `solution` of {model!r}; each line must be {FORM}")
    return row["question"], {model: column["solution"] for model, column in columns.items()}


def _plain(question: str) -> str:
    return " ".join(question.split())
