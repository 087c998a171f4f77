from collections.abc import Iterator

from pydantic import Field, field_validator

from agents.kinds import Fields, Material, Part, Source
from agents.registry import register
from agents.rehearsal import kinship, world
from agents.splits import folded

MOST = 100_000


@register("rehearsal_kinship")
class RehearsalKinship(Source):
    """Questions about invented families that follow from two facts and a rule which is not told: what an aunt is.

    Rule-and-fact problems of one's own come with `questions`: a row states facts and rules in `question`, and has the
    conclusion as its answer.
    """

    choose: list[str] = Field(default=list(kinship.BY), min_length=1)

    @field_validator("choose")
    @classmethod
    def _known(cls, value: list[str]) -> list[str]:
        if unknown := [name for name in value if name not in kinship.BY]:
            raise ValueError(f"there is no relation {unknown[0]!r}; there are: {', '.join(kinship.BY)}")
        return value

    def skills(self) -> list[str]:
        return self.choose

    def materials(self, part: Part, skill: str, seed: int) -> Iterator[Material]:
        seen = set[str]()
        for number, family in zip(range(MOST), kinship.families(skill, seed), strict=False):
            if family.split_key not in seen and self.part_of(family.split_key) == part:
                seen.add(family.split_key)
                fields = {"question": str(family), "gold": family.answer}
                yield Material(fields, family.split_key, skill, f"kinship:{skill}:{seed}:{number}")

    def split_key(self, fields: Fields) -> str:
        """The family; a text that is no such question has itself."""
        question = str(fields.get("question", ""))
        family = kinship.read(question)
        return family.split_key if family else folded(question)

    def part_of(self, split_key: str) -> Part:
        return world.part_of(split_key)
