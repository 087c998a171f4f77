"""What a student's replies say: text, length and sureness as a plain forward pass has them, and samples that repeat."""

import json
import re
import shutil
from collections import Counter, defaultdict
from collections.abc import Callable
from itertools import islice
from pathlib import Path
from typing import Any

import pytest

from agents.rehearsal import world
from orchestrator.formats.rationale_then_answer import RationaleThenAnswer
from orchestrator.machine import EMBEDDED

pytestmark = pytest.mark.slow
FORM = RationaleThenAnswer(use="rationale_then_answer")
Question = dict[str, Any]
Lines = list[dict[str, Any]]
Ask = Callable[..., Lines]
END = "<|end|>"


def questions(count: int, *skills: str, samples: int = 1) -> list[Question]:
    """So many of each skill: by default two that the embedded base only guesses at, and one that it was made with."""
    return [
        {
            "key": f"{skill}/{i}" + (f"#{sample}" if samples > 1 else ""),
            "prompt": FORM.prompt({"question": item.question}),
        }
        for skill in skills or ("tallest", "change", "add")
        for i, item in enumerate(islice(world.items(skill, 77, "test"), count))
        for sample in range(samples)
    ]


@pytest.fixture
def ask(tmp_path: Path) -> Ask:
    """Asks the embedded base, or another, and gives the lines of `replies.jsonl`."""

    def asked(items: list[Question], **more: Any) -> Lines:
        from orchestrator.student_worker.answering import answer  # torch: not while tests are collected
        from orchestrator.student_worker.events import Events

        path = tmp_path / "questions.jsonl"
        limit = more.pop("max_tokens", 60)
        path.write_text("".join(json.dumps({"max_tokens": limit, **item}) + "\n" for item in items))
        facts = {"folder": str(tmp_path), "base": str(EMBEDDED), "adapter": None, "questions": str(path)}
        result = answer({**facts, **more}, Events(tmp_path))
        lines = [json.loads(line) for line in (tmp_path / "replies.jsonl").read_text().splitlines()]
        assert result == {"replies": len(lines), "tokens": sum(line["tokens"] for line in lines)}
        return lines

    return asked


def base_with(folder: Path, file: str, **settings: Any) -> str:
    """A copy of the embedded base that has other settings in one of its files."""
    shutil.copytree(EMBEDDED, folder)
    path = folder / file
    path.write_text(json.dumps(json.loads(path.read_text()) | settings))
    return str(folder)


class Plain:
    """The embedded base asked one question at a time, without any of the code that is tested."""

    def __init__(self) -> None:
        from transformers import AutoModelForCausalLM, AutoTokenizer

        self.tokenizer: Any = AutoTokenizer.from_pretrained(EMBEDDED)
        self.model: Any = AutoModelForCausalLM.from_pretrained(EMBEDDED, dtype="float32").eval()

    def said(self, prompt: Any, limit: int) -> str:
        shown = self._shown(prompt)
        out = self.model.generate(shown, max_new_tokens=limit, do_sample=False)
        return self.tokenizer.decode(out[0, shown.shape[1] :], skip_special_tokens=True)

    def sureness(self, prompt: Any, line: dict[str, Any]) -> tuple[float, float] | None:
        """Confidence and margin; None for a sample whose text is not split into the tokens that were drawn."""
        import torch

        text = line["reply"] + END * line["finished"]
        reply = self.tokenizer(text, return_tensors="pt", add_special_tokens=False)["input_ids"]
        if reply.shape[1] != line["tokens"]:
            return None
        shown = self._shown(prompt)
        with torch.inference_mode():
            logits = self.model(torch.cat([shown, reply], dim=1)).logits[0, shown.shape[1] - 1 : -1]
        each = logits.double().softmax(dim=-1)
        first, second = each[:16].sort(descending=True).values[:, :2].unbind(dim=1)
        chosen = each[torch.arange(len(each)), reply[0]]
        return float(chosen.prod() ** (1 / len(each))), float((first - second).mean())

    def _shown(self, prompt: Any) -> Any:
        text = self.tokenizer.apply_chat_template(prompt, tokenize=False, add_generation_prompt=True)
        return self.tokenizer(text, return_tensors="pt", add_special_tokens=False)["input_ids"]


@pytest.fixture(scope="module")
def plain() -> Plain:
    return Plain()


def agrees(line: dict[str, Any], sureness: tuple[float, float]) -> bool:
    return (line["confidence"], line["margin"]) == pytest.approx(sureness, abs=1e-5)


def test_greedy_replies_are_what_the_model_says_to_each_question_alone(ask: Ask, plain: Plain) -> None:
    prompts = {item["key"]: item["prompt"] for item in questions(5)}
    lines = ask(questions(5))
    assert {line["key"]: line["reply"] for line in lines} == {key: plain.said(p, 60) for key, p in prompts.items()}


def test_sureness_is_that_of_a_forward_pass_whether_a_reply_ended_or_was_cut(ask: Ask, plain: Plain) -> None:
    prompts = {item["key"]: item["prompt"] for item in questions(5)}
    lines = ask(questions(5), max_tokens=20)
    assert {line["finished"] for line in lines} == {True, False}
    assert min(line["confidence"] for line in lines) < 0.95
    for line in lines:
        sureness = plain.sureness(prompts[line["key"]], line)
        assert sureness
        assert agrees(line, sureness)


def test_sureness_of_samples_is_at_temperature_one_however_they_were_drawn(ask: Ask, plain: Plain) -> None:
    asked = questions(5, samples=3)
    prompts = {item["key"]: item["prompt"] for item in asked}
    lines = ask(asked, temperature=2.0, top_p=0.9)
    known = [(line, s) for line in lines if (s := plain.sureness(prompts[line["key"]], line))]
    assert len(known) > 10
    assert all(agrees(line, sureness) for line, sureness in known)


def test_sureness_is_the_models_own_where_a_base_asks_for_penalties(ask: Ask, plain: Plain, tmp_path: Path) -> None:
    base = base_with(tmp_path / "base", "generation_config.json", repetition_penalty=1.3)
    prompts = {item["key"]: item["prompt"] for item in questions(5)}
    lines = ask(questions(5), base=base)
    assert [line["reply"] for line in lines] != [line["reply"] for line in ask(questions(5))]
    known = [(line, s) for line in lines if (s := plain.sureness(prompts[line["key"]], line))]
    assert len(known) > 5
    assert all(agrees(line, sureness) for line, sureness in known)


def test_a_reply_is_finished_when_its_end_token_came_within_the_limit(ask: Ask) -> None:
    [whole] = ask(questions(1, "add"))
    [just] = ask(questions(1, "add"), max_tokens=whole["tokens"])
    [short] = ask(questions(1, "add"), max_tokens=whole["tokens"] - 1)
    assert whole == just
    assert whole["finished"]
    assert (short["finished"], short["tokens"], short["reply"]) == (False, whole["tokens"] - 1, whole["reply"])


def test_a_reply_is_cut_at_the_limit_of_its_own_question(ask: Ask) -> None:
    whole = {line["key"]: line for line in ask(questions(2))}
    mixed = ask([{**item, "max_tokens": 5} if item["key"].endswith("/0") else item for item in questions(2)])
    assert len(mixed) == 6
    for line in mixed:
        if line["key"].endswith("/0"):
            assert (line["finished"], line["tokens"]) == (False, 5)
            assert whole[line["key"]]["reply"].startswith(line["reply"])
        else:
            assert line == whole[line["key"]]


def test_tokens_are_counted_where_the_end_token_pads(ask: Ask, tmp_path: Path) -> None:
    base = base_with(tmp_path / "base", "tokenizer_config.json", pad_token=END)
    assert ask(questions(4), base=base) == ask(questions(4))


def test_the_same_job_draws_the_same_samples_and_another_seed_draws_others(ask: Ask) -> None:
    first = ask(questions(6), temperature=1.0)
    assert ask(questions(6), temperature=1.0) == first
    assert ask(questions(6), temperature=1.0, seed=1) != first


def test_a_question_that_is_asked_several_times_is_answered_differently(ask: Ask, tmp_path: Path) -> None:
    replies = defaultdict(set)
    for line in ask(questions(8, samples=4), temperature=1.0):
        replies[line["key"].partition("#")[0]].add(line["reply"])
    assert set(replies) == {item["key"] for item in questions(8)}
    assert sum(len(several) > 1 for several in replies.values()) > 5
    events = [json.loads(line) for line in (tmp_path / "events.jsonl").read_text().splitlines()]
    assert [(event["done"], event["of"]) for event in events if event["event"] == "answered"] == [(64, 96), (96, 96)]


def test_a_bases_own_top_k_does_not_narrow_samples(ask: Ask, tmp_path: Path) -> None:
    base = base_with(tmp_path / "base", "generation_config.json", do_sample=True, top_k=1)
    assert ask(questions(9), temperature=1.0, base=base) == ask(questions(9), temperature=1.0)


def test_samples_from_the_narrowest_nucleus_are_greedy(ask: Ask) -> None:
    assert ask(questions(3), temperature=1.0, top_p=1e-6) == ask(questions(3))


# --- constraints ----------------------------------------------------------------------------------------------------


def words_of(lines: Lines) -> list[list[str]]:
    return [re.findall(r"\w+", line["reply"].lower()) for line in lines]


def test_a_forbidden_word_is_never_said_and_the_model_is_as_sure_as_it_is(ask: Ask, plain: Plain) -> None:
    free = ask(questions(12, "tallest", "change"))
    word = Counter(word for said in words_of(free) for word in said if len(word) > 2).most_common(1)[0][0]
    bound = ask(questions(12, "tallest", "change"), constraints={"forbid": [word]})
    assert not any(word in said for said in words_of(bound))
    assert all(line["reply"] for line in bound)
    prompts = {item["key"]: item["prompt"] for item in questions(12, "tallest", "change")}
    known = [(line, s) for line in bound if (s := plain.sureness(prompts[line["key"]], line))]
    assert known
    assert all(agrees(line, sureness) for line, sureness in known)


def test_words_of_a_lexicon_are_said_so_often_at_most(ask: Ask) -> None:
    def counts(lines: Lines, lexicon: list[str]) -> list[int]:
        return [sum(word in lexicon for word in said) for said in words_of(lines)]

    asked = questions(8, "tallest", "change")
    free = ask(asked, temperature=1.0)
    lexicon = [word for word, _ in Counter(w for said in words_of(free) for w in said if w.isalpha()).most_common(4)]
    assert max(counts(free, lexicon)) > 1
    bound = ask(asked, temperature=1.0, constraints={"of": lexicon, "at_most": 1})
    assert max(counts(bound, lexicon)) == 1


def test_nothing_is_said_twice_that_was_asked_or_said(ask: Ask) -> None:
    def repeats(lines: Lines) -> int:
        return sum(len(said) - len(set(said)) for said in words_of(lines))

    asked = questions(8, "tallest", "change")
    assert repeats(ask(asked, constraints={"no_repeat": 1})) < repeats(ask(asked))


def test_without_constraints_replies_are_as_they_were(ask: Ask) -> None:
    assert ask(questions(4), constraints={}) == ask(questions(4))
