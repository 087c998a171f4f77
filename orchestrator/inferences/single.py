from agents.registry import register
from orchestrator.kinds import Ask, Concluded, Conversation, ExamItem, Inference
from orchestrator.retrieval import Shelf


@register("single")
class Single(Inference):
    """Every question is asked once and shown alone."""

    def converse(self, item: ExamItem, shelf: Shelf) -> Conversation:
        [said] = yield [Ask()]
        return Concluded(said)
