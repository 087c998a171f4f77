"""Whether quotes stand in a text word for word, and whether they hold an answer."""

import re


def altered(quotes: str, text: str) -> list[str]:
    """The lines that are no span of whole words of the text, whatever the spacing of both."""
    whole = " ".join(text.split())
    lines = [" ".join(line.split()) for line in quotes.splitlines() if line.strip()]
    return [line for line in lines if not re.search(rf"(?<!\w){re.escape(line)}(?!\w)", whole)]


def hold(quotes: str, answer: str) -> bool:
    """Whether the quotes have all words of the answer in a row."""
    found, wanted = (" ".join(text.casefold().split()) for text in (quotes, answer))
    return bool(wanted) and re.search(rf"(?<!\w){re.escape(wanted)}(?!\w)", found) is not None
