from agents.answers import final_answer, same_answer
from agents.kinds import Judgement, UnfitDraft, Verifier, accepted, rejected
from agents.registry import register
from storage.records import Draft


@register("disagreement")
class Disagreement(Verifier):
    """Keeps a teacher's solution to which the student's own reply comes to another answer, or to none: hard points are those
    where the two disagree, whoever is right (HARD, Nix et al. 2023).

    For drafts of a teacher on the streams `attempts` or `mistakes`, which keep the field `student_reply`. It asks for no gold
    answer, so it goes for questions that have none.
    """

    def judge(self, draft: Draft) -> Judgement:
        if "student_reply" not in draft.fields:
            raise UnfitDraft(
                "disagreement compares with `student_reply`, which this draft has not; let the teacher's step read `attempts`"
            )
        answer, said = str(draft.fields["answer"]), final_answer(str(draft.fields["student_reply"]))
        evidence = {"teacher": answer, "student": said}
        if said is None:
            return accepted("the student has no answer", evidence=evidence)
        if same_answer(said, answer):
            return rejected("they agree", evidence=evidence)
        return accepted("they disagree", evidence=evidence)
