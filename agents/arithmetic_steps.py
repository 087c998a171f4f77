"""Checks every arithmetic step that a rationale writes down, for right answers are often reached by wrong sums.

What cannot be read as arithmetic with certainty is no step, so that an alarm means that something false is written.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction
from itertools import groupby, pairwise
from typing import Literal, NamedTuple

from agents.answers import plain_text, rounded


@dataclass(frozen=True)
class WrongStep:
    """A step as written, what it claims, and what is true.

    arithmetic: `3 + 4 = 8`, or a column of a scratchpad. mark: the sum inside `<<3+4=8>>` is wrong. mark_disagrees:
    the expression before a mark or the number after it is not the mark's.
    """

    text: str
    claimed: Fraction
    actual: Fraction
    kind: Literal["arithmetic", "mark", "mark_disagrees"]


class _Step(NamedTuple):
    right: bool
    found: WrongStep


def wrong_steps(rationale: str) -> list[WrongStep]:
    """The wrong steps: of scratchpads first, then line by line, of marks before text; at most one for each mark."""
    return [step.found for step in _steps(rationale) if not step.right]


def steps(rationale: str) -> int:
    """How many steps could be checked."""
    return sum(1 for _ in _steps(rationale))


def _steps(rationale: str) -> Iterator[_Step]:
    for pad in _SCRATCHPAD.finditer(rationale):
        yield from _scratchpad_steps(pad)
    for line in _SCRATCHPAD.sub(";", rationale).splitlines():
        if "=" in line:
            yield from _line_steps(line)


# --- expressions ----------------------------------------------------------------------------------------------------


class _Token(NamedTuple):
    kind: str
    text: str
    start: int
    end: int


class _Value(NamedTuple):
    amount: Fraction
    percent: bool = False
    decimals: int | None = None  # as written; None for a computed value


_MOST_BITS = 10_000  # Python writes no longer numbers
_NOTHING = _Token("", " ", 0, 0)
_WHOLE_IN_PERCENT = _Value(Fraction(1), percent=True, decimals=2)
# A word ends an expression: so does a number with letters (2x, 3rd), odd commas, leading zeros (0730) or no end to it.
_TOKEN = re.compile(
    r"""(?P<number>(?:[1-9]\d{0,9}\ \d{1,9}/[1-9]\d{0,8}|\d{1,3}(?:,\d{3}){1,99}(?:\.\d{1,300})?
                     |\d{0,300}\.\d{1,300}|[1-9]\d{0,299}|0)(?![\w√π]|,\d|\.\d))
      |(?P<operator>[-+*/^()%]|(?<![<>!=])=(?![=>])|\bof\b)
      |(?P<variable>[A-Zb-z](?![\w']))
      |(?P<word>[\d.,]*[^\W\d_][\w']*|[\d,.]*\d)
      |(?P<mark>\0)
      |(?P<other>[^\s$€£])""",
    re.X,
)
_LATEX_FRACTION = re.compile(r"(?<!\d)(?<!\d\ )\\[dtc]?frac\s*\{([^{}]*)\}\s*\{([^{}]*)\}")
# "8 books + 6 books * 2 = 20 books": one unit throughout, so the numbers alone say the same.
_COUNT = r"\d[\d,.]*\ ?%?"
_SAME_UNIT = re.compile(
    rf"""(?<![\d.,]){_COUNT}\ (?P<unit>[A-Za-z]{{2,}}?)(?:e?s)?\b
    (?:\ ?[-+]\ ?{_COUNT}\ (?P=unit)(?:e?s)?\b | \ ?[*/xX]\ ?{_COUNT}(?=\ ?[-+*/xX=])){{1,20}}
    \ ?=\ ?\0?{_COUNT}\ (?P=unit)(?:e?s)?\b""",
    re.X,
)


def _arithmetic(text: str) -> str:
    """Plain text in which every way to write an operation is one of + - * / ^ ( )."""
    text = _LATEX_FRACTION.sub(r"((\1)/(\2))", text)
    text = re.sub(r"\\div(?![a-z])|÷", "/", text).replace("**", "^").replace("&=", "=").replace("·", "*")
    text = _SAME_UNIT.sub(lambda same: re.sub(rf" {same['unit']}(?:e?s)?\b", "", same[0]), plain_text(text))
    return re.sub(r"(?<=[\d)%])\s*[xX]\s*(?=[$€£]?\s?[\d.(])", "*", text)


def _tokens(text: str) -> list[_Token]:
    return [_Token(found.lastgroup or "", found[0], *found.span()) for found in _TOKEN.finditer(text)]


def _sum(tokens: list[_Token], at: int) -> tuple[_Value, int] | None:
    """The value of the longest sum that begins at a token, and the token after it."""
    read = _product(tokens, at)
    while read and read[1] < len(tokens) and tokens[read[1]].text in ("+", "-"):
        left, operator = read
        term = _product(tokens, operator + 1)
        if term is None:
            break
        # "80 + 10%" is 88 to some and 80.1 to others.
        if term[0].percent != left.percent:
            return None
        sign = 1 if tokens[operator].text == "+" else -1
        read = _Value(left.amount + sign * term[0].amount, left.percent), term[1]
    return read


def _product(tokens: list[_Token], at: int) -> tuple[_Value, int] | None:
    read, divides = _power(tokens, at), False
    while read and read[1] < len(tokens):
        left, operator = read
        written = tokens[operator].text
        implicit = written == "(" and tokens[operator].start == tokens[operator - 1].end
        part = left.percent or left.amount.denominator > 1
        if not (implicit or written in ("*", "/") or (written == "of" and part)):
            break
        factor = _power(tokens, operator if implicit else operator + 1)
        if factor is None:
            break
        # "500 / 1/10" is 50 to some and 5000 to others.
        if written == "/" and (divides or factor[0].amount == 0):
            return None
        divides = written == "/"
        amount = left.amount / factor[0].amount if divides else left.amount * factor[0].amount
        read = _Value(amount, percent=factor[0] == _WHOLE_IN_PERCENT), factor[1]
    return read


def _power(tokens: list[_Token], at: int) -> tuple[_Value, int] | None:
    base = _operand(tokens, at)
    if base is None or base[1] >= len(tokens) or tokens[base[1]].text != "^":
        return base
    exponent = _operand(tokens, base[1] + 1)
    if exponent is None or exponent[0].amount not in range(13) or _bits(base[0].amount) > _MOST_BITS // 13:
        return None
    return _Value(base[0].amount ** int(exponent[0].amount)), exponent[1]


def _operand(tokens: list[_Token], at: int) -> tuple[_Value, int] | None:
    sign = 1
    if at < len(tokens) and tokens[at].text in ("-", "+"):
        sign, at = (-1 if tokens[at].text == "-" else 1), at + 1
    inner = _sum(tokens, at + 1) if at < len(tokens) and tokens[at].text == "(" else None
    if inner and inner[1] < len(tokens) and tokens[inner[1]].text == ")":
        value, end = inner[0], inner[1] + 1
    elif at < len(tokens) and tokens[at].kind == "number":
        value, end = _literal(tokens[at].text), at + 1
    else:
        return None
    value = value._replace(amount=sign * value.amount)
    if end < len(tokens) and tokens[end].text == "%":
        return _Value(value.amount / 100, True, None if value.decimals is None else value.decimals + 2), end + 1
    return value, end


def _literal(text: str) -> _Value:
    if " " in text:
        whole, fraction = text.split()
        return _Value(int(whole) + Fraction(fraction))
    return _Value(Fraction(text.replace(",", "")), decimals=len(text.partition(".")[2]))


def _longest(tokens: list[_Token]) -> tuple[_Value, int] | None:
    """The sum that tokens begin with; none in the endless sums, powers and parentheses of a model that has lost its way."""
    read = _sum(tokens, 0) if sum(token.text == "(" for token in tokens) < 40 else None
    return read if read and _bits(read[0].amount) < _MOST_BITS else None


def _bits(value: Fraction) -> int:
    return max(value.numerator.bit_length(), value.denominator.bit_length())


def _whole(tokens: list[_Token]) -> _Value | None:
    """The value of tokens that are one expression from end to end."""
    read = _longest(tokens)
    return read[0] if read and read[1] == len(tokens) else None


def _computed(tokens: list[_Token]) -> _Value | None:
    return _whole(tokens) if sum(token.kind == "number" for token in tokens) > 1 else None


def _claims(actual: _Value, right: list[_Token], value: _Value) -> bool:
    """A run-on, `3 + 4 = 7 * 2 = 14`, claims 7 and goes on from it: untidy, but every sum in it is right."""
    starts = [_whole(right[:end]) for end in range(1, min(len(right), 8))]
    return any(_is_claimed(actual, claimed) for claimed in [value, *starts] if claimed)


def _is_claimed(actual: _Value, claimed: _Value) -> bool:
    """Whether a claim is the value, correctly rounded at its own number of decimals."""
    scales = (1, 100, Fraction(1, 100)) if actual.percent or claimed.percent else (1,)
    return any(_rounds_to(actual.amount * scale, claimed) for scale in scales)


def _rounds_to(actual: Fraction, claimed: _Value) -> bool:
    if claimed.decimals is None:
        return actual == claimed.amount
    # Calculators print the noise of binary fractions: 201.89999999999998 is their 201.9.
    noise = Fraction(1, 10**9) * max(1, abs(actual)) if claimed.decimals > 8 else 0
    return rounded(actual, claimed.decimals) == claimed.amount or abs(actual - claimed.amount) <= noise


# --- sums in running text -------------------------------------------------------------------------------------------

# Words that make the expression after them a part of a larger one, or a label (day 2), or else the value before them.
_OPENS_MORE = re.compile(
    r"minus|plus|times|over|twice|double|triple|half|(?:quarter|third|fourth|fifth|day|week)s?|percent|negative|less|root"
    r"|average|mean|dozen|hundred|thousand|million|billion|step",
    re.I,
)
_CONTINUES = re.compile(r"hundred|thousand|[mbt]r?illion|dozen|remainder|rem|with|cents?", re.I)


def _text_steps(text: str) -> Iterator[_Step]:
    tokens = _tokens(text)
    for start, end in _equations(tokens):
        terms = _terms(tokens[start:end])
        terms[0] = _opening(terms[0], tokens[:start])
        for left, right in pairwise(terms):
            step = _text_step(left, right, tokens[end:] if right is terms[-1] else None, text)
            if step:
                yield step


def _equations(tokens: list[_Token]) -> Iterator[tuple[int, int]]:
    """Where tokens of arithmetic stand together around an equals sign."""
    start = 0
    for is_arithmetic, group in groupby(tokens, lambda token: token.kind in ("number", "operator", "mark")):
        run = list(group)
        if is_arithmetic and any(token.text == "=" for token in run):
            yield start, start + len(run)
        start += len(run)


def _terms(tokens: list[_Token]) -> list[list[_Token]]:
    signs = [-1, *(at for at, token in enumerate(tokens) if token.text == "="), len(tokens)]
    return [tokens[left + 1 : right] for left, right in pairwise(signs)]


def _opening(term: list[_Token], before: list[_Token]) -> list[_Token]:
    """The first expression of an equation; nothing if what stands before it may make it the end of a larger one."""
    earlier, previous = [_NOTHING, _NOTHING, *before][-2:]
    term = [token for token in term if token.kind != "mark"]
    if term and before and term[0].text == "of":
        term = term[1:]
    unclosed = sum((token.text == "(") - (token.text == ")") for token in term)
    while unclosed > 0 and term[0].text == "(":
        term, unclosed = term[1:], unclosed - 1
    if len(term) < 2 or (term[0].kind == "operator" and term[0].text not in ("-", "(")):
        return []
    touches = bool(before) and previous.end == term[0].start
    glued = touches and (previous.kind in ("word", "variable") or previous.text in "√π°!|")
    # A minus is a sign only if it leans on its number.
    subtracts = term[0].text == "-" and (touches or term[0].end != term[1].start)
    return [] if glued or subtracts or _opens_more(earlier, previous) else term


def _opens_more(earlier: _Token, previous: _Token) -> bool:
    """Whether two tokens do so: `from 5 and`, `divided by`, `5:`, `14,`, `twice`, `boys x`."""
    if previous.kind == "word":
        joins = previous.text in ("and", "by", "from", "to")
        joined = earlier.kind == "number" or earlier.text.lower().startswith(("divi", "multipl"))
        return (joins and joined) or bool(_OPENS_MORE.fullmatch(previous.text))
    goes_on = earlier.text in tuple("+-*/^") or (earlier.kind == "number" and previous.text in (",", ":"))
    return goes_on or previous.kind == "variable"


def _text_step(left: list[_Token], right: list[_Token], after: list[_Token] | None, text: str) -> _Step | None:
    """One equals sign. The last term of an equation is read as far as it goes, given the tokens after it."""
    if not right or right[0].kind == "mark":
        return None
    left = [token for token in left if token.kind != "mark"]
    actual, claimed = _computed(left), _longest(right)
    if actual is None or claimed is None:
        return None
    value, end = claimed
    if end < len(right) if after is None else not _closes([*right[end:], *after]):
        return None
    written = text[left[0].start : right[end - 1].end].replace("\0", "")
    return _Step(_claims(actual, right, value), WrongStep(written, value.amount, actual.amount, "arithmetic"))


def _closes(after: list[_Token]) -> bool:
    """Whether a value ends before these tokens, unlike in `3 and 1/2`, `5 hours 30`, `3 000`, `6 million`, `5 * n`."""
    first, second, third = [*after, _NOTHING, _NOTHING, _NOTHING][:3]
    if first.kind == "word":
        goes_on = second.kind == "number" or ("and" in (first.text, second.text) and third.kind == "number")
        return not (goes_on or first.text[0].isdigit() or _CONTINUES.fullmatch(first.text))
    ends = first.kind not in ("number", "variable") and first.text not in tuple("+*^√π¢!:")
    return ends and second.kind != "variable"


# --- calculator marks -----------------------------------------------------------------------------------------------

_MARK = re.compile(r"<<([^<>]*)>>")
# A list marker is not part of the sum after it, and what follows an open mark was cut off with it.
_NO_SUM = re.compile(r"^\s*(?:\d+[.)]|[-*•])\s+|<<[^<>]*$")


def _line_steps(line: str) -> Iterator[_Step]:
    """The marks of a line, then the sums in its text; the claim beside a mark is the mark's to check."""
    text, *pieces = _MARK.split(_NO_SUM.sub("", line))
    for written, after in zip(pieces[::2], pieces[1::2], strict=True):
        step = _mark_step(text.rpartition("\0")[2], written, after)
        if step:
            yield step
        text += ("\0" if step else "") + after
    yield from _text_steps(_arithmetic(text))


def _mark_step(before: str, written: str, after: str) -> _Step | None:
    terms = _terms(_tokens(_arithmetic(written)))
    values = [value for term in terms if (value := _whole(term))]
    if len(terms) < 2 or len(values) < len(terms):
        return None
    for term, (actual, claimed) in zip(terms[1:], pairwise(values), strict=True):
        if not _claims(actual, term, claimed):
            return _Step(False, WrongStep(f"<<{written}>>", claimed.amount, actual.amount, "mark"))
    said, printed = _expression_before(before), _number_after(after)
    text = f"{said[1] + ' = ' if said else ''}<<{written}>>{printed[1] if printed else ''}"
    if said and not _agree(said[0], values[0]):
        return _Step(False, WrongStep(text, values[0].amount, said[0].amount, "mark_disagrees"))
    claimed = printed[0] if printed else values[-1:]
    right = any(_agree(value, values[-1]) for value in claimed)
    return _Step(right, WrongStep(text, claimed[0].amount, values[-1].amount, "mark_disagrees"))


def _agree(one: _Value, other: _Value) -> bool:
    return _is_claimed(one, other) or _is_claimed(other, one)


def _expression_before(before: str) -> tuple[_Value, str] | None:
    text = _arithmetic(before).rstrip("=$€£ ")
    tokens = _tokens(text)
    start = len(tokens)
    while start and tokens[start - 1].kind in ("number", "operator") and tokens[start - 1].text != "=":
        start -= 1
    term = _opening(tokens[start:], tokens[:start])
    value = _computed(term)
    return value and (value, text[term[0].start : term[-1].end])


def _number_after(after: str) -> tuple[list[_Value], str] | None:
    """What the number printed after a mark may mean: 1/3 in `1/3 of it`, and 10 in `10/2 = 5`."""
    text = _arithmetic(after)
    tokens = _tokens(text)
    longest = _longest(tokens)
    first = longest and _operand(tokens, 0)
    if not (longest and first and (_closes(tokens[first[1] :]) or tokens[first[1]].kind == "operator")):
        return None
    return [first[0], longest[0]], text[: tokens[first[1] - 1].end]


# --- scratchpads ----------------------------------------------------------------------------------------------------

_COLUMN = re.compile(r"(\d)[-+*](\d)[-+](\d)=(\d)(\d)")
_SCRATCHPAD = re.compile(
    r"(?<!\d)(?P<a>\d{1,300}) ?(?P<sign>[-+*]) ?(?P<b>\d{1,300}): ?"
    r"(?P<columns>(?:\d(?P=sign)\d[-+]\d=\d\d\s*)+)(?:so (?P<claimed>-?\d{1,300}))?"
)


def _scratchpad_steps(pad: re.Match[str]) -> Iterator[_Step]:
    """Digit by digit, as the embedded student computes: `37+48: 7+8+0=15 3+4+1=08 so 85`."""
    a, sign, b = pad["a"], pad["sign"], pad["b"]
    tops, bottoms = (digits[::-1].ljust(len(pad["columns"]), "0") for digits in (a, b))
    carry = 0
    for place, column in enumerate(_COLUMN.finditer(pad["columns"])):
        top, bottom, carried, tens, ones = map(int, column.groups())
        due = (int(tops[place]), int(b if sign == "*" else bottoms[place]), carry)
        actual = _column(sign, *due)
        right = (top, bottom, carried, 10 * tens + ones) == (*due, actual)
        yield _Step(right, WrongStep(column[0], Fraction(10 * tens + ones), Fraction(actual), "arithmetic"))
        carry = tens
    if pad["claimed"]:
        result = {"+": int(a) + int(b), "-": int(a) - int(b), "*": int(a) * int(b)}[sign]
        found = WrongStep(f"{a}{sign}{b} so {pad['claimed']}", Fraction(pad["claimed"]), Fraction(result), "arithmetic")
        yield _Step(found.claimed == result, found)


def _column(sign: str, top: int, bottom: int, carried: int) -> int:
    """The two digits of a column: carry and digit, or for a difference borrow and digit (3-8-0 borrows: 15)."""
    if sign == "-":
        digit = top - bottom - carried
        return 10 * (digit < 0) + digit % 10
    return (top + bottom if sign == "+" else top * bottom) + carried
