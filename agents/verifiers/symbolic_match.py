from collections.abc import Sequence

from agents import symbolic
from agents.answers import same_answer
from agents.kinds import Judgement, UnfitDraft, Verifier, accepted, rejected
from agents.limited import each_aside
from agents.registry import register
from storage.records import Draft


@register("symbolic_match")
class SymbolicMatch(Verifier):
    """Keeps a solution whose answer equals the gold answer, formulas by their value (Math-Verify of Hugging Face).

    What `answer_match` accepts is accepted; beyond that, expressions, equations, sets and intervals in LaTeX or plain
    writing are compared by computer algebra, within a limit of time. Two plain numbers are compared as there.
    """

    def missing(self) -> str | None:
        return symbolic.missing()

    def judge(self, draft: Draft) -> Judgement:
        if "gold" not in draft.fields:
            raise UnfitDraft("symbolic_match compares with `gold`, which this draft's source does not give")
        answer, gold = str(draft.fields["answer"]), str(draft.fields["gold"])
        evidence = {"answer": answer, "gold": gold}
        if same_answer(answer, gold):
            return accepted("the answer is right", evidence=evidence)
        if lacks := self.missing():
            raise UnfitDraft(f"symbolic_match: {lacks}")
        if symbolic.same_value(answer, gold):
            return accepted("the answer is right, by its value", evidence=evidence)
        return rejected("wrong answer", evidence=evidence)

    async def judge_all(self, drafts: Sequence[Draft]) -> list[Judgement]:
        return await each_aside(self.judge, drafts)
