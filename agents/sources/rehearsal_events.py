from collections.abc import Iterator

from pydantic import field_validator

from agents.kinds import Fields, Material, Part, Source
from agents.registry import register
from agents.rehearsal import triples, world

HEADS = "event"


@register("rehearsal_events")
class RehearsalEvents(Source):
    """Everyday events of the rehearsal world as triples, in the fields of `knowledge_triples`; no file, no network, no end.

    A material has `head`, `relation`, `question`, `gold`, `tail`, all right `tails`, and `instance`, the head's object; its
    skill is `event_<relation>`, its split key that of the world's own questions about the event. The relations
    `not_react` and `not_want` say what is not so. With `relations: []` it gives heads alone, of the skill `event`.
    """

    relations: tuple[str, ...] = ("need", "effect", "react", "want")

    @field_validator("relations")
    @classmethod
    def _known(cls, relations: tuple[str, ...]) -> tuple[str, ...]:
        if unknown := [name for name in relations if name not in triples.RELATIONS]:
            raise ValueError(f"events have no relation {unknown[0]!r}; they have: {', '.join(triples.RELATIONS)}")
        return relations

    def skills(self) -> list[str]:
        return [f"{HEADS}_{relation}" for relation in self.relations] or [HEADS]

    def materials(self, part: Part, skill: str, seed: int) -> Iterator[Material]:
        relation = skill.removeprefix(f"{HEADS}_") if self.relations else ""
        for i, item in enumerate(world.items(_asking(relation), seed, part)):
            slots = triples.event_in(item.question)
            assert slots, f"{item.question!r} is a question about an event"
            fields = {"head": triples.head_of(slots), "instance": slots["o"]}
            if relation:
                right = triples.tails(slots, relation)
                fields |= {"relation": relation, "question": triples.question_of(slots, relation)}
                fields |= {"gold": right[0], "tail": right[0], "tails": right}
            yield Material(fields, item.split_key, skill, f"rehearsal:{skill}:{seed}:{part}:{i}")

    def split_key(self, fields: Fields) -> str:
        text = str(fields.get("head") or fields.get("question", ""))
        return triples.split_key(text) or text

    def part_of(self, split_key: str) -> Part:
        return world.part_of(split_key)


def _asking(relation: str) -> str:
    """The skill of the world whose items have the heads."""
    return f"{HEADS}_{relation.removeprefix(triples.NEGATIVE) or 'need'}"
