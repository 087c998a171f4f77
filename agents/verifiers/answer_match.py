from agents.answers import same_answer
from agents.kinds import Judgement, UnfitDraft, Verifier, accepted, rejected
from agents.registry import register
from storage.records import Draft


@register("answer_match")
class AnswerMatch(Verifier):
    """Keeps a solution whose answer equals the gold answer (rejection sampling of rationales, Magister et al. 2022, §3)."""

    def judge(self, draft: Draft) -> Judgement:
        if "gold" not in draft.fields:
            raise UnfitDraft(
                "answer_match compares with `gold`, which this draft's source does not give; "
                "use the selection `majority_vote` for questions without a known answer"
            )
        answer, gold = str(draft.fields["answer"]), str(draft.fields["gold"])
        evidence = {"answer": answer, "gold": gold}
        if same_answer(answer, gold):
            return accepted("the answer is right", evidence=evidence)
        return rejected("wrong answer", evidence=evidence)
