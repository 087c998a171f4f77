from collections.abc import Sequence

from pydantic import Field

from agents.kinds import Judgement, Selection, UnfitDraft, accepted, rejected
from agents.registry import register
from agents.voting import largest_agreeing
from storage.records import Draft


@register("self_consistent")
class SelfConsistent(Selection):
    """Keeps one solution of each question whose samples agree, and refuses to go on where too few questions have such an answer
    (Distilling System 2 into System 1, Yu et al. 2024, §3).

    Without known answers, agreement is all that vouches for a lesson. Where fewer than `least` of the questions reach it, the
    few that do are the easy ones, and a student of them is taught less than it seems: raises UnfitDraft.
    """

    share: float = Field(default=0.75, gt=0, le=1)
    """Of a question's samples, how many must agree."""
    at_least: int = Field(default=3, ge=1)
    """And how many at the fewest."""
    least: float = Field(ge=0, le=1)
    """Share of the questions that must keep an answer, or the run ends; how much is enough is the recipe's to say."""

    def choose(
        self, drafts: Sequence[Draft], earlier: Sequence[Draft], labelled: Sequence[tuple[Draft, bool]] = ()
    ) -> list[Judgement]:
        questions: dict[str, list[Draft]] = {}
        for draft in drafts:
            questions.setdefault(draft.fields["question"], []).append(draft)
        agreeing = {question: largest_agreeing(group) for question, group in questions.items()}
        kept = {
            question: found[0].key
            for question, found in agreeing.items()
            if len(found) >= max(self.at_least, self.share * len(questions[question]))
        }
        if len(kept) < self.least * len(questions):
            raise UnfitDraft(
                f"the samples agree on {len(kept)} of {len(questions)} questions, and `least` asks for {self.least:.0%}: what "
                "the teacher is not consistent in cannot be distilled into bare answers. Ask a better teacher, or other questions"
            )
        judgements = []
        for draft in drafts:
            question = draft.fields["question"]
            votes = f"{len(agreeing[question])} of {len(questions[question])} agree"
            share = len(agreeing[question]) / len(questions[question])
            if kept.get(question) == draft.key:
                judgements.append(accepted(votes, score=share))
            else:
                reason = "not the sample kept" if question in kept else "the samples do not agree"
                judgements.append(rejected(reason, score=share, evidence={"votes": votes}))
        return judgements
