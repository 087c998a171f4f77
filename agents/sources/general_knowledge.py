from collections.abc import Iterator, Sequence

from agents.answers import plain_text
from agents.kinds import Fields, Material, Part, Source
from agents.registry import register

CAPITALS = (
    "France Paris, Italy Rome, Spain Madrid, Portugal Lisbon, Germany Berlin, Austria Vienna, Poland Warsaw, Greece Athens, "
    "Egypt Cairo, Kenya Nairobi, Japan Tokyo, China Beijing, Russia Moscow, Canada Ottawa, Cuba Havana, Peru Lima"
)
OPPOSITES = (
    "hot cold, big small, up down, open closed, early late, full empty, wet dry, rich poor, strong weak, heavy light, "
    "true false, happy sad, old young, fast slow, deep shallow, loud quiet"
)
PLURALS = (
    "child children, mouse mice, foot feet, tooth teeth, goose geese, man men, woman women, leaf leaves, knife knives, "
    "city cities, box boxes, wolf wolves, potato potatoes, baby babies, church churches, shelf shelves"
)
PASTS = (
    "go went, see saw, take took, write wrote, buy bought, think thought, bring brought, eat ate, drink drank, sing sang, "
    "fly flew, run ran, give gave, know knew, swim swam, teach taught"
)
COLOURS = (
    "the sky on a clear day blue, fresh grass green, snow white, coal black, a ripe lemon yellow, blood red, "
    "an elephant grey, a ripe orange orange"
)
YOUNG = (
    "dog puppy, cat kitten, cow calf, horse foal, sheep lamb, pig piglet, goat kid, bear cub, duck duckling, swan cygnet, "
    "kangaroo joey, frog tadpole"
)
DAYS = "Monday Tuesday Wednesday Thursday Friday Saturday Sunday".split()
MONTHS = "January February March April May June July August September October November December".split()
COUNTS = (
    "minutes are in an hour 60, seconds are in a minute 60, hours are in a day 24, days are in a week 7, "
    "months are in a year 12, metres are in a kilometre 1000, grams are in a kilogram 1000, centimetres are in a metre 100, "
    "sides has a triangle 3, legs has a spider 8, letters are in the English alphabet 26, players has a football team 11"
)


def _pairs(text: str) -> list[tuple[str, str]]:
    return [(one, other) for pair in text.split(", ") for one, _, other in [pair.rpartition(" ")]]


def _followers(names: Sequence[str]) -> list[tuple[str, str]]:
    return list(zip(names, [*names[1:], names[0]], strict=True))


QUESTIONS: dict[str, list[tuple[str, str]]] = {
    "capitals": [(f"What is the capital of {one}?", other) for one, other in _pairs(CAPITALS)],
    "opposites": [(f"What is the opposite of {one}? Answer with one word.", other) for one, other in _pairs(OPPOSITES)],
    "plurals": [(f"What is the plural of {one}? Answer with one word.", other) for one, other in _pairs(PLURALS)],
    "pasts": [(f"What is the past tense of {one}? Answer with one word.", other) for one, other in _pairs(PASTS)],
    "colours": [(f"What colour is {one}? Answer with one word.", other) for one, other in _pairs(COLOURS)],
    "young": [(f"What is a young {one} called? Answer with one word.", other) for one, other in _pairs(YOUNG)],
    "calendar": [(f"Which day comes after {one}?", other) for one, other in _followers(DAYS)]
    + [(f"Which month comes after {one}?", other) for one, other in _followers(MONTHS)],
    "counts": [(f"How many {one}? Answer with a number.", other) for one, other in _pairs(COUNTS)],
    "sums": [
        (f"What is {a} plus {b}? Answer with a number.", str(a + b)) for a in (7, 18, 26, 45) for b in (5, 9, 13, 38)
    ],
    "differences": [
        (f"What is {a} minus {b}? Answer with a number.", str(a - b)) for a in (41, 52, 63, 90) for b in (4, 8, 17, 29)
    ],
}


@register("general_knowledge")
class GeneralKnowledge(Source):
    """Everyday questions that a general model can answer: capitals, opposites, the calendar, small sums.

    What a student is asked so that it shows what training cost it. They are all of the part `test`: nobody is taught them.
    """

    def skills(self) -> list[str]:
        return list(QUESTIONS)

    def materials(self, part: Part, skill: str, seed: int) -> Iterator[Material]:
        """In an order that does not depend on the seed: all are asked, as a rule."""
        for number, (question, gold) in enumerate(QUESTIONS[skill] if part == "test" else ()):
            fields = {"question": question, "gold": gold}
            yield Material(fields, self.split_key(fields), skill, f"general:{skill}:{number}")

    def split_key(self, fields: Fields) -> str:
        return plain_text(str(fields["question"])).casefold()

    def part_of(self, split_key: str) -> Part:
        return "test"
