from agents.arithmetic_steps import wrong_steps
from agents.kinds import Fields, Generator, Teacher, UnfitDraft, Writing
from agents.registry import register


@register("label_steps")
class LabelSteps(Generator):
    """Labels a student's reply as a whole and by its steps (Step-KTO, Lin et al. 2025), by rule.

    The whole reply is `good` if its answer is right. Where a line calculates wrongly, the reply up to the first such line
    is bad besides, whatever the answer. Departs from the paper: its judge is a model and labels every step; here the good
    steps before a mistake are in no row of their own, as a row ends in the end token and would teach to stop there.
    """

    writes = "reply"
    reads = ("student_reply", "right")
    asks = False
    steps: bool = True
    """Whether wrong steps are labelled, besides the whole."""

    async def write(self, fields: Fields, teacher: Teacher, sample: int) -> list[Writing]:
        reply, right = str(fields["student_reply"]).strip(), fields["right"]
        if right not in ("yes", "no"):
            raise UnfitDraft(f"label_steps reads whether an attempt is `right`, yes or no; found {right!r}")
        if not reply:
            return []
        lines = reply.splitlines()
        begun = ("\n".join(lines[:number]) for number in range(1, len(lines)))
        slip = next((part for part in begun if wrong_steps(part)), None) if self.steps else None
        rows = [{"reply": reply, "good": right}, *([{"reply": slip, "good": "no"}] if slip else [])]
        return [Writing(row) for row in rows]
