"""Which materials a stream holds: read from the store each time, so that a crash and a second run see the same."""

from collections.abc import Iterator
from dataclasses import dataclass

from orchestrator.clauses import FED, AnyStep, Generate
from orchestrator.recipe import Recipe
from orchestrator.rules import filled
from orchestrator.withdrawals import left_out
from storage.records import Outcome
from storage.store import Store


@dataclass(frozen=True)
class Streams:
    """The named streams of one run. They give keys, so that a hundred thousand materials fit into memory."""

    recipe: Recipe
    store: Store
    run: str

    def inputs(self, step: AnyStep, round_number: int) -> list[str]:
        """Keys of all that a step reads in one round."""
        found = [key for name in step.sources for key in self.keys(name, round_number)]
        return sorted(set(found)) if len(step.sources) > 1 else sorted(found)  # one stream names nothing twice

    def keys(self, name: str, round_number: int) -> Iterator[str]:
        """Keys of the materials of one stream: seeds, or the drafts that a step let through."""
        if name in FED or name in self.recipe.sources:
            gone = left_out(self.store, self.run)
            yield from (key for key in self.store.seed_keys(self.run, name, round_number) if key not in gone)
            return
        for step in self.recipe.lessons:
            yield from self.let_through(step, name, round_number)

    def let_through(self, step: AnyStep, name: str, round_number: int) -> list[str]:
        """Keys of the drafts that one step puts into this stream."""
        if name not in filled(step):
            return []
        verdicts = self.store.judged(self.run, step.step, round_number)
        gone = left_out(self.store, self.run)
        if isinstance(step, Generate):
            drafts = self.store.draft_keys(self.run, step.step, round_number)
            return [key for key in drafts if key not in verdicts and key not in gone]
        outcome = Outcome.ACCEPTED if step.to == name else Outcome.REJECTED
        return sorted(key for key, judged in verdicts.items() if judged == outcome and key not in gone)
