from agents.answers import same_answer
from agents.chains import told, traced
from agents.horn import HornError
from agents.kinds import Judgement, UnfitDraft, Verifier, accepted, rejected
from agents.registry import register
from storage.records import Draft


@register("rule_trace")
class RuleTrace(Verifier):
    """Keeps `facts`, `rules` and a `query` from which the gold answer, and no other, follows (Thought-Like-Pro, Tan et al. 2024).

    They are read by a small grammar and carried out by forward chaining (`agents/horn.py`); the evidence has the proof. A
    conclusion that is among the facts has no proof: a translator who solved the problem would write it there.
    """

    stated: bool = False
    """Whether such a conclusion is kept, for problems that ask for what they say."""

    def judge(self, draft: Draft) -> Judgement:
        if "gold" not in draft.fields:
            raise UnfitDraft("rule_trace compares with `gold`, which this draft's source does not give")
        gold = str(draft.fields["gold"])
        try:
            trace = traced(*(str(draft.fields[name]) for name in ("facts", "rules", "query")))
            chain = told(trace.proof)
        except HornError as error:
            return rejected(f"the rules: {error.cause}", evidence={"gold": gold, "message": str(error)})
        evidence = {"gold": gold, "answer": trace.answer, "proof": chain}
        if not (trace.proof.premises or self.stated):
            return rejected("the conclusion is stated as a fact", evidence=evidence)
        if same_answer(trace.answer, gold):
            return accepted("the conclusion is right", evidence=evidence)
        return rejected("wrong conclusion", evidence=evidence)
