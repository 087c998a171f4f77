from agents.registry import register
from orchestrator.kinds import Ask, Concluded, Conversation, ExamItem, Inference
from orchestrator.retrieval import Shelf


@register("rationale_first")
class RationaleFirst(Inference):
    """One student writes the rationale, and the examined one the answer, from question and rationale (Sci-CoT, Ma et al.
    2023).

    Both are asked in the format `several_tasks`: the student of the job `reasoner` for its task `explain`, the examined one
    for its task `answer`, whose text has the field `rationale`. What the reasoner says is shown as it is, right or wrong.
    """

    reasoner: str = "reasoner"
    """The job whose student writes rationales."""

    def converse(self, item: ExamItem, shelf: Shelf) -> Conversation:
        [said] = yield [Ask({"task": "explain"}, self.reasoner)]
        shown = {"task": "answer", "rationale": said.reply.strip()}
        [answered] = yield [Ask(shown)]
        return Concluded(answered, shown)

    def jobs(self) -> list[str]:
        return [self.reasoner]
