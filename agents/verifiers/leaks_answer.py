from pydantic import Field

from agents import leaking
from agents.kinds import Judgement, Verifier, accepted, rejected
from agents.registry import register
from storage.records import Draft


@register("leaks_answer")
class LeaksAnswer(Verifier):
    """Drops rationales that give their answer away instead of coming to it, as writers do who were shown it (KARD, TinyLLM).

    A rationale leaks that speaks of an answer it was given, that announces the answer and then reasons, or that has
    nothing besides the announcement. One that calculates leaks as well if a statement before the last says the answer
    without calculating it. In one that tells facts, the fact that holds a short answer is what it is for, and may stand
    anywhere; an answer of more than `gram` words is leaked where more than `at_most` of its word n-grams are quoted.
    The score is that share.
    """

    gram: int = Field(default=4, ge=1)
    """Words of an n-gram; answers of no more words are short."""
    at_most: float = Field(default=0.5, ge=0, le=1)
    rationale: str = "rationale"
    """Field that is looked at."""

    def judge(self, draft: Draft) -> Judgement:
        rationale, answer = str(draft.fields[self.rationale]), str(draft.fields["answer"])
        question = str(draft.fields.get("question", ""))
        share = leaking.share_quoted(rationale, answer, question, self.gram + 1)
        if leaking.tells_of_a_given_answer(rationale):
            return rejected("speaks of an answer that was given", score=share)
        if not leaking.without_announcements(rationale).strip():
            return rejected("nothing but an answer", score=share)
        if leaking.announced_early(rationale):
            return rejected("announces the answer before it reasons", score=share)
        if leaking.calculates(rationale) and leaking.said_early(rationale, answer, question):
            return rejected("says the answer before it is calculated", score=share)
        if share > self.at_most:
            return rejected("quotes the answer", score=share)
        return accepted("it comes to its answer", score=share)
