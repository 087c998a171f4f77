import ast
import random
import re
from collections.abc import Callable, Iterator, Sequence
from copy import deepcopy
from dataclasses import dataclass
from itertools import pairwise
from typing import Literal

from pydantic import Field

from agents.answers import same_answer
from agents.kinds import Fields, Generator, Teacher, UnfitDraft, Writing
from agents.registry import register
from agents.sandbox import Ran, SandboxError, run_programs_aside, said, trouble

Fault = Literal["undefined name", "syntax", "use before definition", "illegal return"]


TRIES = 3
"""Places at which a fault is tried; some do no harm, as a name that the run never comes to."""


@register("break_program")
class BreakProgram(Generator):
    """Breaks a program that works, as a task to mend it (error injection of PaD, Zhu et al. 2024, §3.3); asks nobody.

    Each fault is an edit of the syntax tree: a name that nothing defines, a broken line, a statement before the one that
    it needs, a return out of its function. Both programs are carried out in the sandbox; the draft holds `broken`,
    the `error` that it ended with and the `fault`, beside the `program` that it came from. A program that no fault can
    break gives no draft.
    """

    writes = "repair"
    reads = ("program",)
    asks = False
    faults: list[Fault] = Field(
        default=["undefined name", "syntax", "use before definition", "illegal return"], min_length=1
    )

    def missing(self) -> str | None:
        return trouble()

    async def write(self, fields: Fields, teacher: Teacher, sample: int) -> list[Writing]:
        program = str(fields["program"])
        for fault, broken in broken_programs(program, self.faults, random.Random(f"{sample} {program}")):
            try:
                right, ran = await run_programs_aside([program, broken])
            except SandboxError as error:
                raise UnfitDraft(f"break_program: {error}") from error
            if right.value is None:
                return []  # it does not work as it is
            if error := _error(right, ran):
                return [Writing({"broken": broken, "error": error, "fault": fault})]
        return []


def _error(right: Ran, ran: Ran) -> str | None:
    """How a broken program ended; None for one that is not broken."""
    if ran.value is None:
        return ran.message
    assert right.value is not None
    value = said(ran.value)
    return None if same_answer(value, said(right.value)) else f"the value {value} is wrong"


@dataclass(frozen=True)
class _Parsed:
    """A program, and its function `solution`."""

    text: str
    tree: ast.Module
    function: ast.FunctionDef

    def with_body(self, body: Sequence[ast.stmt]) -> str:
        """The program with another body of the function, as text."""
        copy = deepcopy(self.tree)
        copied = copy.body[self.tree.body.index(self.function)]
        assert isinstance(copied, ast.FunctionDef)
        copied.body = list(body)
        return ast.unparse(copy)


def broken_programs(program: str, faults: Sequence[Fault], rng: random.Random) -> Iterator[tuple[Fault, str]]:
    """The program with each of the faults that it can have, in an order drawn; nothing for one that is no Python."""
    parsed = _parsed(program)
    if parsed is None:
        return
    for fault in rng.sample(faults, len(faults)):
        try:
            found = [broken for broken in FAULTS[fault](parsed) if broken != program]
        except RecursionError:  # a sum of a thousand terms is carried out, and is too deep to be written anew
            continue
        for broken in rng.sample(found, min(TRIES, len(found))):
            yield fault, broken


def _parsed(program: str) -> _Parsed | None:
    try:
        tree = ast.parse(program)
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return None
    found = (node for node in tree.body if isinstance(node, ast.FunctionDef) and node.name == "solution")
    function = next(found, None)
    return function and _Parsed(program, tree, function)


def _undefined_name(program: _Parsed) -> list[str]:
    """Each name that is read, read once by another name that the program does not hold."""
    taken = {node.id for node in ast.walk(program.tree) if isinstance(node, ast.Name)}
    free = next((name for name in "xyzwvutsrqponmlkjihgfedcba" if name not in taken), "not_there")
    reads = [
        node for node in ast.walk(program.function) if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Load)
    ]
    return [_renamed(program.text, node, free) for node in reads]


def _renamed(text: str, node: ast.Name, name: str) -> str:
    """In lines as Python counts them, and by bytes, in which it counts columns."""
    lines = text.split("\n")
    line = lines[node.lineno - 1].encode()
    assert node.end_col_offset is not None
    lines[node.lineno - 1] = (line[: node.col_offset] + name.encode() + line[node.end_col_offset :]).decode()
    return "\n".join(lines)


def _syntax(program: _Parsed) -> list[str]:
    """A colon, a parenthesis or a sign left out, or `return` misspelt: what is there still says what was meant."""
    text = program.text
    cuts = [found.span() for found in re.finditer(r":(?=\s*$)|[()]|(?<= )=(?= )", text, re.M)]
    texts = [text[:start] + text[end:] for start, end in cuts]
    texts += [f"{text[: at.start()]}retrun{text[at.end() :]}" for at in re.finditer(r"\breturn\b", text)]
    return [each for each in texts if _parsed(each) is None]


def _use_before_definition(program: _Parsed) -> list[str]:
    """Two neighbouring statements change places, of which the later reads what the earlier defines."""
    body, found = program.function.body, list[str]()
    for at, (one, other) in enumerate(pairwise(body)):
        if not isinstance(other, ast.Return) and _names(one, ast.Store) & _names(other, ast.Load):
            found.append(program.with_body([*body[:at], other, one, *body[at + 2 :]]))
    return found


def _illegal_return(program: _Parsed) -> list[str]:
    """The return stands behind its function."""
    *body, last = program.function.body
    if not body or not isinstance(last, ast.Return):
        return []
    return [f"{program.with_body(body)}\n{ast.unparse(last)}"]


def _names(node: ast.AST, context: type[ast.expr_context]) -> set[str]:
    return {each.id for each in ast.walk(node) if isinstance(each, ast.Name) and isinstance(each.ctx, context)}


FAULTS: dict[Fault, Callable[[_Parsed], list[str]]] = {
    "undefined name": _undefined_name,
    "syntax": _syntax,
    "use before definition": _use_before_definition,
    "illegal return": _illegal_return,
}
"""What makes the programs that have a fault, as texts."""
