from collections.abc import Iterator
from random import Random

from pydantic import Field, field_validator

from agents.kinds import Fields, Material, Part, Source
from agents.registry import register
from agents.rehearsal import world

TRIES = 20
"""Draws for each wrong choice: some skills have few plausible ones."""


@register("rehearsal_choices")
class RehearsalChoices(Source):
    """Questions of the rehearsal world with a few answers to choose from, one of which is right; no file, no network, no end.

    A material has `question`, which ends with the choices in a line of their own, `bare_question` without them, `choices`, a
    list of texts in an order of chance, and the right one as `gold`. The wrong ones are those that the world finds
    plausible. Skill and split key are those of the question without choices.
    """

    choose: list[str] = ["event_need", "event_effect", "event_react", "event_want"]
    choices: int = Field(default=3, ge=2, le=6)
    """How many; fewer where the world knows no more."""

    @field_validator("choose")
    @classmethod
    def _have_wrong_answers(cls, value: list[str]) -> list[str]:
        fit = [name for name, skill in world.SKILLS.items() if skill.wrong]
        unfit = [name for name in value if name not in fit]
        if unfit or not value:
            found = repr(unfit[0]) if unfit else "none"
            raise ValueError(f"expected skills with plausible wrong answers, found {found}; they are: {', '.join(fit)}")
        return value

    def skills(self) -> list[str]:
        return self.choose

    def level(self, skill: str) -> int:
        return world.SKILLS[skill].difficulty

    def materials(self, part: Part, skill: str, seed: int) -> Iterator[Material]:
        for i, item in enumerate(world.items(skill, seed, part)):
            choices = self._choices(item)
            question = f"{item.question}\n{' / '.join(choices)}"
            fields = {"question": question, "bare_question": item.question, "choices": choices, "gold": item.answer}
            yield Material(fields, item.split_key, skill, f"rehearsal:choices:{skill}:{seed}:{part}:{i}")

    def split_key(self, fields: Fields) -> str:
        text = str(fields.get("question", ""))
        known = world.recognise(text.partition("\n")[0])
        return known[0].split_key(known[1]) if known else text

    def part_of(self, split_key: str) -> Part:
        return world.part_of(split_key)

    def _choices(self, item: world.Item) -> list[str]:
        chance, skill = Random(item.question), world.SKILLS[item.skill]
        known = skill.read(item.question)
        assert known, f"{item.question!r} is a question of {item.skill}"
        assert skill.wrong, f"{item.skill} has wrong answers"
        found = {item.answer: None}
        for _ in range(TRIES * self.choices):
            if len(found) < self.choices:
                found.setdefault(skill.wrong(known, chance))
        return chance.sample(list(found), len(found))
