"""What a student's reply comes to, by its form: words mark their answer, a program is carried out, equations are solved."""

from dataclasses import dataclass

from agents.answers import final_answer
from agents.equations import solve, split_asked
from agents.sandbox import Limits, Ran, run_programs, said
from orchestrator.kinds import Said

PROGRAM, EQUATIONS = "program", "equations"
"""Tasks whose replies have these forms; those of any other task are words."""
NO_VALUE = "no value"


@dataclass(frozen=True)
class WorkedOut:
    """A reply and what it comes to."""

    task: str
    said: Said
    """Of a program or of equations with the answer marked behind it, as exams read it."""
    answer: str | None
    """None for words without an answer, a program that does not run, and equations without a solution."""
    error: str = ""
    """Of a program or of equations, why there is none."""


def work_out(task: str, reply: Said, limits: Limits) -> WorkedOut:
    """Raises SandboxError where programs cannot be isolated: a student's are as strange as a teacher's."""
    if task not in (PROGRAM, EQUATIONS):
        return WorkedOut(task, reply, final_answer(reply.reply))
    answer, error = _value(reply.reply, limits) if task == PROGRAM else _solution(reply.reply)
    # What the text of a program marks as an answer by itself does not count, hence a mark of our own in either case.
    marked = f"#### {answer}" if answer is not None else f"({error})\n#### {NO_VALUE}"
    return WorkedOut(task, _with_reply(reply, f"{reply.reply.rstrip()}\n{marked}"), answer, error)


def _with_reply(reply: Said, text: str) -> Said:
    return Said(**{**vars(reply), "reply": text})


def _value(program: str, limits: Limits) -> tuple[str | None, str]:
    (ran,) = run_programs([program], limits)
    if ran.value is None:
        return None, _why(ran)
    answer = said(ran.value).strip()
    return (answer, "") if answer else (None, "the value is empty")


def _why(ran: Ran) -> str:
    return " ".join((ran.message or ran.cause).split())


def _solution(text: str) -> tuple[str | None, str]:
    found = split_asked(text)
    if found is None:
        return None, "the last line does not say `find` and an unknown"
    solved = solve(*found)
    return solved.value, solved.message or solved.cause
