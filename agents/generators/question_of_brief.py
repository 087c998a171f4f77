from agents.kinds import Fields, Generator, Teacher, Writing
from agents.registry import register


@register("question_of_brief")
class QuestionOfBrief(Generator):
    """Makes an item of the question that a brief names, with what the brief says of it, by rule.

    For policies that choose among training questions. As with every new item, one that is an exam's is rejected.
    """

    writes = "question"
    reads = ("question", "gold", "style")
    asks = False
    opens = True

    async def write(self, fields: Fields, teacher: Teacher, sample: int) -> list[Writing]:
        return [Writing(dict(fields))]
