from collections.abc import Sequence

from agents.answers import same_answer
from agents.equations import Solved, solve
from agents.kinds import Judgement, UnfitDraft, Verifier, accepted, rejected
from agents.limited import each_aside
from agents.registry import register
from storage.records import Draft


@register("equations_solved")
class EquationsSolved(Verifier):
    """Keeps `equations` whose solution gives the unknown `asked` the gold answer (EoTD, Zhu et al. 2024).

    They are read by a small grammar and solved by SymPy within a limit of time (docs/programs.md). An unknown that may
    have several values has none.
    """

    def judge(self, draft: Draft) -> Judgement:
        if "gold" not in draft.fields:
            raise UnfitDraft("equations_solved compares with `gold`, which this draft's source does not give")
        gold = str(draft.fields["gold"])
        return _judgement(solve(str(draft.fields["equations"]), str(draft.fields["asked"])), gold)

    async def judge_all(self, drafts: Sequence[Draft]) -> list[Judgement]:
        return await each_aside(self.judge, drafts)


def _judgement(solved: Solved, gold: str) -> Judgement:
    """The reason is one of few, so that drafts are counted by it."""
    if solved.value is None:
        return rejected(f"the equations: {solved.cause}", evidence={"gold": gold, "message": solved.message})
    evidence = {"gold": gold, "value": solved.value}
    if same_answer(solved.value, gold):
        return accepted("the solution is right", evidence=evidence)
    return rejected("wrong solution", evidence=evidence)
