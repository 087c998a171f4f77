"""How likely a student finds choices: what a plain forward pass of each alone says."""

import json
import shutil
from pathlib import Path
from typing import Any

import pytest

from orchestrator.machine import EMBEDDED

pytestmark = pytest.mark.slow
PROMPTS = ["Ice is", "How many are three and four? " * 6, "Mia has 4 pears and buys 3. How many has she?"]
CHOICES = [["hot", "cold and clear, as it was before", " loud"], ["7", "#### 7"], ["seven", "4", "the next day", "7"]]


class Plain:
    """A base asked about one choice at a time, without any of the code that is tested."""

    def __init__(self, place: Path) -> None:
        from transformers import AutoModelForCausalLM, AutoTokenizer

        self.tokenizer: Any = AutoTokenizer.from_pretrained(place)
        self.model: Any = AutoModelForCausalLM.from_pretrained(place, dtype="float32").eval()

    def tokens(self, text: str) -> Any:
        return self.tokenizer(text, return_tensors="pt", add_special_tokens=False)["input_ids"]

    def shown(self, question: dict[str, Any]) -> str:
        return self.tokenizer.apply_chat_template(question["prompt"], tokenize=False, add_generation_prompt=True)

    def chance(self, question: dict[str, Any], choice: str) -> tuple[float, bool]:
        """As the harness's HFLM does it: white space at the prompt's end is the choice's."""
        import torch

        whole, start = self.tokens(self.shown(question) + choice), self.tokens(self.shown(question).rstrip()).shape[1]
        with torch.inference_mode():
            chances = self.model(whole).logits[0, start - 1 : -1].double().log_softmax(dim=-1)
        own = whole[0, start:]
        return float(chances[torch.arange(len(own)), own].sum()), bool((chances.argmax(dim=-1) == own).all())

    def length(self, question: dict[str, Any], choice: str) -> int:
        return self.tokens(self.shown(question) + choice).shape[1] - self.tokens(self.shown(question).rstrip()).shape[1]

    def would_say(self, question: dict[str, Any]) -> str:
        before = self.tokens(self.shown(question))
        return self.tokenizer.decode(
            self.model.generate(before, max_new_tokens=2, do_sample=False)[0, before.shape[1] :]
        )


@pytest.mark.parametrize("ending", ["", "\n"])
def test_choices_are_scored_beside_questions_that_are_answered(tmp_path: Path, ending: str) -> None:
    from orchestrator.student_worker.answering import answer
    from orchestrator.student_worker.events import Events

    base = shutil.copytree(EMBEDDED, tmp_path / "base")
    added = "{% if add_generation_prompt %}{{ '" + ending.replace("\n", "\\n") + "' }}{% endif %}"
    template = base / "chat_template.jinja"
    template.write_text(template.read_text().rstrip() + added)
    plain = Plain(base)
    scored: list[dict[str, Any]] = [
        {"key": f"c{i}", "prompt": [{"role": "user", "content": prompt}], "max_tokens": 8, "choices": choices}
        for i, (prompt, choices) in enumerate(zip(PROMPTS, CHOICES, strict=True))
    ]
    scored[2]["choices"] = [*scored[2]["choices"], plain.would_say(scored[2])]
    written = {"key": "w", "prompt": scored[0]["prompt"], "max_tokens": 8, "choices": []}
    questions = tmp_path / "questions.jsonl"
    questions.write_text("".join(json.dumps(line) + "\n" for line in [scored[0], written, *scored[1:]]))
    facts = {"folder": str(tmp_path), "base": str(base), "adapter": None, "questions": str(questions)}
    result = answer(facts, Events(tmp_path))
    lines = {line["key"]: line for line in map(json.loads, (tmp_path / "replies.jsonl").read_text().splitlines())}
    assert result == {"replies": 4, "tokens": lines["w"]["tokens"]}
    assert 0 < lines["w"]["tokens"] <= 8
    assert plain.shown(scored[0]).endswith("|>" + ending)
    said = {question["key"]: json.loads(lines[question["key"]]["reply"]) for question in scored}
    for question in scored:
        expected = [plain.chance(question, choice) for choice in question["choices"]]
        assert [each[0] for each in said[question["key"]]] == pytest.approx([each[0] for each in expected], abs=1e-4)
        assert [each[1] for each in said[question["key"]]] == [each[1] for each in expected]
        assert [each[2] for each in said[question["key"]]] == [plain.length(question, c) for c in question["choices"]]
    assert [each[1] for each in said["c2"]] == [False] * 4 + [ending == ""]
