import random
from collections.abc import Iterator
from itertools import permutations

from agents.kinds import Fields, Material, Part
from agents.registry import register
from agents.rehearsal import comparisons
from agents.rehearsal.vocabulary import OBJECTS
from agents.splits import SplitByHash, folded


@register("rehearsal_comparisons")
class RehearsalComparisons(SplitByHash):
    """Two things of the rehearsal world and what they can be compared by; no file, no network.

    A material has `first`, `second`, `attribute`, `pair` (both things in the order of the alphabet), the `question` what
    the second is, compared to the first, and the comparative as `gold`. The skill is the attribute. What must not
    cross the parts is the pair, in either order.
    """

    def skills(self) -> list[str]:
        return list(comparisons.MEASURES)

    def materials(self, part: Part, skill: str, seed: int) -> Iterator[Material]:
        pairs = list(permutations(OBJECTS, 2))
        random.Random(seed).shuffle(pairs)
        for first, second in pairs:
            pair = ", ".join(sorted((first, second)))
            if self.part_of(pair) != part:
                continue
            fields = {"first": first, "second": second, "attribute": skill, "pair": pair}
            fields |= {"question": comparisons.question_of(first, second, skill)}
            fields |= {"gold": comparisons.word_for(first, second, skill)}
            yield Material(fields, pair, skill, f"rehearsal: {first}: {second}: {skill}")

    def split_key(self, fields: Fields) -> str:
        """The pair that a text of the world compares; any other text has itself."""
        text = folded(fields.get("pair") or fields.get("question", ""))
        return comparisons.pair_in(text) or text
