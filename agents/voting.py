"""Drafts that come to the same answer, whatever leads there."""

from collections.abc import Iterable

from agents.answers import same_answer
from storage.records import Draft


def largest_agreeing(drafts: Iterable[Draft]) -> list[Draft]:
    """The drafts whose `answer` most share, in their order; of equally large groups the one that came first."""
    groups: list[list[Draft]] = []
    for draft in drafts:
        answer = str(draft.fields["answer"])
        home = next((g for g in groups if same_answer(answer, str(g[0].fields["answer"]))), None)
        groups.append([draft]) if home is None else home.append(draft)
    return max(groups, key=len)
