from collections.abc import Iterator

from pydantic import Field, field_validator

from agents.kinds import Fields, Material, Part, Source
from agents.registry import register
from agents.rehearsal import world
from agents.rehearsal.styles import sparse


@register("rehearsal_solutions")
class RehearsalSolutions(Source):
    """Questions of the rehearsal world with a `solution` as people write them: right, and with most of its steps left out.

    Of the exact solution only the last step is there, and of a calculation its result without the columns.
    """

    choose: list[str] = Field(default=["change", "trip", "film"], min_length=1)

    @field_validator("choose")
    @classmethod
    def _known(cls, value: list[str]) -> list[str]:
        if unknown := [name for name in value if name not in world.SKILLS]:
            raise ValueError(f"the world has no skill {unknown[0]!r}; it has: {', '.join(world.SKILLS)}")
        return value

    def skills(self) -> list[str]:
        return self.choose

    def level(self, skill: str) -> int:
        return world.SKILLS[skill].difficulty

    def materials(self, part: Part, skill: str, seed: int) -> Iterator[Material]:
        for i, item in enumerate(world.items(skill, seed, part)):
            solution = f"{sparse(item.rationale)}\n#### {item.answer}"
            fields = {"question": item.question, "gold": item.answer, "solution": solution}
            yield Material(fields, item.split_key, item.skill, f"rehearsal:{skill}:{seed}:{part}:{i}")

    def split_key(self, fields: Fields) -> str:
        text = str(fields.get("question", ""))
        known = world.recognise(text)
        return known[0].split_key(known[1]) if known else text

    def part_of(self, split_key: str) -> Part:
        return world.part_of(split_key)
