from agents.kinds import Fields, Generator, Teacher, Writing
from agents.registry import register


@register("given_text")
class GivenText(Generator):
    """Takes a material as it is, by rule: a text to be trained on raw, or a draft once more for another task (`adds`)."""

    writes = "text"
    reads = ("text",)
    asks = False

    async def write(self, fields: Fields, teacher: Teacher, sample: int) -> list[Writing]:
        return [Writing(dict(fields))]
