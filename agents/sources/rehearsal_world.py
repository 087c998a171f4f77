from collections.abc import Iterator
from typing import Literal

from pydantic import field_validator

from agents.kinds import Fields, Material, Part, Source
from agents.registry import register
from agents.rehearsal import triples, world


@register("rehearsal_world")
class RehearsalWorld(Source):
    """Questions of the rehearsal world, each with its exact answer; no file, no network, no end.

    `choose` is `taught`, `primitive`, or a list of skill names.
    """

    choose: Literal["taught", "primitive"] | list[str] = "taught"

    @field_validator("choose")
    @classmethod
    def _known(cls, value: str | list[str]) -> str | list[str]:
        if not value:
            raise ValueError(f"name at least one skill; the world has: {', '.join(world.SKILLS)}")
        unknown = [name for name in value if name not in world.SKILLS] if isinstance(value, list) else []
        if unknown:
            raise ValueError(f"the world has no skill {unknown[0]!r}; it has: {', '.join(world.SKILLS)}")
        return value

    def skills(self) -> list[str]:
        if isinstance(self.choose, list):
            return self.choose
        return list(world.TAUGHT if self.choose == "taught" else world.PRIMITIVE)

    def level(self, skill: str) -> int:
        return world.SKILLS[skill].difficulty

    def materials(self, part: Part, skill: str, seed: int) -> Iterator[Material]:
        for i, item in enumerate(world.items(skill, seed, part)):
            fields = {"question": item.question, "gold": item.answer}
            yield Material(fields, item.split_key, item.skill, f"rehearsal:{skill}:{seed}:{part}:{i}")

    def split_key(self, fields: Fields) -> str:
        text = str(fields.get("question") or fields.get("head", ""))
        known = world.recognise(text)
        return known[0].split_key(known[1]) if known else triples.split_key(text) or text

    def part_of(self, split_key: str) -> Part:
        return world.part_of(split_key)
