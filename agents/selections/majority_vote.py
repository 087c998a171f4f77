from collections.abc import Sequence

from pydantic import Field

from agents.kinds import Judgement, Selection, accepted, rejected
from agents.registry import register
from agents.voting import largest_agreeing
from storage.records import Draft


@register("majority_vote")
class MajorityVote(Selection):
    """Keeps one solution of each question: the first whose answer most solutions share (self-consistency, Wang et al. 2022).

    For questions whose answer nobody knows. A question whose largest group is below `share`, or has fewer than
    `at_least` members, keeps none.
    """

    share: float = Field(default=0.6, gt=0, le=1)
    at_least: int = Field(default=2, ge=1)

    def choose(
        self, drafts: Sequence[Draft], earlier: Sequence[Draft], labelled: Sequence[tuple[Draft, bool]] = ()
    ) -> list[Judgement]:
        questions: dict[str, list[Draft]] = {}
        for draft in drafts:
            questions.setdefault(draft.fields["question"], []).append(draft)
        judged = {key: verdict for group in questions.values() for key, verdict in self._vote(group).items()}
        return [judged[draft.key] for draft in drafts]

    def _vote(self, drafts: list[Draft]) -> dict[str, Judgement]:
        largest = largest_agreeing(drafts)
        share = len(largest) / len(drafts)
        agreed = share >= self.share and len(largest) >= self.at_least
        votes = f"{len(largest)} of {len(drafts)} agree"
        verdicts = {}
        for draft in drafts:
            if agreed and draft is largest[0]:
                verdicts[draft.key] = accepted(votes, score=share)
            elif agreed and draft in largest:
                verdicts[draft.key] = rejected("same answer as the solution kept", score=share)
            else:
                verdicts[draft.key] = rejected(
                    "outvoted" if agreed else "no majority", score=share, evidence={"votes": votes}
                )
        return verdicts
