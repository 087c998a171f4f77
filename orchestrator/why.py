"""Where a draft comes from: its seed, the drafts between, what was asked and answered for each, what judges said, the price."""

from dataclasses import dataclass, field
from typing import Any

from orchestrator.withdrawals import told
from storage.records import Call, Draft, Run, Seed, Verdict
from storage.store import Store


@dataclass(frozen=True)
class Ancestor:
    """One draft on the way, with the call that it was read from and what was said of it."""

    draft: Draft
    call: Call | None
    verdicts: list[Verdict]


@dataclass(frozen=True)
class Lineage:
    seed: Seed | None
    drafts: list[Ancestor]
    """The oldest first."""
    withdrawn: list[str] = field(default_factory=list)
    """What of this has been withdrawn, a sentence each: a lesson that descends from it is taught no more."""

    def as_json(self) -> dict[str, Any]:
        return {
            "withdrawn": self.withdrawn,
            "seed": self.seed.model_dump(mode="json") if self.seed else None,
            "drafts": [
                {
                    "draft": one.draft.model_dump(mode="json"),
                    "call": one.call.model_dump(mode="json") if one.call else None,
                    "verdicts": [verdict.model_dump(mode="json") for verdict in one.verdicts],
                }
                for one in self.drafts
            ],
        }


def why(store: Store, run: Run, beginning: str) -> Lineage:
    """The lineage of the draft whose key, or its digits, begin so. Raises StoreError if none or several do."""
    draft, ancestors = store.find_draft(run.key, beginning), []
    causes = store.withdrawn(run.key).get(draft.key, ("", []))[1]
    withdrawn = [told(each) for each in store.withdrawals() if each.key in causes]
    while True:
        call = store.call(draft.call) if draft.call else None
        ancestors.append(Ancestor(draft, call, store.verdicts_of(draft.key)))
        parent = draft.parents[0]
        above = store.by_key(Draft, [parent])
        if not above:
            return Lineage(store.by_key(Seed, [parent]).get(parent), ancestors[::-1], withdrawn)
        draft = above[parent]
