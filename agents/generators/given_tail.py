from agents.kinds import Fields, Generator, Teacher, Writing
from agents.registry import register


@register("given_tail")
class GivenTail(Generator):
    """Takes the tail that a triple of a knowledge base already has, and asks nobody."""

    writes = "triple"
    reads = ("tail",)
    asks = False

    async def write(self, fields: Fields, teacher: Teacher, sample: int) -> list[Writing]:
        return [Writing({"tail": fields["tail"]})]
