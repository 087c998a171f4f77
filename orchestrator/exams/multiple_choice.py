import re
from collections.abc import Iterator, Mapping, Sequence
from itertools import islice
from random import Random
from string import ascii_uppercase
from typing import Any, Literal

from pydantic import Field

from agents.answers import final_answer
from agents.kinds import Material, Source, SourceError
from agents.registry import register
from orchestrator.kinds import Exam, ExamItem, Format, Grade


@register("multiple_choice")
class MultipleChoice(Exam):
    """Asks which of several choices is right, and reads which one the reply commits to.

    Choices are the item's field `choices` (of a `questions` source with `keep: [choices]`): a list of texts, a
    mapping of labels to texts, or the two lists `label` and `text` of ARC and CommonsenseQA; gold is a text or a label.
    They are lettered anew in an order that the seed draws for each item, since a model favours some places (Zheng et
    al. 2024, ICLR). Attempts hold the text of what was chosen, never its letter, so that answers to any order compare.
    """

    per_skill: int = Field(default=20, ge=1)
    longest_reply: int = Field(default=160, ge=8)
    """Tokens after which a reply is cut."""
    choices: list[str] = Field(default=[], max_length=26)
    """The same choices for all items, e.g. [true, false]; by default each item has its own."""
    shown: Literal["letters", "nothing"] = "letters"
    """`letters` writes the choices under the question, one a line; `nothing` shows the question as lessons do."""
    shuffled: bool = True
    """False keeps the order of the file."""

    def items(self, source: Source, form: Format, seed: int) -> list[ExamItem]:
        return [
            self._item(material, skill, form, seed)
            for skill in source.skills()
            for material in islice(source.materials(self.part, skill, seed), self.per_skill)
        ]

    def grade(self, item: ExamItem, reply: str) -> Grade:
        """A final answer that names no choice, or more than one, is none."""
        said = final_answer(reply)
        letters = ascii_uppercase if self.shown == "letters" else ""
        chosen = None if said is None else _chosen(said, item.fields["choices"], letters)
        return Grade(chosen, chosen == item.gold)

    @property
    def max_tokens(self) -> int:
        return self.longest_reply

    def _item(self, material: Material, skill: str, form: Format, seed: int) -> ExamItem:
        where = material.origin or material.fields["question"]
        labelled = _labelled(self.choices or material.fields.get("choices"), where)
        gold = _gold(str(material.fields["gold"]), labelled, where)
        order = list(labelled.values())
        if self.shuffled:
            Random(f"{seed}:{material.split_key}:{material.fields['question']}").shuffle(order)
        question = str(material.fields["question"])
        if self.shown == "letters":
            lines = [f"{letter}) {text}" for letter, text in zip(ascii_uppercase, order, strict=False)]
            question = "\n".join([question, *lines])
        stem = str(material.fields["question"])
        fields = {**material.fields, "question": question, "stem": stem, "gold": gold, "choices": order}
        return ExamItem(question, gold, form.prompt(fields), skill, material.split_key, fields)


def _labelled(choices: Any, where: str) -> dict[str, str]:
    """Label → text, in order. Raises SourceError for what are no choices."""
    if isinstance(choices, Mapping) and choices.keys() >= {"label", "text"}:
        choices = dict(zip(choices["label"], choices["text"], strict=False))
    if isinstance(choices, Sequence) and not isinstance(choices, str):
        choices = dict(zip(ascii_uppercase, choices, strict=False)) if len(choices) <= len(ascii_uppercase) else {}
    found = {str(label): str(text).strip() for label, text in choices.items()} if isinstance(choices, Mapping) else {}
    if not 2 <= len(found) <= len(ascii_uppercase) or len({_plain(text) for text in found.values()} - {""}) < len(
        found
    ):
        raise SourceError(
            f"{where}: expected 2 to {len(ascii_uppercase)} different `choices`, found {choices!r}; let the source "
            "keep them (`keep: [choices]`), or say in the exam which all questions have"
        )
    return found


def _gold(gold: str, labelled: Mapping[str, str], where: str) -> str:
    """The text of the right choice. A text counts before a label: choices may be letters or numbers themselves."""
    by_text = {_plain(text): text for text in labelled.values()}
    found = by_text.get(_plain(gold)) or labelled.get(gold)
    if found is None:
        raise SourceError(f"{where}: the answer {gold!r} is none of {', '.join(labelled.values())}, nor a label of one")
    return found


def _chosen(said: str, choices: Sequence[str], letters: str) -> str | None:
    """The one choice that a final answer names by its whole text, by its letter, or by both."""
    plain = _plain(said)
    by_text = [choice for choice in choices if _plain(choice) == plain]
    if by_text:
        return by_text[0]
    lettered = dict(zip(letters, choices, strict=False))
    found = _LETTERED.fullmatch(said.strip())
    choice = lettered.get(found["letter"].upper()) if found else None
    rest = _plain(found["rest"] or "") if found else ""
    if choice is None:
        return _only(plain, choices)
    if not rest or rest == _plain(choice):
        return choice
    if found and found["mark"]:
        return choice if _only(rest, choices) == choice else None
    return _only(plain, choices)  # the letter may be a word, as in "A dog"


def _only(plain: str, choices: Sequence[str]) -> str | None:
    """The one choice that a phrase speaks of; None if it speaks of several or none, or denies."""
    named = set(_named(plain, choices))
    return named.pop() if len(named) == 1 and not _DENIED.search(plain) else None


_LETTERED = re.compile(r"(?:option |choice )?\(?(?P<letter>[A-Za-z])(?P<mark>[).:,]*)(?:\s+(?P<rest>.+))?", re.S | re.I)
_DENIED = re.compile(r"\b(?:not|no|never|neither|nor|cannot|isn|or|either|both|all|none)\b|n't\b")


def _named(plain: str, choices: Sequence[str]) -> Iterator[str]:
    """Choices whose text stands in it as words; one that stands only within a longer one is not meant."""
    for choice in sorted(choices, key=lambda choice: -len(choice)):
        pattern = rf"(?<!\w){re.escape(_plain(choice))}(?!\w)"
        if re.search(pattern, plain):
            yield choice
            plain = re.sub(pattern, " ", plain)


def _plain(text: str) -> str:
    return " ".join(text.casefold().split()).strip(" .,;:!?\"'()")
