"""Systems of equations that a model wrote: read by a small grammar, then solved by SymPy; nothing of it is evaluated.

SymPy's own readers carry out what they read as Python, so a text never reaches them.
"""

import re
from dataclasses import dataclass
from typing import Any, Literal

from agents.limited import call_limited

LONGEST_TEXT = 2000
MOST_EQUATIONS = 20
MOST_UNKNOWNS = 20
MOST_DIGITS = 15
MOST_NESTED = 20
HIGHEST_DEGREE = 4
"""Of a side, products of unknowns counted together: what is beyond has no solution that could be written down."""
SECONDS = 5.0
"""CPU time of one system."""
ASKED = re.compile(r"\s*find ([A-Za-z_][A-Za-z0-9_]*)\.?\s*")

_TOKEN = re.compile(r"\s*(?:([0-9]+(?:\.[0-9]+)?|\.[0-9]+)|([A-Za-z_][A-Za-z0-9_]*)|([-+*/^()]))")
_WRITTEN = str.maketrans({"×": "*", "·": "*", "÷": "/", "\N{MINUS SIGN}": "-", ";": "\n"})

Cause = Literal["solved", "unreadable", "too large", "no solution", "not determined", "several values", "limit"]
Node = Any
"""An unknown by its name, `["number", numerator, denominator]`, or `[sign, left, right]` with a sign of + - * / ^."""


class UnreadableEquations(ValueError):
    """A text is no system of equations of the grammar, or a larger one than is solved."""

    def __init__(self, cause: Cause, message: str) -> None:
        super().__init__(message)
        self.cause: Cause = cause


@dataclass(frozen=True)
class Solved:
    """What a system came to."""

    cause: Cause
    """no solution: of real numbers. not determined: the unknown may have any value, or does not occur. several values:
    more than one. limit: SymPy came to no end in time, or cannot do it."""
    value: str | None = None
    """Of the unknown that is asked for: a whole number, a fraction `1/3`, or a decimal of 12 digits."""
    message: str = ""


def solve(equations: str, asked: str) -> Solved:
    """The value of the unknown `asked` in a system of one equation a line, of + - * / ^, numbers, names and parentheses."""
    try:
        system = read_equations(equations)
    except UnreadableEquations as error:
        return Solved(error.cause, message=str(error))
    came = call_limited(f"{__name__}:solutions", system, asked, seconds=SECONDS)
    return Solved(*came.value) if came.how == "done" else Solved("limit", message=came.message)


def split_asked(text: str) -> tuple[str, str] | None:
    """Equations and the unknown that the last line `find x` asks for; None for a text that ends otherwise."""
    equations, _, last = text.strip().rpartition("\n")
    found = ASKED.fullmatch(last)
    return (equations, found[1]) if found else None


# --- reading --------------------------------------------------------------------------------------------------------


def read_equations(text: str) -> list[list[Node]]:
    """Left and right side of each equation. Raises UnreadableEquations."""
    if len(text) > LONGEST_TEXT:
        raise UnreadableEquations("too large", f"{len(text)} characters; at most {LONGEST_TEXT} are read")
    lines = [line.strip() for line in text.translate(_WRITTEN).replace("**", "^").splitlines() if line.strip()]
    if not 0 < len(lines) <= MOST_EQUATIONS:
        raise UnreadableEquations("too large" if lines else "unreadable", f"{len(lines)} equations")
    system, names = list[list[Node]](), set[str]()
    for line in lines:
        sides = line.split("=")
        if len(sides) != 2:
            raise UnreadableEquations("unreadable", f"{line[:100]!r} is no equation: it has {len(sides) - 1} signs `=`")
        readers = [_Side(side) for side in sides]
        system.append([reader.read() for reader in readers])
        names |= {name for reader in readers for kind, name in reader.tokens if kind == "name"}
    if len(names) > MOST_UNKNOWNS:
        raise UnreadableEquations("too large", f"{len(names)} unknowns; at most {MOST_UNKNOWNS} are solved for")
    return system


class _Side:
    """One side of an equation, read by recursive descent; each rule returns a node and its degree."""

    def __init__(self, text: str) -> None:
        self.text, self.at, self.depth = text.strip(), 0, 0
        self.tokens = list(self._split())

    def read(self) -> Node:
        node, degree = self._sum()
        if self.at < len(self.tokens):
            raise self._wrong(f"{self.tokens[self.at][1]!r} is not expected")
        if degree > HIGHEST_DEGREE:
            raise UnreadableEquations("too large", f"{self.text[:100]!r} has degree {degree}")
        return node

    def _split(self) -> Any:
        place = 0
        while place < len(self.text):
            found = _TOKEN.match(self.text, place)
            if found is None:
                raise self._wrong(f"{self.text[place : place + 10]!r} cannot be read")
            number, name, sign = found.groups()
            yield ("number", number) if number else ("name", name) if name else ("sign", sign)
            place = found.end()

    def _next(self, *signs: str) -> str:
        """The sign that comes next if it is one of these, which is then read; else nothing."""
        if self.at < len(self.tokens) and self.tokens[self.at][0] == "sign" and self.tokens[self.at][1] in signs:
            self.at += 1
            return self.tokens[self.at - 1][1]
        return ""

    def _sum(self) -> tuple[Node, int]:
        node, degree = self._product()
        while sign := self._next("+", "-"):
            other, more = self._product()
            node, degree = [sign, node, other], max(degree, more)
        return node, degree

    def _product(self) -> tuple[Node, int]:
        node, degree = self._signed()
        while (sign := self._next("*", "/")) or self._touches():
            other, more = self._signed() if sign else self._power()
            node, degree = [sign or "*", node, other], degree + more
        return node, degree

    def _touches(self) -> bool:
        """Whether a factor follows without a sign: `2x`, `3(x+1)`."""
        before, here = self.tokens[self.at - 1 : self.at], self.tokens[self.at : self.at + 1]
        return bool(here) and before[0][0] == "number" and (here[0][0] == "name" or here[0][1] == "(")

    def _signed(self) -> tuple[Node, int]:
        if sign := self._next("+", "-"):
            with_sign, degree = self._deeper(self._signed)
            return ([sign, ["number", 0, 1], with_sign], degree)
        return self._power()

    def _power(self) -> tuple[Node, int]:
        node, degree = self._operand()
        if self._next("^"):
            kind, text = self.tokens[self.at] if self.at < len(self.tokens) else ("end", "")
            if kind != "number" or not text.isdecimal() or int(text[:9]) > HIGHEST_DEGREE:
                raise self._wrong(f"an exponent is a number up to {HIGHEST_DEGREE}, found {text!r}")
            self.at += 1
            return ["^", node, ["number", int(text), 1]], degree * int(text)
        return node, degree

    def _operand(self) -> tuple[Node, int]:
        if self._next("("):
            inside = self._deeper(self._sum)
            if not self._next(")"):
                raise self._wrong("a parenthesis is not closed")
            return inside
        kind, text = self.tokens[self.at] if self.at < len(self.tokens) else ("end", "")
        if kind not in ("number", "name"):
            raise self._wrong(f"a number or a name is missing{f' before {text!r}' if text else ' at the end'}")
        self.at += 1
        return (text, 1) if kind == "name" else (self._number(text), 0)

    def _number(self, text: str) -> Node:
        whole, _, decimals = text.partition(".")
        if len(whole + decimals) > MOST_DIGITS:
            raise UnreadableEquations("too large", f"{text[:30]} has more than {MOST_DIGITS} digits")
        return ["number", int(whole + decimals), 10 ** len(decimals)]

    def _deeper(self, rule: Any) -> tuple[Node, int]:
        self.depth += 1
        if self.depth > MOST_NESTED:
            raise UnreadableEquations("too large", f"{self.text[:100]!r} is nested more than {MOST_NESTED} deep")
        read = rule()
        self.depth -= 1
        return read

    def _wrong(self, what: str) -> UnreadableEquations:
        return UnreadableEquations("unreadable", f"{what} in {self.text[:100]!r}")


# --- solving, in a process of its own -------------------------------------------------------------------------------


def get_ready() -> None:
    """What is imported before time counts."""
    import sympy  # noqa: F401


def solutions(system: list[list[Node]], asked: str) -> tuple[Cause, str | None, str]:
    """Cause, value and message of a system that was read. Only `call_limited` calls it: SymPy may come to no end."""
    import sympy

    sides = [_expression(left) - _expression(right) for left, right in system]
    if any(side.has(sympy.zoo, sympy.nan, sympy.oo) for side in sides):
        return "no solution", None, "it divides by zero"
    if any(side.is_number and sympy.simplify(side) != 0 for side in sides):
        return "no solution", None, "two of its numbers are not equal"
    unknown = sympy.Symbol(asked)
    open_sides = [side for side in sides if not side.is_number]
    if unknown not in {name for side in open_sides for name in side.free_symbols}:
        return "not determined", None, f"no equation holds {asked!r}"
    names = sorted({name for side in open_sides for name in side.free_symbols}, key=str)
    found = [
        each for each in sympy.solve(open_sides, names, dict=True) if all(v.is_real is not False for v in each.values())
    ]
    values = {sympy.simplify(each.get(unknown, unknown)) for each in found}
    if not values:
        return "no solution", None, "no real numbers solve it"
    if any(not value.is_number for value in values):
        return "not determined", None, f"{asked} may have any value"
    if len(values) > 1:
        return "several values", None, ", ".join(sorted(map(str, values)))[:200]
    value = values.pop()
    return "solved", str(value) if value.is_Rational else str(sympy.N(value, 12)), ""


def _expression(node: Node) -> Any:
    import sympy

    if isinstance(node, str):
        return sympy.Symbol(node)
    sign, left, right = node
    if sign == "number":
        return sympy.Rational(left, right)
    one, other = _expression(left), _expression(right)
    match sign:
        case "+":
            return one + other
        case "-":
            return one - other
        case "*":
            return one * other
        case "/":
            return one / other
    return one**other
