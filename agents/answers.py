r"""Reads the answer a solution commits to, and says whether two answers are the same.

Wherever a rule could go either way it is the one that accepts less: a wrong solution kept teaches an error, a right one
dropped costs a few tokens.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction

# --- the answer a solution commits to -------------------------------------------------------------------------------

# A sentence ends at a full stop before a space, unless the stop belongs to an initial or an option letter ("B. Paris").
_SENTENCE_REST = r"[ \t*_]*([^\s*_].*?)(?=(?<!\b[A-Za-z])[.!?](?:\s|$)|$)"
_MARKS = (
    # "#### Step 2" is a markdown heading, so in the middle of a text this mark must carry a number.
    re.compile(r"^####[ \t]*(\S.*)(?=\s*\Z)", re.M),
    re.compile(r"^####[ \t]*([-+$€£]*\.?[0-9][0-9.,]*%?)[ \t]*$", re.M),
    # "A: … B: … C: …" is a list of options, so "A:" is a mark on the last line only.
    re.compile(r"^A:[ \t]*(\S.*)(?=\s*\Z)", re.M),
    re.compile(r"\banswer[*_]*[ \t]*:[*_]*" + _SENTENCE_REST, re.I | re.M),
    re.compile(r"\banswer[*_]*[ \t]*:[*_]*[ \t]*\n\s*(\S.*)(?=\s*\Z)", re.I),
    re.compile(r"(?<!if )(?<!if the )(?<!whether the )\banswer is\b:?" + _SENTENCE_REST, re.I | re.M),
)
_BRACE = re.compile(r"(?P<box>\\(?:boxed|fbox)\s*)?(?<!\\)[{}]")


def final_answer(text: str) -> str | None:
    r"""The last answer marked as such, or None: an unmarked number is never taken for one.

    Marks are `#### 72`, `A: 18` on the last line, `Answer: 18`, `The answer is 18` and `\boxed{18}`.
    """
    marked = [(found.start(1), found[1]) for mark in _MARKS for found in mark.finditer(text)]
    answers = [stripped for _, content in sorted([*marked, *_boxes(text)]) if (stripped := _stripped(content))]
    return answers[-1] if answers else None


def _boxes(text: str) -> Iterator[tuple[int, str]]:
    opened: list[int] = []
    for brace in _BRACE.finditer(text):
        if brace[0].endswith("{"):
            opened.append(brace.end() if brace["box"] else -1)
        elif opened and (start := opened.pop()) >= 0:
            yield start, text[start : brace.start()]


def _stripped(content: str) -> str:
    return content.strip().strip("*`").strip().rstrip(".").rstrip()


# --- plain writing --------------------------------------------------------------------------------------------------

_CHARACTERS = str.maketrans(
    dict.fromkeys("\N{MINUS SIGN}\N{EN DASH}\N{HYPHEN}\N{NON-BREAKING HYPHEN}\N{FIGURE DASH}", "-")
    | dict.fromkeys("\N{LEFT SINGLE QUOTATION MARK}\N{RIGHT SINGLE QUOTATION MARK}", "'")
    | dict.fromkeys("\N{LEFT DOUBLE QUOTATION MARK}\N{RIGHT DOUBLE QUOTATION MARK}", '"')
    | {"½": " 1/2", "¼": " 1/4", "¾": " 3/4", "⅓": " 1/3", "⅔": " 2/3", "⅛": " 1/8", "⅕": " 1/5"}
    | {"\N{MULTIPLICATION SIGN}": "x"}
)
_SUPERSCRIPTS = str.maketrans("⁰¹²³⁴⁵⁶⁷⁸⁹⁻", "0123456789-")
_ARGUMENT = r"\s*\{\s*([^{}]*?)\s*\}"
_PLAIN = [
    (re.compile(pattern), written)
    for pattern, written in (
        (r"(?<!\w)\*\*(\S.*?)\*\*", r"\1"),
        # Dollars around mathematics; an amount is followed by a digit where mathematics is closed.
        (r"(?<![\\\w])\$((?:[^$\\]|\\.)+?)\$(?![0-9])", r"\1"),
        (r"\\[()\[\]]|\\(?:left|right|displaystyle)(?![a-z])|\\!|`", ""),
        (r"\{,\}", ","),
        (r"(?<=[0-9])\s*(?=\\[dtc]?frac)", " "),
        (r"\\[dtc]?frac" + _ARGUMENT + _ARGUMENT, r"\1/\2"),
        (r"\\[dtc]?frac\s*([0-9])\s*([0-9])", r"\1/\2"),
        (r"\\(?:text\w*|math\w+|mbox|boxed|fbox)" + _ARGUMENT, r" \1 "),
        (r"\\(?:times|cdot)(?![a-z])", " x "),
        (r"\^\s*(?:\{\s*)?(?:\\circ|\\degree)\s*\}?|\\degree", "°"),
        (r"\^\s*\{([^{}]*)\}", r"^\1"),
        (r"\\approx(?![a-z])", "≈"),
        (r"\\([$%#&])", r"\1"),
        (r"\\[,;: ]|~", " "),
        (r"\bUS(?=\$)", ""),
        (r"\bper cent\b", "percent"),
    )
]


def plain_text(text: str) -> str:
    """LaTeX, markdown and typographic characters rewritten as plain ASCII mathematics, on one line."""
    text = re.sub("[⁰¹²³⁴⁵⁶⁷⁸⁹⁻]+", lambda power: "^" + power[0].translate(_SUPERSCRIPTS), text.translate(_CHARACTERS))
    for pattern, written in _PLAIN:
        text = pattern.sub(written, text)
    return " ".join(text.split())


# --- number words ---------------------------------------------------------------------------------------------------

_ONES = {"one": 1, "two": 2, "three": 3, "four": 4, "five": 5, "six": 6, "seven": 7, "eight": 8, "nine": 9}
_TEENS = {"ten": 10, "eleven": 11, "twelve": 12, "thirteen": 13, "fourteen": 14, "fifteen": 15, "sixteen": 16,
          "seventeen": 17, "eighteen": 18, "nineteen": 19}  # fmt: skip
_TENS = {"twenty": 20, "thirty": 30, "forty": 40, "fifty": 50, "sixty": 60, "seventy": 70, "eighty": 80, "ninety": 90}
_SCALES = {"thousand": 10**3, "million": 10**6, "billion": 10**9, "trillion": 10**12}
_DENOMINATORS = {"half": 2, "halve": 2, "third": 3, "quarter": 4, "fourth": 4, "fifth": 5, "sixth": 6, "seventh": 7,
                 "eighth": 8, "ninth": 9, "tenth": 10, "hundredth": 100, "thousandth": 1000}  # fmt: skip
_SMALL = {"zero": 0, "a": 1} | _ONES | _TEENS | _TENS


def _any(words: dict[str, int]) -> str:
    return f"(?:{'|'.join(words)})"


_BELOW_100 = rf"(?:{_any(_TENS)}(?:[ -]{_any(_ONES)})?|{_any(_TEENS)}|{_any(_ONES)})"
_BELOW_1000 = rf"(?:(?:{_any(_ONES)}|{_any(_TEENS)}|a)[ -]hundred(?:(?: and)?[ -]{_BELOW_100})?|{_BELOW_100})"
_SCALED = rf"(?:{_BELOW_1000}|a)[ -]{_any(_SCALES)}"
_CARDINAL = re.compile(rf"\b(?:{_SCALED}(?:,? (?:and )?{_SCALED})*(?:,? (?:and )?{_BELOW_1000})?|{_BELOW_1000}|zero)\b")
_FRACTION_WORDS = re.compile(rf"\b(a|an|[0-9]+)[ -]({_any(_DENOMINATORS)})(s?)\b(?!-)")


def _cardinal(words: str) -> str:
    total, below_1000 = 0, 0
    for word in re.findall(r"[a-z]+", words):
        if word in _SCALES:
            total, below_1000 = total + below_1000 * _SCALES[word], 0
        elif word == "hundred":
            below_1000 *= 100
        else:
            below_1000 += _SMALL.get(word, 0)
    return str(total + below_1000)


def _fraction_words(found: re.Match[str]) -> str:
    """`2 thirds` is 2/3, but `21 fifth` is an ordinal, which no rule below reads as a number."""
    count = found[1] if found[1].isdigit() else "1"
    return f"{count}/{_DENOMINATORS[found[2]]}" if (count == "1") != bool(found[3]) else found[0]


def _digits(text: str) -> str:
    """Plain text, lower case except for single letters (K, M and B are not metres), with number words as digits."""
    text = re.sub(r"[^\W\d_]{2,}", lambda word: word[0].lower(), text)
    text = re.sub(r"\bhalf (?:of )?an? ", "1/2 ", _CARDINAL.sub(lambda words: _cardinal(words[0]), text))
    text = re.sub(r"\ba dozen\b", "1 dozen", text)
    text = _FRACTION_WORDS.sub(_fraction_words, text)
    return re.sub(r"(?<!-)\bhalf\b", "1/2", text)


# --- quantities -----------------------------------------------------------------------------------------------------

_MEASURES = {  # "pound" is money as well as weight, and only the question could tell, so £ is the same unit.
    "dollar": {"$ dollar dollars buck bucks usd": 1, "¢ cent cents": Fraction(1, 100)},
    "euro": {"€ euro euros eur": 1},
    "percent": {"% percent": 1},
    "time": {"second seconds sec secs": 1, "minute minutes min mins": 60, "hour hours hr hrs h": 3600,
             "day days": 86400, "week weeks": 604800},
    "calendar": {"month months": 1, "year years yr yrs": 12},
    "length": {"mm millimeter millimeters": Fraction(1, 1000), "cm centimeter centimeters": Fraction(1, 100),
               "m meter meters metre metres": 1, "km kilometer kilometers kilometre kilometres": 1000},
    "feet": {"inch inches": 1, "ft foot feet": 12, "yd yard yards": 36, "mi mile miles": 63360},
    "mass": {"mg milligram milligrams": Fraction(1, 1000), "g gram grams": 1, "kg kilogram kilograms": 1000},
    "weight": {"oz ounce ounces": 1, "£ lb lbs pound pounds": 16},
    "volume": {"ml milliliter milliliters": 1, "l L liter liters litre litres": 1000},
    "gallons": {"pint pints": 1, "quart quarts": 2, "gallon gallons": 8},
    "celsius": {"°c": 1},
    "fahrenheit": {"°f": 1},
    "morning": {"am": 1},
    "afternoon": {"pm": 1},
}  # fmt: skip
_UNITS = {
    name: (dimension, Fraction(size))
    for dimension, sizes in _MEASURES.items()
    for names, size in sizes.items()
    for name in names.split()
}

# Longer runs of digits are a model that has lost its way, and Python refuses to read the longest.
_DECIMAL = (
    r"(?:[1-9][0-9]{0,2}(?:(?:,[0-9]{3}){1,99}|(?:\ [0-9]{3}){1,99})(?:\.[0-9]{1,300})?"
    r"|[0-9]{0,300}\.[0-9]{1,300}|[0-9]{1,300})"
)
_QUANTITY = re.compile(
    rf"""(?<![\w.,:/^+*\-√<>≤≥±°])
    (?P<sign>[-+]|(?:minus|negative)\ )?(?P<symbol>[$€£¢])?\ ?(?P<inner>-)?
    (?:(?:(?P<factor>{_DECIMAL})\ ?[x*]\ ?)?10\^(?P<power>[-+]?[0-9]{{1,3}})
      |(?:(?P<whole>{_DECIMAL})(?:\ and)?\ )?(?P<top>{_DECIMAL})\ ?/\ ?(?P<bottom>{_DECIMAL})
      |(?P<decimal>{_DECIMAL})(?:[eE](?P<e>[-+]?[0-9]{{1,3}}))?)
    (?:[\ -](?P<scale>hundred|thousand|million|billion|trillion|dozen)(?![a-z]))?
    (?P<glued>[^\W\d_]+)?(?![\w^√:]|/(?![a-z])|[.,][0-9]|-[0-9]|\ /\ ?[0-9]|\ [KMB]\b)""",
    re.X,
)
_UNIT = re.compile(r"\ ?([%¢$€£])|\ ?(°\ ?[CFcf])\b|[ -](?:(?:more|full|whole|extra|us|of|an) )*([A-Za-z]+)\b(?!\^)")

# "The total is 18": the words that commit a sentence with several numbers to the last of them.
_CLAIM = re.compile(
    r"(?:[=≈]|(?<!there )\b(?:is|are|was|were|be|equals)\b)"
    r"(?: (?:equal to|only|just|now|therefore|exactly|about|approximately|roughly|around|a total of))*\ ?$"
)
_DENIAL = re.compile(
    r"\b(?:no|not|never|neither|nor|cannot|none|twice|double|triple|thrice|squared|cubed|factorial|root)\b|n't\b"
    r"|\b(?:than|at least|at most|up to|over|under|above|below|almost|nearly|between|or) (?=[-$€£]?[0-9])"
    r"|\bor (?:more|less|fewer|so)\b|[0-9][xyz]\b|\b[xyzn] ?[-+*/^]|[-+*/^] ?[xyzn]\b"
    r"|[0-9]-second\b|[0-9][ -](?:first|third|fourth|fifth|sixth|seventh|eighth|ninth|tenth|eleventh|twelfth)s?\b"
    r"|[0-9][ -][a-z]+(?:teen|tie)ths?\b|\b(?:first|second|other) 1/2"
)
_NOT_PROSE = re.compile(r"(?<!\^)[0-9]|[=≈+*<>≤≥≠±√π\\|]|(?<![a-z])\^|/(?![a-z])| - ")


@dataclass(frozen=True)
class _Quantity:
    value: Fraction
    decimals: int
    unit: tuple[str, Fraction] | None
    leads: bool


def number(text: str) -> Fraction | None:
    """The value of an answer at face value (`50%` is 50, `75 cents` is 75); None unless it states exactly one number.

    A sentence with several numbers states the one it ends on after `=` or `is`, if it makes only that claim. Ranges,
    times, ratios, ordinals, bounds, denials and unevaluated expressions state none.
    """
    quantity = _quantity(plain_text(text))
    return quantity and quantity.value


def _quantity(plain: str) -> _Quantity | None:
    text = _digits(plain)
    found = list(_QUANTITY.finditer(text))
    if not found or _DENIAL.search(text) or re.match(r"[0-9]+\. ", text):
        return None
    last = found[-1]
    claimed = [match for match in found if _CLAIM.search(text, max(0, match.start() - 50), match.start())]
    if len(found) > 1 and claimed != [last]:
        return None
    before = _CLAIM.sub("", text[: last.start()])
    rest = text[last.end() :] if claimed else f"{before} {text[last.end() :]}"
    if _NOT_PROSE.search(rest) or before.count("(") > before.count(")") + (len(found) == 1):
        return None
    return _read(last, text[last.end() :], leads=bool(claimed) or not before.strip(" (["))


def _read(match: re.Match[str], after: str, leads: bool) -> _Quantity | None:
    value = _value(match)
    glued = match["glued"]
    if value is None or (glued and glued not in _UNITS):
        return None
    if (match["sign"] or "+") != "+" or match["inner"]:
        value = -value
    decimals = len((match["decimal"] or "").partition(".")[2])
    return _Quantity(value, decimals, _unit(match["symbol"] or glued, after), leads)


def _value(match: re.Match[str]) -> Fraction | None:
    factor, power, whole, top, bottom, decimal, exponent, scale = (
        match[name] for name in ("factor", "power", "whole", "top", "bottom", "decimal", "e", "scale")
    )
    times = {"hundred": 100, "dozen": 12, None: 1} | _SCALES
    if power:
        return _decimal(factor or "1") * Fraction(10) ** int(power) * times[scale]
    if decimal:
        return _decimal(decimal) * Fraction(10) ** int(exponent or 0) * times[scale]
    if _decimal(bottom) == 0 or (whole and _decimal(top) >= _decimal(bottom)):
        return None
    return (_decimal(whole or "0") + _decimal(top) / _decimal(bottom)) * times[scale]


def _decimal(written: str) -> Fraction:
    return Fraction(re.sub("[, ]", "", written))


def _unit(attached: str | None, after: str) -> tuple[str, Fraction] | None:
    follows = _UNIT.match(after)
    name = attached or (follows and (follows[1] or follows[2] or follows[3])) or ""
    return _UNITS.get(name.replace(" ", "")) or _UNITS.get(name.replace(" ", "").lower())


# --- the same answer ------------------------------------------------------------------------------------------------

_OPTION = re.compile(r"(?:option |choice )?(?:\(([a-j])\)|([a-j])(?=[).:](?:\s|$)|$))[).:]?\s*(.*)", re.I | re.S)
_TRUTH = {"yes": True, "true": True, "no": False, "false": False}
_TRUTH_SAID = re.compile(r"(not )?\b(yes|true|no|false)\b")
_TRUTH_FIRST_OR_LAST = re.compile(
    r"(?:yes|true|no|false)(?:[,.;:!]|$| because\b| since\b)|.*(?:\bis|\bare|'s) (?:not )?(?:yes|true|no|false)\W*$"
)


def same_answer(given: str | None, gold: str) -> bool:
    """Whether the given answer says what the gold answer says.

    - Numbers by exact value. A given decimal of two places or more may round a gold value that no decimal can write:
      0.33 is 1/3, but 0.3 is not, and 0.13 is not 1/8.
    - A unit is compared where both sides name a known one ($0.75 is 75 cents, 2 hours is 120 minutes, 75 cents is not
      $75, 5 km is not 5 miles); other words beside a number are not. A percent is such a unit: 50% is 50, and not 0.5.
    - An option letter by the letter (`(B) Paris` is `B`), yes/no and true/false by truth.
    - All else by its text, regardless of case, spacing, articles and closing punctuation.
    """
    given, gold = plain_text(given or ""), plain_text(gold)
    if not given or not gold:
        return False
    (letter, said), (gold_letter, expected) = _option(given), _option(gold)
    if letter and gold_letter and (letter != gold_letter or not said or not expected):
        return letter == gold_letter
    return _same_content(said, expected)


def _same_content(given: str, gold: str) -> bool:
    if _normal(given) == _normal(gold):
        return True
    if _normal(gold) in _TRUTH:
        return _truth(given) is _TRUTH[_normal(gold)]
    said, expected = _quantity(given), _quantity(gold)
    # "Apollo 11" is a name: only a gold answer that opens with its number is a number.
    return bool(said and expected and expected.leads and _same_quantity(said, expected))


def _normal(text: str) -> str:
    words = text.casefold().lstrip("\"'").rstrip(".,;:!?\"'").split()
    return " ".join([word for word in words if word not in ("a", "an", "the")] or words)


def _option(text: str) -> tuple[str, str]:
    """The letter of an option and the text after it; no letter if there is none."""
    found = _OPTION.fullmatch(text)
    return ((found[1] or found[2]).upper(), found[3]) if found else ("", text)


def _truth(text: str) -> bool | None:
    text = text.lower()
    said = {_TRUTH[word] is not bool(negated) for negated, word in _TRUTH_SAID.findall(text)}
    return said.pop() if len(said) == 1 and _TRUTH_FIRST_OR_LAST.match(text) else None


def _same_quantity(given: _Quantity, gold: _Quantity) -> bool:
    expected = gold.value
    if given.unit and gold.unit:
        if given.unit[0] != gold.unit[0]:
            return False
        expected *= gold.unit[1] / given.unit[1]
    rounds = given.decimals >= 2 and _endless(expected)
    return given.value == (rounded(expected, given.decimals) if rounds else expected)


def _endless(value: Fraction) -> bool:
    return 10 ** value.denominator.bit_length() % value.denominator != 0


def rounded(value: Fraction, decimals: int) -> Fraction:
    """Rounded half away from zero, as people do, and not half to even as `round` does."""
    scaled = abs(value) * 10**decimals + Fraction(1, 2)
    return Fraction(scaled.numerator // scaled.denominator, 10**decimals) * (-1 if value < 0 else 1)
