from agents.answers import final_answer
from agents.kinds import Fields, Generator, Teacher, Writing
from agents.registry import register


@register("given_solution")
class GivenSolution(Generator):
    """Takes the solution that the source already has (`solution`, as in GSM8K) as the lesson, and asks nobody."""

    writes = "solution"
    reads = ("solution",)
    asks = False

    async def write(self, fields: Fields, teacher: Teacher, sample: int) -> list[Writing]:
        solution = str(fields["solution"])
        answer = final_answer(solution)
        if answer is None:
            return []
        *reasoning, last = solution.strip().splitlines()
        rationale = "\n".join(reasoning) if final_answer(last) is not None else solution
        return [Writing({"rationale": rationale.strip(), "answer": answer})]
