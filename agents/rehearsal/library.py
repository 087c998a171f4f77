"""A library of invented companies: a short document each, and questions that ask for its facts without it.

Each fact is worded in six ways, the first of them the document's, and asked in the views of FineTuneBench (Wu et al. 2024).
Rephrased asks in one of the other five, drawn for each fact: a way that lessons use of other companies, so that a small
student can understand it. Where a fact is an exam's, the guard of datasets leaves out the lessons that ask so of it.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property, lru_cache
from itertools import product
from random import Random

from agents.chunking import split_sentences
from agents.rehearsal.vocabulary import CITIES, COMPANY_FIRST, COMPANY_LAST, NAMES, PRODUCTS, SURNAMES

MOST = len(COMPANY_FIRST) * len(COMPANY_LAST)
"""Companies that have a name of their own."""
COMPANY = rf"(?:{'|'.join(COMPANY_FIRST)}) (?:{'|'.join(COMPANY_LAST)})"
PERSON = rf"(?:{'|'.join(NAMES)}) (?:{'|'.join(SURNAMES)})"
PEOPLE = tuple(f"{first} {last}" for first, last in product(NAMES, SURNAMES))
YEARS = tuple(map(str, range(1900, 2000)))
ALWAYS, FIRST, NOW = "", " at first", " now"
"""When a fact holds, as the last words of its sentence and of its question."""


@dataclass(frozen=True)
class Relation:
    """One thing that documents say of a company: `{c}` stands for it, `{v}` for what is said, `{p}` for its founder."""

    name: str
    value: str
    """What a value looks like."""
    others: tuple[str, ...]
    """Values that might stand there instead."""
    wordings: tuple[tuple[str, str], ...]
    """How it is said, first as in documents, and the question that a teacher would ask of it."""
    memorised: str
    """Asked in the words of the documents."""
    derived: str
    """Asked such that it takes one step besides."""

    def said(self, wording: int, company: str, value: str, when: str = ALWAYS) -> str:
        return _when(self.wordings[wording][0], when).format(c=company, v=value)

    def asked(self, wording: int, company: str, when: str = ALWAYS) -> str:
        return _when(self.wordings[wording][1], when).format(c=company)

    @cached_property
    def statements(self) -> tuple[re.Pattern[str], ...]:
        return tuple(_pattern(statement, self.value) for statement, _ in self.wordings)

    @cached_property
    def questions(self) -> tuple[re.Pattern[str], ...]:
        asked = [*(question for _, question in self.wordings), self.memorised, self.derived]
        return tuple(_pattern(question, self.value) for question in asked)


FOUNDER = Relation(
    "founder",
    PERSON,
    PEOPLE,
    (
        ("{c} was founded by {v}.", "Who founded {c}?"),
        ("The founder of {c} is {v}.", "Who is the founder of {c}?"),
        ("{v} founded {c}.", "By whom was {c} founded?"),
        ("{c} is the company of {v}.", "Whose company is {c}?"),
        ("It was {v} who founded {c}.", "Who was it that founded {c}?"),
        ("{v} is the one who began {c}.", "Who began {c}?"),
    ),
    "{c} was founded by whom?",
    "What is the surname of the founder of {c}?",
)
YEAR = Relation(
    "year",
    "[0-9]{4}",
    YEARS,
    (
        ("{c} opened in {v}.", "When did {c} open?"),
        ("The first year of {c} was {v}.", "What was the first year of {c}?"),
        ("{v} is the year in which {c} opened.", "In which year did {c} open?"),
        ("{c} is open since {v}.", "Since when is {c} open?"),
        ("{c} began in {v}.", "When did {c} begin?"),
        ("The doors of {c} opened in {v}.", "When did the doors of {c} open?"),
    ),
    "{c} opened in which year?",
    "When did the company of {p} open?",
)
PRODUCT = Relation(
    "product",
    "|".join(PRODUCTS),
    tuple(PRODUCTS),
    (
        ("{c} makes {v}.", "What does {c} make?"),
        ("The product of {c} is {v}.", "What is the product of {c}?"),
        ("People who work at {c} make {v}.", "What do people who work at {c} make?"),
        ("From {c} come {v}.", "What comes from {c}?"),
        ("{c} is a company that makes {v}.", "What does the company {c} make?"),
        ("One can buy {v} from {c}.", "What can one buy from {c}?"),
    ),
    "{c} makes what?",
    "What does the company of {p} make?",
)
CITY = Relation(
    "city",
    "|".join(CITIES),
    tuple(CITIES),
    (
        ("{c} is based in {v}.", "Where is {c} based?"),
        ("The home of {c} is {v}.", "What is the home of {c}?"),
        ("{c} is a company in {v}.", "In which city is the company {c}?"),
        ("People who work at {c} live in {v}.", "Where do people who work at {c} live?"),
        ("One finds {c} in {v}.", "Where does one find {c}?"),
        ("The city of {c} is {v}.", "What is the city of {c}?"),
    ),
    "{c} is based in which city?",
    "Where is the company of {p} based?",
)
RELATIONS = (FOUNDER, YEAR, PRODUCT, CITY)


@dataclass(frozen=True)
class Statement:
    """A sentence that the library understands."""

    relation: Relation
    company: str
    value: str
    when: str = ALWAYS
    wording: int = 0

    def __str__(self) -> str:
        return self.relation.said(self.wording, self.company, self.value, self.when)


@dataclass(frozen=True)
class Asked:
    """A question that the library understands: of a company, or of the company of a person."""

    relation: Relation
    company: str
    person: str
    when: str

    def is_answered_by(self, said: Statement, founder: str | None) -> bool:
        """Whether a sentence says what is asked, or who it is asked of; `founder` is the company's, as far as is known."""
        if self.person:
            return founder == self.person and said.relation in (FOUNDER, self.relation) and said.when in self._whens
        return (said.relation, said.company, said.when) == (self.relation, self.company, self.when)

    def is_about(self, company: str, founder: str) -> bool:
        return self.person == founder if self.person else self.company == company

    def is_said_by(self, said: Statement) -> bool:
        """Whether a sentence about that company says what is asked."""
        return (said.relation, said.when) == (self.relation, self.when)

    @property
    def _whens(self) -> tuple[str, str]:
        return ALWAYS, self.when


@dataclass(frozen=True)
class Fact:
    """What is asked of a company: one relation in its views, all of which are one fact."""

    company: str
    relation: Relation
    views: dict[str, tuple[str, str]]
    """View → (question, gold)."""


@dataclass(frozen=True)
class Company:
    """What is true of a company, as its document says it."""

    name: str
    said: tuple[Statement, ...]
    """In the order of the document; the value that has changed before the one it changed to."""

    @property
    def document(self) -> str:
        return " ".join(map(str, self.said))

    @property
    def founder(self) -> str:
        return next(one.value for one in self.said if one.relation is FOUNDER)

    def facts(self) -> Iterator[Fact]:
        for relation in RELATIONS:
            first, *now = [one for one in self.said if one.relation is relation]
            yield Fact(self.name, relation, _views(first, now[0] if now else None, self.founder))


@lru_cache(maxsize=8)
def library(count: int) -> tuple[Company, ...]:
    """The first `count` companies, the same whatever the count. Raises ValueError for more than there are names."""
    if not 0 < count <= MOST:
        raise ValueError(f"the library has 1 to {MOST} companies, found {count}")
    chance = Random("library")
    names = chance.sample([f"{first} {last}" for first, last in product(COMPANY_FIRST, COMPANY_LAST)], MOST)
    people = chance.sample(PEOPLE, MOST)  # each founds one company, so that a question can go by the founder
    return tuple(
        _company(number, name, person) for number, (name, person) in enumerate(zip(names, people, strict=True))
    )[:count]


def _company(number: int, name: str, founder: str) -> Company:
    chance = Random(f"library: {name}")
    changed = CITY if number % 2 else PRODUCT
    groups: list[list[Statement]] = [[Statement(FOUNDER, name, founder)]]
    for relation in (YEAR, PRODUCT, CITY):
        values = chance.sample(relation.others, 2)
        whens = (FIRST, NOW) if relation is changed else (ALWAYS,)
        groups.append([Statement(relation, name, *one) for one in zip(values, whens, strict=False)])
    chance.shuffle(groups)
    return Company(name, tuple(one for group in groups for one in group))


def _views(said: Statement, now: Statement | None, founder: str) -> dict[str, tuple[str, str]]:
    relation = said.relation
    held = Random(f"held back: {said.company}: {relation.name}").randrange(1, len(relation.wordings))

    def asked(question: str, when: str) -> str:
        return _when(question, when).format(c=said.company, p=founder)

    derived = said.value.split()[-1] if relation is FOUNDER else said.value
    views = {
        "memorised": (asked(relation.memorised, said.when), said.value),
        "rephrased": (asked(relation.wordings[held][1], said.when), said.value),
        "derived": (asked(relation.derived, said.when), derived),
    }
    return views | ({"updated": (asked(relation.wordings[held][1], now.when), now.value)} if now else {})


def statements_in(text: str) -> list[Statement]:
    """What the sentences of a text say, as far as they are of the library, whoever stands between them."""
    return [said for sentence in split_sentences(text) if (said := read_statement(sentence.strip()))]


def read_statement(sentence: str) -> Statement | None:
    for relation in RELATIONS:
        for wording, pattern in enumerate(relation.statements):
            if found := pattern.fullmatch(sentence):
                return Statement(relation, found["c"], found["v"], found["when"] or ALWAYS, wording)
    return None


def read_question(question: str) -> Asked | None:
    """What a teacher's question or an exam's asks for; None for one that the library does not know."""
    for relation in RELATIONS:
        for pattern in relation.questions:
            if found := pattern.fullmatch(question.strip()):
                parts = found.groupdict()
                return Asked(relation, parts.get("c") or "", parts.get("p") or "", found["when"] or ALWAYS)
    return None


def _when(template: str, when: str) -> str:
    return f"{template[:-1]}{when}{template[-1]}"


def _pattern(template: str, value: str) -> re.Pattern[str]:
    text = re.escape(template[:-1]) + rf"(?P<when>{FIRST}|{NOW})?" + re.escape(template[-1])
    for name, shape in (("c", COMPANY), ("v", value), ("p", PERSON)):
        text = text.replace(rf"\{{{name}\}}", f"(?P<{name}>{shape})")
    return re.compile(text)
