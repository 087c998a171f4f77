from agents.kinds import Fields, Generator, Teacher, Writing
from agents.registry import register


@register("pseudo_pairs")
class PseudoPairs(Generator):
    """Sets a teacher's solution before the student's own reply to the same question, without asking whether it is better
    (PLaD, Zhang et al. 2024, §3).

    For drafts of a teacher on the streams `attempts` or `mistakes`: they keep the field `student_reply`. A reply that is empty,
    or word for word the teacher's, gives no pair.
    """

    writes = "pair"
    reads = ("rationale", "answer", "student_reply")
    asks = False
    marker: str = "####"
    """Stands before the answer in the teacher's text, as in the format of the student's lessons."""

    async def write(self, fields: Fields, teacher: Teacher, sample: int) -> list[Writing]:
        chosen = f"{str(fields['rationale']).strip()}\n{self.marker} {str(fields['answer']).strip()}"
        rejected = str(fields["student_reply"]).strip()
        if not rejected or rejected.split() == chosen.split():
            return []
        return [Writing({"chosen": chosen, "rejected": rejected})]
