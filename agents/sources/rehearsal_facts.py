import random
from collections.abc import Iterator, Mapping
from functools import cached_property
from typing import Literal

from pydantic import Field

from agents.kinds import Fields, Material, Part
from agents.registry import register
from agents.rehearsal.library import MOST, Company, Fact, library
from agents.splits import SplitByHash, folded

View = Literal["memorised", "rephrased", "derived", "updated"]
VIEWS: list[View] = ["memorised", "rephrased", "derived", "updated"]


@register("rehearsal_facts")
class RehearsalFacts(SplitByHash):
    """Questions about the companies of `rehearsal_documents`, in the four views of FineTuneBench (Wu et al. 2024).

    Memorised asks in the words of the document, rephrased in one of five other ways, which is drawn for each fact and
    which lessons use of other facts alone, derived takes a step besides, updated asks for what has changed. A material
    has its document as `text`, which an exam without documents does not show. By default what must not cross the parts
    is the fact, all views of it together: its document is taught, and its exam questions are no lesson's. Where
    documents are shown, `split_by: document`.
    """

    kind = "question"
    probe: float = Field(default=0.4, ge=0, lt=0.5)
    test: float = Field(default=0.4, ge=0, lt=0.5)
    companies: int = Field(default=50, ge=4, le=MOST)
    """As many as `rehearsal_documents` has, or fewer: others are not taught."""
    views: list[View] = Field(default=VIEWS, min_length=1)
    split_by: Literal["fact", "document"] = "fact"
    beside: int = Field(default=0, ge=0, le=3)
    """How many documents of other companies of the same part `text` holds besides, its sentences in mixed order."""

    def skills(self) -> list[str]:
        return list(self.views)

    def level(self, skill: str) -> int:
        return 2 if skill == "derived" else 1

    def materials(self, part: Part, skill: str, seed: int) -> Iterator[Material]:
        found = [material for material in self._all(part) if material.skill == skill]
        random.Random(seed).shuffle(found)
        yield from found

    def split_key(self, fields: Fields) -> str:
        """Of a question of its own the fact or the document that it is about; any other question has itself."""
        question = folded(fields.get("question", ""))
        fact = self._asked.get(question)
        return self._key(fact) if fact else question

    def _key(self, fact: Fact) -> str:
        return (
            f"document: {fact.company}"
            if self.split_by == "document"
            else f"fact: {fact.company}: {fact.relation.name}"
        )

    @cached_property
    def _asked(self) -> Mapping[str, Fact]:
        """By question, whichever views are chosen."""
        return {
            folded(question): fact
            for company in library(self.companies)
            for fact in company.facts()
            for question, _ in fact.views.values()
        }

    def _all(self, part: Part) -> Iterator[Material]:
        there = [company for company in library(self.companies) if self._is_in(company, part)]
        for number, company in enumerate(there):
            others = [there[(number + step) % len(there)] for step in range(1, self.beside + 1)]
            text = _together(company, [other for other in others if other is not company])
            for fact in company.facts():
                if self.part_of(self._key(fact)) != part:
                    continue
                for view, (question, gold) in fact.views.items():
                    fields = {"question": question, "gold": gold, "text": text, "document": company.name}
                    origin = f"library:{company.name}:{fact.relation.name}:{view}"
                    yield Material(fields, self._key(fact), view, origin)

    def _is_in(self, company: Company, part: Part) -> bool:
        return any(self.part_of(self._key(fact)) == part for fact in company.facts())


def _together(company: Company, others: list[Company]) -> str:
    if not others:
        return company.document
    sentences = [str(said) for one in (company, *others) for said in one.said]
    random.Random(company.name).shuffle(sentences)
    return " ".join(sentences)
