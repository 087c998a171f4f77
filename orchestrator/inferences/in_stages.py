from agents.registry import register
from agents.subquestions import analysed, on_one_line
from orchestrator.kinds import Ask, Concluded, Conversation, ExamItem, Inference
from orchestrator.retrieval import Shelf


@register("in_stages")
class InStages(Inference):
    """The student recalls what a question turns on, analyses each choice, and sums up (TinyThinker, Piao & Park 2024, §3.1).

    It is asked in the format `several_tasks` for the tasks `recall`, `analyse` and `summarise`, with the fields that
    `split_into_stages` writes: `knowledge`, `choice`, `analyses`. What counts is what it sums up to; an attempt keeps what it
    recalled and analysed. A question without `choices` is asked once, as it is.
    """

    def converse(self, item: ExamItem, shelf: Shelf) -> Conversation:
        choices = [str(choice) for choice in item.fields.get("choices", ())]
        if not choices:
            [said] = yield [Ask()]
            return Concluded(said)
        [recalled] = yield [Ask({"task": "recall"})]
        known = {"knowledge": on_one_line(recalled.reply)}
        replies = yield [Ask({"task": "analyse", **known, "choice": choice}) for choice in choices]
        told = analysed([(choice, each.reply) for choice, each in zip(choices, replies, strict=True)])
        shown = {"task": "summarise", **known, "analyses": told}
        [said] = yield [Ask(shown)]
        return Concluded(said, shown)
