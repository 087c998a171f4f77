import random
from collections.abc import Iterator

from agents.kinds import Fields, Material, Part
from agents.registry import register
from agents.rehearsal import comparisons
from agents.rehearsal.triples import CONCEPTS, concepts_of
from agents.splits import SplitByHash, folded
from agents.variables import asked, filled, open_variables


@register("rehearsal_rules")
class RehearsalRules(SplitByHash):
    """Rules of the rehearsal world about what is heavier, larger or dearer, in the fields of `rules`; no file, no network.

    The skill is the kind of rule. With `questions: true` a material asks for the last variable of a rule instead, the
    first being filled: `question`, `gold`, and all right `tails`. What must not cross the parts is the rule; a question
    belongs to the rule of the first concept that its thing is of.
    """

    questions: bool = False

    @property
    def kind(self) -> str:  # pyright: ignore[reportIncompatibleVariableOverride]
        return "question" if self.questions else "rule"

    def skills(self) -> list[str]:
        return list(comparisons.RULES)

    def materials(self, part: Part, skill: str, seed: int) -> Iterator[Material]:
        rules = [rule for name, rule in comparisons.rules() if name == skill and self._part(rule) == part]
        found = [m for rule in rules for m in (_asked(rule, skill) if self.questions else [_material(rule, skill)])]
        random.Random(seed).shuffle(found)
        yield from found

    def split_key(self, fields: Fields) -> str:
        return folded(fields.get("template", fields.get("question", "")))

    def _part(self, rule: str) -> Part:
        return self.part_of(folded(rule))


def _material(rule: str, skill: str) -> Material:
    return Material({"rule": rule, "template": rule}, folded(rule), skill, f"rehearsal: {rule}")


def _asked(rule: str, skill: str) -> Iterator[Material]:
    """A question for each thing of the first variable's type, but of those with no right answer."""
    first, last = open_variables(rule)
    for thing in (one for one in CONCEPTS[first.type] if concepts_of(one)[0] == first.type):
        begun = filled(rule, {first.name: thing})
        right = [one for one in CONCEPTS[last.type] if comparisons.follows(filled(begun, {last.name: one}))]
        if right:
            fields = {"template": rule, "question": asked(begun), "gold": right[0], "tails": right}
            yield Material(fields, folded(rule), skill, f"rehearsal: {rule}: {thing}")
