import random
from collections.abc import Sequence

from agents.registry import register
from orchestrator.kinds import Mixture, place_of
from storage.records import Draft, Plan


@register("first_round")
class FirstRound(Mixture):
    """The drafts of the first round that has any, in one order for all rounds: with `init: base` the student stays the same.

    For methods that teach what is shown to a student, such as a strategy library, and leave its weights alone.
    """

    def arrange(self, drafts: Sequence[Draft], plan: Plan, seed: int) -> list[Draft]:
        first = min((draft.round for draft in drafts), default=0)
        rows = sorted((draft for draft in drafts if draft.round == first), key=place_of)
        random.Random(str(seed)).shuffle(rows)
        return rows
