from agents.chains import told, traced
from agents.horn import HornError
from agents.kinds import Fields, Generator, Teacher, UnfitDraft, Writing
from agents.registry import register


@register("tell_trace")
class TellTrace(Generator):
    """Tells the proof of a `query` as a chain of thought, by rule (Thought-Like-Pro, Tan et al. 2024).

    Every fact that the proof rests on and every statement that follows is a sentence, the conclusion last; what a rule
    derives begins with `So`. The text can be read back (`agents.chains.read_chain`). Raises UnfitDraft for facts and
    rules that `rule_trace` would reject, which has to judge before.
    """

    writes = "solution"
    reads = ("facts", "rules", "query")
    asks = False

    async def write(self, fields: Fields, teacher: Teacher, sample: int) -> list[Writing]:
        try:
            trace = traced(*(str(fields[name]) for name in self.reads))
            return [Writing({"rationale": told(trace.proof), "answer": trace.answer})]
        except HornError as error:
            raise UnfitDraft(f"tell_trace: {error}; let `rule_trace` judge before") from error
