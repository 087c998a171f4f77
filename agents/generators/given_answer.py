from agents.kinds import Fields, Generator, Teacher, Writing
from agents.registry import register


@register("given_answer")
class GivenAnswer(Generator):
    """Takes the answer that the source already has (`gold`) as the lesson, and asks nobody: a task of answering alone."""

    writes = "answer"
    reads = ("gold",)
    asks = False

    async def write(self, fields: Fields, teacher: Teacher, sample: int) -> list[Writing]:
        return [Writing({"answer": str(fields["gold"])})]
