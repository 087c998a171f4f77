"""Says by rule what went wrong in a student's answer, so that lessons can aim at the kind of error.

Every rule asks for evidence that is written in the reply; what no rule can tell is a wrong answer and nothing more.
"""

import re
from collections.abc import Iterator
from enum import StrEnum
from fractions import Fraction
from typing import NamedTuple

from agents.answers import final_answer, number, plain_text
from agents.arithmetic_steps import WrongStep, wrong_steps


class Cause(StrEnum):
    """What went wrong in one attempt. The first that holds, in this order, is the attempt's."""

    NO_END = "no end"
    """The reply was cut at the token limit."""
    NO_FINAL_ANSWER = "no final answer"
    """The reply ended without an answer marked as such."""
    UNANSWERABLE = "unanswerable"
    """One of student and gold says that there is no answer, and the other gives one."""
    ARITHMETIC_SLIP = "arithmetic slip"
    """A calculation that the reply writes down is wrong."""
    MISSING_STEP = "missing step"
    """What is there is right, and the reference goes further."""
    WRONG_FACT = "wrong fact"
    """The answer is words, and others were given."""
    WRONG_OPERATION = "wrong operation"
    """Numbers of the question, rightly calculated, but not what was asked for."""
    WRONG_ANSWER = "wrong answer"
    """None of these can be told."""


def diagnose(question: str, gold: str, reply: str, answer: str | None, finished: bool, reference: str = "") -> Cause:
    """The cause of a wrong answer. `answer` is what was read from the reply, `reference` a right rationale if known."""
    if not finished:
        return Cause.NO_END
    if cause := _form(gold, reply, answer):
        return cause
    if any(_is_slip(step) for step in wrong_steps(reply)):
        return Cause.ARITHMETIC_SLIP
    done, due = _calculations(reply), _calculations(reference)
    if reference and _stops_early(reply, done, reference, due):
        return Cause.MISSING_STEP
    if _is_words(gold):
        return Cause.WRONG_FACT if _is_words(answer or "") else Cause.WRONG_ANSWER
    return Cause.WRONG_OPERATION if _other_operations(question, answer or "", done, due) else Cause.WRONG_ANSWER


# --- form -----------------------------------------------------------------------------------------------------------

_GIVES_UP = re.compile(
    r"^\W*(?:(?:it|this|the answer) (?:is|are) )?"
    r"(?:unknown|unanswerable|undetermined|indeterminate|unsolvable|insufficient|n/a|not enough)\b\W*"
    r"|\b(?:cannot|can't|can not|could not|couldn't|unable to)\b(?: be| to)? "
    r"(?:be )?(?:answer|determin|tell|told|know|say|said|calculat|comput|find|found|solve|infer|conclu)"
    r"|\b(?:not enough|insufficient|no|too little) (?:information|data|details)\b"
    r"|\b(?:do not|don't|does not|doesn't) (?:know|say|tell)\b"
    r"|\bnot (?:given|stated|mentioned|specified|known|answerable|said|provided)\b"
    r"|\bimpossible to (?:answer|determine|tell|know|say|calculate|find)\b|\bno way (?:to|of)\b",
    re.I,
)


def _form(gold: str, reply: str, answer: str | None) -> Cause | None:
    """What can be told without a look at the reasoning."""
    said = reply.strip().rpartition("\n")[2] if answer is None else answer
    gives_up, has_none = _gives_up(said), _gives_up(gold)
    if gives_up != has_none and (gives_up or answer is not None):
        return Cause.UNANSWERABLE
    if answer is None:
        return Cause.NO_FINAL_ANSWER
    return Cause.WRONG_ANSWER if has_none else None


def _gives_up(said: str) -> bool:
    return bool(_GIVES_UP.search(plain_text(said)))


def _is_words(said: str) -> bool:
    """A name or a phrase; `5:30 pm`, the letter of an option and formulas are neither words nor numbers."""
    plain = plain_text(said)
    opens = re.match(r"\W*[^\W\d_]", plain) and re.search(r"[^\W\d_]{2}", plain)
    is_number = number(said) is not None and not re.search(r"\d", plain)  # "three"; "Apollo 11" is a name
    return bool(opens) and not is_number and not re.search(r"[\\^=+*<>√]", plain)


# --- calculations ---------------------------------------------------------------------------------------------------


def _is_slip(step: WrongStep) -> bool:
    """A wrong sum; 584 boxes for 584.67, or a difference without its sign, are what a calculation was taken to mean."""
    meant = step.claimed.denominator == 1 < step.actual.denominator and abs(step.claimed - step.actual) < 1
    return not meant and abs(step.claimed) != abs(step.actual)


class _Calculation(NamedTuple):
    """What was calculated from what; operands and signs are sorted, so that `2 * 9` is `9 * 2`."""

    operands: tuple[Fraction, ...]
    signs: str
    result: Fraction


_PAD = re.compile(r"(?<!\d)(\d{1,30}) ?([-+*]) ?(\d{1,30}):(?: ?\d[-+*]\d[-+]\d=\d\d)+ so (-?\d{1,30})")
_MARK = re.compile(r"<<([^<>=]{1,200})=([^<>]{1,100})>>")
_NUMBER = r"[$€£]?\ ?(?:\d{1,30}(?:,\d{3}){0,9}(?:\.\d{1,30})?|\.\d{1,30})\ ?%?"
_EQUATION = re.compile(
    rf"((?:\(\ ?){{0,3}}{_NUMBER}(?:(?:\ [A-Za-z]+){{0,2}}[\ )]{{0,4}}[-+*/xX÷]\ ?(?:\(\ ?){{0,3}}{_NUMBER}){{1,20}})"
    rf"(?:\ [A-Za-z]+){{0,2}}[\ )]{{0,4}}=\ ?(-?{_NUMBER})"
)
_OPERAND = re.compile(_NUMBER, re.X)
_SIGN = {"x": "*", "X": "*", "÷": "/"}


def _calculations(text: str) -> list[_Calculation]:
    """Those of scratchpads, calculator marks and plain equations, each once."""
    pads = [(f"{a}{sign}{b}", result) for a, sign, b, result in _PAD.findall(text)]
    marks = _MARK.findall(text)
    plain = plain_text(_MARK.sub("", _PAD.sub(";", text)))
    read = (_calculation(*found) for found in [*pads, *marks, *_EQUATION.findall(plain)])
    return list(dict.fromkeys(one for one in read if one))


def _calculation(expression: str, result: str) -> _Calculation | None:
    operands, claimed = list(_amounts(expression)), list(_amounts(result))
    if len(operands) < 2 or len(claimed) != 1:
        return None
    value = -claimed[0] if result.lstrip().startswith("-") else claimed[0]
    signs = sorted(_SIGN.get(sign[0], sign[0]) for sign in re.finditer(r"[-+*/xX÷]", expression))
    return _Calculation(tuple(sorted(operands)), "".join(signs), value)


def _amounts(text: str) -> Iterator[Fraction]:
    for found in _OPERAND.findall(text):
        amount = Fraction(re.sub(r"[^\d.]", "", found))
        yield amount / 100 if found.endswith("%") else amount


def _stops_early(reply: str, done: list[_Calculation], reference: str, due: list[_Calculation]) -> bool:
    """Whether all that a reply calculates, or says where the reference is words alone, is a part of the reference."""
    if due:
        return bool(done) and {step.result for step in done} < {step.result for step in due}
    said = _sentences(reply)
    return bool(said) and said < _sentences(reference)


def _sentences(text: str) -> set[str]:
    """What a rationale in words says, without its marked answer, for comparison."""
    lines = [line for line in text.strip().splitlines() if final_answer(line) is None]
    return {" ".join(part.lower().split()) for part in re.split(r"[.;!?\n]+(?:\s|$)", "\n".join(lines)) if part.strip()}


# Numbers that a solution may take from common knowledge: halves and doubles, and the sizes of units.
_COMMON = {Fraction(n) for n in (".01", ".5", 1, 2, 3, 4, 5, 7, 10, 12, 24, 30, 52, 60, 100, 365, 1000)}


def _other_operations(question: str, answer: str, done: list[_Calculation], due: list[_Calculation]) -> bool:
    """Whether an answer was calculated from numbers of the question, and otherwise than in the reference, if any."""
    value = number(answer)
    if value is None or not any(abs(value - step.result) < 1 for step in done):  # answers are rounded to a whole
        return False
    known = _COMMON | _numbers_of(question)
    for step in done:
        if not known.issuperset(step.operands):
            return False
        known |= _as_per_cent(step.result)
    return not due or {step[:2] for step in done} != {step[:2] for step in due}


def _numbers_of(question: str) -> set[Fraction]:
    """Those in digits and in words, as they are, as per cent, and as what per cent leave or add."""
    words = (number(word) for word in re.findall(r"[A-Za-z]+(?:-[A-Za-z]+)?", question))
    found = {*_amounts(plain_text(question)), *(value for value in words if value is not None)}
    parts = {value / 100 for value in found} | {value for value in found if value < 1}
    changed = {one for part in parts for one in (1 - part, 1 + part, 100 - 100 * part)}
    return changed | {one for value in found for one in _as_per_cent(value)}


def _as_per_cent(value: Fraction) -> set[Fraction]:
    return {value, value / 100, value * 100}
