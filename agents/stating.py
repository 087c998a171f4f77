"""Whether a reply in words states an answer, with other words around it and none that turn its sense round."""

import re
from collections import Counter

from agents.answers import number, plain_text, same_answer

_WORD = re.compile(r"[^\W_]+(?:['.-][^\W_]+)*")
_WEIGHED = re.compile(
    r"\b(?:no|not|never|neither|nor|none|cannot|without|except|but|or|either|and|than|instead|unlike|until|before|after"
    r"|former|formerly|once|previously|unknown|maybe|perhaps|possibly|unless|if)\b|n't\b|[,;/&?|\[\]]|[0-9]+"
)
"""Words and signs that make another answer of the same words: denials, alternatives, lists, doubts, and numbers."""


def states(answer: str, gold: str, longest: int) -> bool:
    """Whether a short answer says what the gold answer says, perhaps in a phrase around it ("it is in Oslo").

    The phrase has to hold the gold answer's words in a row, and of the words and signs that could turn its sense round
    exactly those of the gold answer. A gold answer that is a number, or yes or no, has to be the answer itself.
    """
    if same_answer(answer, gold):
        return True
    said, expected = plain_text(answer).casefold(), plain_text(gold).casefold()
    is_name = re.match(r"[^\W\d_].*[0-9]", expected)  # "Apollo 11" states a number as well
    if (number(gold) is not None and not is_name) or expected in ("yes", "no", "true", "false"):
        return False
    words, wanted = _WORD.findall(said), _WORD.findall(expected)
    if not wanted or len(words) > max(longest, len(wanted)):
        return False
    within = any(words[i : i + len(wanted)] == wanted for i in range(len(words) - len(wanted) + 1))
    return within and Counter(_WEIGHED.findall(said)) == Counter(_WEIGHED.findall(expected))
