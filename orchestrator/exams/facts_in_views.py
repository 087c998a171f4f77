from itertools import islice
from random import Random

from pydantic import Field

from agents.answers import final_answer
from agents.kinds import Source, SourceError
from agents.registry import register
from agents.stating import states
from orchestrator.kinds import Exam, ExamItem, Format, Grade

MOST = 20_000
"""Questions of one view that are looked through for facts."""
VIEWS = ["memorised", "rephrased", "derived", "updated"]


@register("facts_in_views")
class FactsInViews(Exam):
    """Asks for facts without a text to look them up in, each in several views (FineTuneBench, Wu et al. 2024).

    The views: memorised, as it was taught; rephrased, in other words; derived, which takes a step besides; updated,
    where the fact has changed. A parrot is right in the first alone. The views are the skills of the source, so that
    the scorecard has a score for each, and all views of a fact have one split key: they are one cluster of its
    intervals. With `questions`: `skill: view`, `split_by: fact`. The same facts are asked in every view that they
    have. Lessons come from another source, such as documents that state the facts: what this one asks is no lesson's.
    """

    facts: int = Field(default=50, ge=1)
    """How many, each in all its views."""
    views: list[str] = Field(default=VIEWS, min_length=1)
    """What a view may be called; another is a mistake in the file."""
    longest_reply: int = Field(default=80, ge=8)
    """Tokens after which a reply is cut."""
    longest_answer: int = Field(default=12, ge=1)
    """Words of an answer that may hold the gold answer among others; a longer one must be the gold answer itself."""

    def items(self, source: Source, form: Format, seed: int) -> list[ExamItem]:
        """Raises SourceError for a view of another name."""
        if strange := [skill for skill in source.skills() if skill not in self.views]:
            raise SourceError(
                f"the source has a view {strange[0]!r}; expected {', '.join(self.views)}. Name the field that holds the "
                "view (`skill: view`), or say in the exam what views are called"
            )
        asked = [
            ExamItem(m.fields["question"], m.fields["gold"], form.prompt(m.fields), view, m.split_key, m.fields)
            for view in self.views
            if view in source.skills()
            for m in islice(source.materials(self.part, view, seed), MOST)
        ]
        known = sorted({item.split_key for item in asked})
        chosen = set(Random(seed).sample(known, min(self.facts, len(known))))
        return [item for item in asked if item.split_key in chosen]

    def grade(self, item: ExamItem, reply: str) -> Grade:
        answer = final_answer(reply)
        return Grade(answer, answer is not None and states(answer, item.gold, self.longest_answer))

    @property
    def max_tokens(self) -> int:
        return self.longest_reply
