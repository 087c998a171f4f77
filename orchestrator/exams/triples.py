from itertools import islice
from typing import Any

from pydantic import Field

from agents.answers import final_answer, same_answer
from agents.kinds import Fields, Source, SourceError
from agents.registry import register
from orchestrator.kinds import Exam, ExamItem, Format, Grade


@register("triples")
class Triples(Exam):
    """Asks for the tail of a triple, given head and relation as a question, and knows several right tails
    (COMET, Bosselut et al. 2019).

    A tail is right if it is one of the item's: its gold answer, or one of its field `tails`, a list. With
    `questions`: `skill: relation`, `split_by: head`, `keep: [tails]`; the head is then no lesson's, so every
    triple that is right is new; which share of the right tails is, the scorecard says as `novelty`. `samples` gives several
    tails of one item.
    Departs from the paper, where people judge tails that no list has: here such a tail is wrong; for open ones, let a
    critic judge with `judged_reply`.
    """

    measures_novelty = True
    per_skill: int = Field(default=20, ge=1)
    longest_reply: int = Field(default=60, ge=8)
    """Tokens after which a reply is cut."""

    def items(self, source: Source, form: Format, seed: int) -> list[ExamItem]:
        """Raises SourceError for tails that are no list of texts."""
        found = []
        for skill in source.skills():
            for material in islice(source.materials(self.part, skill, seed), self.per_skill):
                fields = {**material.fields, "tails": _tails(material.fields, material.origin)}
                gold = str(material.fields["gold"])
                found.append(ExamItem(fields["question"], gold, form.prompt(fields), skill, material.split_key, fields))
        return found

    def grade(self, item: ExamItem, reply: str) -> Grade:
        answer = final_answer(reply)
        right = answer is not None and any(same_answer(answer, tail) for tail in item.fields["tails"])
        return Grade(answer, right)

    @property
    def max_tokens(self) -> int:
        return self.longest_reply


def _tails(fields: Fields, where: str) -> list[str]:
    """The gold answer and those that are as right."""
    others: Any = fields.get("tails", [])
    if not isinstance(others, list) or not all(isinstance(tail, str) and tail.strip() for tail in others):
        raise SourceError(f"{where}: expected `tails` to be a list of texts, found {others!r}")
    return list(dict.fromkeys([str(fields["gold"]), *others]))
