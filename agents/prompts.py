"""How fields become the text of a prompt and are read back from it: text can never break out of its section."""

import json
import re
from collections.abc import Mapping, Sequence
from itertools import count
from typing import Any

NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
OPENING = re.compile(rf"^<({NAME.pattern})((?:-[0-9]+)?)>\n", re.MULTILINE)
COVERED = "Below is also some of what has been written already, one a line: write nothing of it again, nor anything like it.\n"
PLACEHOLDER = re.compile(rf"\{{({NAME.pattern})\}}")


def tagged(fields: Mapping[str, Any]) -> str:
    """Each field as a section of its own: `<question>`, the text and `</question>`, on lines of their own.

    Values that are not text are written as JSON. Raises ValueError for a name that cannot be a tag.
    """
    texts = {_tag_name(name): _text(value) for name, value in fields.items()}
    everything = [text.lower() for text in texts.values()]
    sections = []
    for name, text in texts.items():
        tag = _free_tag(name, text, everything)
        sections.append(f"<{tag}>\n{text}\n</{tag}>")
    return "\n".join(sections)


def read_tagged(text: str) -> dict[str, str]:
    """The sections of a prompt, whatever prose is around them: the inverse of `tagged`."""
    fields: dict[str, str] = {}
    position = 0
    while opening := OPENING.search(text, position):
        closing = f"\n</{opening[1]}{opening[2]}>"
        end = text.find(closing, opening.end())
        if end < 0:
            position = opening.end()
            continue
        fields[opening[1]] = text[opening.end() : end]
        position = end + len(closing)
    return fields


def fill(template: str, /, **fields: Any) -> str:
    """Put fields into `{name}` placeholders in one pass: what a field holds is never read as a placeholder."""

    def value(placeholder: re.Match[str]) -> str:
        name = placeholder[1]
        if name not in fields:
            given = ", ".join(sorted(fields)) or "none"
            raise KeyError(f"the template names {{{name}}}, but there is no such field; the fields given are: {given}")
        return _text(fields[name])

    return PLACEHOLDER.sub(value, template)


def read_filled(template: str, text: str) -> dict[str, str] | None:
    """The fields that `fill` would have made this text of, without white space around them: its inverse.

    A field that has its lines of the template to itself may be of several lines, any other is of one. None for a text of
    another form, for one with a blank in a field's place, and for one that can be read in more than one way.
    """
    text = text.strip()
    first, last = (re.fullmatch(_reader(template.strip(), several), text) for several in ("+?", "+"))
    if first is None or last is None or first.groupdict() != last.groupdict():
        return None
    found = {name: value.strip() for name, value in first.groupdict().items()}
    return found if all(found.values()) else None


def _reader(template: str, several: str) -> str:
    """A pattern for filled templates, whose fields take as little (`+?`) or as much (`+`) as they can from left to right."""
    pattern, known, end = "", set[str](), 0
    for place in PLACEHOLDER.finditer(template):
        pattern += re.escape(template[end : place.start()])
        before, after = template[: place.start()], template[place.end() :]
        alone = (not before or before.endswith("\n")) and (not after or after.startswith("\n"))
        content = f"(?P<{place[1]}>{'(?s:.)' if alone else '.'}{several})"
        pattern += f"(?P={place[1]})" if place[1] in known else content
        known.add(place[1])
        end = place.end()
    return pattern + re.escape(template[end:])


def beside_covered(prompt: str, fields: Mapping[str, Any]) -> str:
    """The prompt, and what it says besides where the fields show what has been written already."""
    return f"{prompt}{COVERED}" if "covered" in fields else prompt


def text_asked(messages: Sequence[Mapping[str, Any]]) -> str:
    """The last user message that shows tagged material, or the last one if none does.

    A request to repair a reply comes after the material and shows none.
    """
    texts = [_content_text(message.get("content")) for message in messages if message.get("role") == "user"]
    return next((text for text in reversed(texts) if read_tagged(text)), texts[-1] if texts else "")


def _content_text(content: Any) -> str:
    """Either form of the API: a string, or a list of parts."""
    if isinstance(content, str):
        return content
    parts = content if isinstance(content, list) else []
    return "\n".join(str(part.get("text", "")) for part in parts if isinstance(part, Mapping))


def _text(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


def _tag_name(name: str) -> str:
    if not NAME.fullmatch(name):
        raise ValueError(f"a prompt field must be named with letters, digits and _, found {name!r}; rename the field")
    return name


def _free_tag(name: str, text: str, everything: Sequence[str]) -> str:
    # In any case of letters: a model, unlike `read_tagged`, may take </QUESTION> for the end of the section.
    closing = f"</{name.lower()}"
    if f"{closing}>" not in text.lower():
        return name
    free = (n for n in count(2) if not any(f"{closing}-{n}>" in other for other in everything))
    return f"{name}-{next(free)}"
