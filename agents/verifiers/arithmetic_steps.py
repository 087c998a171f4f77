from agents.arithmetic_steps import steps, wrong_steps
from agents.kinds import Judgement, Verifier, accepted, rejected
from agents.registry import register
from storage.records import Draft


@register("arithmetic_steps")
class ArithmeticSteps(Verifier):
    """Checks every calculation written out in a rationale, and every calculator mark against its neighbours.

    It finds right answers that rest on a wrong step, as far as the step is arithmetic; a rationale without one passes.
    """

    def judge(self, draft: Draft) -> Judgement:
        rationale = str(draft.fields["rationale"])
        wrong = wrong_steps(rationale)
        if not wrong:
            return accepted("every calculation holds", evidence={"steps": steps(rationale)})
        evidence = {"wrong": [{"text": w.text, "claimed": str(w.claimed), "actual": str(w.actual)} for w in wrong]}
        return rejected("wrong step", evidence=evidence)
