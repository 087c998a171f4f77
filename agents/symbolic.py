"""Whether two mathematical answers are the same to a computer algebra system: sqrt(8) is 2√2, (x+1)^2 is x^2+2x+1.

The library is Math-Verify, whose LaTeX grammar builds expressions of SymPy. Its other reader, of plain expressions, carries
out what it reads as Python, and is not used.
"""

import logging
import re
from importlib.util import find_spec

from agents.answers import number
from agents.limited import call_limited

LONGEST = 300
"""Characters of an answer that is read; no answer of an exam is as long."""
SECONDS = 3.0
"""CPU time of one comparison."""
_PLAIN = (
    (r"\*\*", "^"),
    (r"(?<![\\A-Za-z])sqrt\(([^()]*)\)", r"\\sqrt{\1}"),
    (r"(?<![\\A-Za-z])pi(?![A-Za-z])", r"\\pi "),
    (r"\*", r"\\cdot "),
    (r"√\s*([0-9]+|[A-Za-z])", r"\\sqrt{\1}"),
    (r"√\s*\(([^()]*)\)", r"\\sqrt{\1}"),
    ("π", r"\\pi "),
    (r"\^(-?[0-9]{2,})", r"^{\1}"),
)
"""What answers without LaTeX write in its place."""
_WORD = re.compile(r"(?<![\\A-Za-z])(?!(?:sin|cos|tan|log|exp)\b)[A-Za-z]{3,}")
"""Words would be read as products of their letters, so that stop is pots."""


def missing() -> str | None:
    """Why answers cannot be compared so, and what to do about it; None if they can."""
    if find_spec("math_verify"):
        return None
    return "Math-Verify is not installed; install the extra `symbolic`: pip install 'agentic-distillation[symbolic]'"


def same_value(given: str, gold: str) -> bool:
    """False also for what cannot be read or decided. Two plain numbers are the business of `agents.answers`."""
    if not given.strip() or not gold.strip() or max(len(given), len(gold)) > LONGEST:
        return False
    if number(given) is not None and number(gold) is not None:
        return False
    written = [_as_latex(given), _as_latex(gold)]
    if any(_WORD.search(text) or text.isalpha() for text in written):
        return False
    came = call_limited(f"{__name__}:verified", *written, seconds=SECONDS)
    return came.how == "done" and bool(came.value)


def _as_latex(answer: str) -> str:
    text = answer.strip().strip("$").strip()
    for pattern, written in _PLAIN:
        text = re.sub(pattern, written, text)
    return text


def get_ready() -> None:
    """What is imported before time counts."""
    import math_verify  # noqa: F401


def verified(given: str, gold: str) -> bool:
    """The comparison itself. Only `call_limited` calls it: it may come to no end."""
    import math_verify
    from math_verify import parser

    logging.disable(logging.WARNING)  # it warns of every call that leaves the limit to its caller
    parser.parse_expr = _refuse  # type: ignore[attr-defined]
    read = [
        math_verify.parse(
            f"${text}$",
            extraction_config=[math_verify.LatexExtractionConfig()],
            fallback_mode="no_fallback",
            parsing_timeout=0,
            raise_on_error=True,
        )
        for text in (given, gold)
    ]
    # Signals of its own would take the place of those that end this process.
    return all(read) and bool(math_verify.verify(read[1], read[0], timeout_seconds=0, raise_on_error=True))


def _refuse(*_: object, **__: object) -> None:
    raise ValueError("this reader carries out what it reads")
