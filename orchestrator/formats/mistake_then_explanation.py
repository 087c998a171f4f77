from typing import Any

from agents.kinds import Fields
from agents.prompts import read_filled
from agents.registry import register
from orchestrator.kinds import Format, Messages


@register("mistake_then_explanation")
class MistakeThenExplanation(Format):
    """Two tasks in one dataset: to explain a wrong answer, and to solve (the joint tasks of MAPD, later FAIR, Li et al. 2024).

    A draft with an `explanation` shows question and wrong answer, and the student writes what is wrong before it solves; any
    other draft, and every exam question, shows the question alone. The paper weighs the two losses by α; here their
    shares of the dataset do that.
    """

    marker: str = "####"
    introduces: str = "This answer is wrong:"
    """What stands between the question and the wrong answer."""

    def prompt(self, fields: Fields) -> Messages:
        question = str(fields["question"])
        if "explanation" in fields:
            question = f"{question}\n{self.introduces}\n{fields['student_reply']}"
        return [{"role": "user", "content": question}]

    def row(self, fields: Fields) -> dict[str, Any]:
        explained = [fields["explanation"]] if "explanation" in fields else []
        answer = f"{self.marker} {str(fields['answer']).strip()}"
        reply = "\n".join(str(part).strip() for part in (*explained, fields["rationale"], answer))
        return {"prompt": self.prompt(fields), "completion": [{"role": "assistant", "content": reply}]}

    def read(self, fields: Fields, reply: str) -> dict[str, Any] | None:
        """Where one paragraph more could be explanation or rationale, nobody can say which it is."""
        explained = "{explanation}\n" if "explanation" in fields else ""
        return read_filled(f"{explained}{{rationale}}\n{self.marker} {{answer}}", reply)
