from pydantic import Field, field_validator

from agents.kinds import Fields, Generator, Teacher, Writing
from agents.prompts import fill
from agents.registry import register

ATOMIC = {
    "need": "What did {person} need before that?",
    "effect": "What happens as a result?",
    "react": "How does {person} feel?",
    "want": "What does {person} want next?",
}
"""Four of ATOMIC's relations (Sap et al. 2019), as questions."""


@register("put_relations")
class PutRelations(Generator):
    """Puts every relation to an event as a question, by rule, so that each can be asked and judged by itself.

    `relations` says how each is asked after the event; `{person}` there is the event's first word. A draft has the
    `relation` and, as its `question`, the event and what is asked of it.
    """

    writes = "question"
    reads = ("head",)
    asks = False
    relations: dict[str, str] = Field(default=ATOMIC, min_length=1)

    @field_validator("relations")
    @classmethod
    def _name_nothing_else(cls, relations: dict[str, str]) -> dict[str, str]:
        for relation, text in relations.items():
            try:
                fill(text, person="PersonX")
            except KeyError as error:
                raise ValueError(f"relation {relation!r}: {error.args[0]}") from error
        return relations

    async def write(self, fields: Fields, teacher: Teacher, sample: int) -> list[Writing]:
        head = str(fields["head"]).strip()
        event = head if head.endswith((".", "!", "?")) else f"{head}."
        person = event.split()[0].rstrip(".!?")
        return [
            Writing({"relation": relation, "question": f"{event} {fill(text, person=person)}"})
            for relation, text in self.relations.items()
        ]
