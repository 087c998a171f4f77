"""Short documents about invented companies and their people, and questions that one or two of their sentences answer."""

import re
from random import Random

from agents.rehearsal.skill import Skill, Slots, Solution
from agents.rehearsal.vocabulary import CITIES, COMPANY_FIRST, COMPANY_LAST, NAMES, PRODUCTS, SURNAMES

MAKES = re.compile(r"(\w+ \w+) makes (\w+)\.")
BASED = re.compile(r"(\w+ \w+) is based in (\w+)\.")
FOUNDED = re.compile(r"(\w+ \w+) was founded by (\w+ \w+)\.")
LIVES = re.compile(r"(\w+ \w+) lives in (\w+)\.")
YEAR = re.compile(r"(\w+ \w+) opened in (\d+)\.")


def _companies(rng: Random) -> list[str]:
    firsts = rng.sample(COMPANY_FIRST, 2)
    return [f"{first} {rng.choice(COMPANY_LAST)}" for first in firsts]


def _people(rng: Random) -> list[str]:
    return [f"{first} {last}" for first, last in zip(rng.sample(NAMES, 2), rng.sample(SURNAMES, 2), strict=True)]


def _document(rng: Random, sentences: list[str]) -> str:
    rng.shuffle(sentences)
    return " ".join(sentences)


def _product_document(rng: Random) -> Slots:
    companies, products, cities = _companies(rng), rng.sample(PRODUCTS, 2), rng.sample(CITIES, 2)
    made = [f"{c} makes {p}." for c, p in zip(companies, products, strict=True)]
    based = [f"{c} is based in {city}." for c, city in zip(companies, cities, strict=True)]
    return {"document": _document(rng, made + based), "c": rng.choice(companies)}


def _solve_product(s: Slots) -> Solution:
    product = dict(MAKES.findall(s["document"]))[s["c"]]
    return Solution(f"{s['c']} makes {product}.", product)


def _wrong_product(s: Slots, rng: Random) -> str:
    return rng.choice([p for p in PRODUCTS if p != _solve_product(s).answer])


def _founder_document(rng: Random) -> Slots:
    companies, people, cities = _companies(rng), _people(rng), rng.sample(CITIES, 2)
    founded = [f"{c} was founded by {p}." for c, p in zip(companies, people, strict=True)]
    lives = [f"{p} lives in {city}." for p, city in zip(people, cities, strict=True)]
    return {"document": _document(rng, founded + lives), "c": rng.choice(companies)}


def _solve_founder_city(s: Slots) -> Solution:
    person = dict(FOUNDED.findall(s["document"]))[s["c"]]
    city = dict(LIVES.findall(s["document"]))[person]
    return Solution(f"{s['c']} was founded by {person}. {person} lives in {city}.", city)


def _wrong_city(s: Slots, rng: Random) -> str:
    return rng.choice([city for city in CITIES if city != _solve_founder_city(s).answer])


def _year_document(rng: Random) -> Slots:
    companies, products = _companies(rng), rng.sample(PRODUCTS, 2)
    years = rng.sample(range(1900, 2000), 2)
    opened = [f"{c} opened in {y}." for c, y in zip(companies, years, strict=True)]
    made = [f"{c} makes {p}." for c, p in zip(companies, products, strict=True)]
    return {"document": _document(rng, opened + made)}


def _solve_older(s: Slots) -> Solution:
    (first, y1), (second, y2) = YEAR.findall(s["document"])
    older = first if int(y1) < int(y2) else second
    return Solution(f"{first} {y1}, {second} {y2}. {min(y1, y2)} comes first.", older)


def _wrong_older(s: Slots, _rng: Random) -> str:
    return next(company for company, _ in YEAR.findall(s["document"]) if company != _solve_older(s).answer)


DOCUMENTS = (
    Skill(
        "product",
        "documents",
        ("{document} What does {c} make?",),
        _product_document,
        _solve_product,
        ("document",),
        _wrong_product,
        vocabulary=("makes", "is based in"),
    ),
    Skill(
        "founder_city",
        "documents",
        ("{document} In which city does the founder of {c} live?",),
        _founder_document,
        _solve_founder_city,
        ("document",),
        _wrong_city,
        difficulty=2,
        vocabulary=("was founded by", "lives in"),
    ),
    Skill(
        "older_company",
        "documents",
        ("{document} Which company is older?",),
        _year_document,
        _solve_older,
        ("document",),
        _wrong_older,
        difficulty=2,
        vocabulary=("opened in", "comes first"),
    ),
)
