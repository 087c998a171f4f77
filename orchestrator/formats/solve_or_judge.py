from typing import Any

from agents.kinds import Fields
from agents.prompts import read_filled
from agents.registry import register
from orchestrator.kinds import Format, Messages


@register("solve_or_judge")
class SolveOrJudge(Format):
    """Two tasks in one dataset: to solve, and to say whether a candidate is right (a verifier's task, Cobbe et al. 2021).

    A draft with a `candidate` shows question and candidate, and the student writes its `label` behind the marker. Any other
    draft is a rationale and an answer, and shows, as every exam does, the question alone.
    """

    marker: str = "####"
    introduces: str = "Is this answer right or wrong?"
    """What stands between the question and the candidate."""

    def prompt(self, fields: Fields) -> Messages:
        question = str(fields["question"])
        if "candidate" in fields:
            question = f"{question}\n{self.introduces}\n{fields['candidate']}"
        return [{"role": "user", "content": question}]

    def row(self, fields: Fields) -> dict[str, Any]:
        if "candidate" in fields:
            reply = f"{self.marker} {fields['label']}"
        else:
            reply = f"{str(fields['rationale']).strip()}\n{self.marker} {str(fields['answer']).strip()}"
        return {"prompt": self.prompt(fields), "completion": [{"role": "assistant", "content": reply}]}

    def read(self, fields: Fields, reply: str) -> dict[str, Any] | None:
        if "candidate" in fields:
            return read_filled(f"{self.marker} {{label}}", reply)
        return read_filled(f"{{rationale}}\n{self.marker} {{answer}}", reply)
