"""A student that is rewarded for replies of its own, by a verifier of the project, in the worker."""

import json
from pathlib import Path
from typing import Any

import pytest

from agents.kinds import UnfitDraft
from orchestrator.recipe import RecipeError, load_recipe
from tests.worker.test_trainers import base as base
from tests.worker.test_trainers import job, prepared, row_of, trained

pytestmark = pytest.mark.slow
GRPO = {"use": "grpo", "batch": 8, "replies": 4, "max_tokens": 6}
TWO_GROUPS = {"per_device_train_batch_size": 8}


def grpo_job(base: Path, folder: Path, rows: list[dict[str, Any]] | None = None, **more: Any) -> Any:
    facts = job(base, folder, {**GRPO, **more}, rows)
    return {**facts, "settings": {**facts["settings"], **TWO_GROUPS}}


def reward(use: str = "answer_match", graded: bool = False) -> Any:
    from orchestrator.student_worker.trainers.grpo import Reward

    return Reward({"reward": {"use": use}, "graded": graded})


def said(*replies: str) -> list[Any]:
    return [[{"role": "assistant", "content": reply}] for reply in replies]


def test_a_reply_is_worth_what_the_verifier_says_and_one_of_another_form_nothing() -> None:
    known = [json.dumps({"gold": "7"})] * 5
    replies = said("3+4=7\n#### 7", "3+4=8\n#### 8", "3+4=7\n#### 7.0", "it is 7", "")
    assert reward()(completions=replies, fields=known, prompts=[], trainer_state=None) == [1, 0, 1, 0, 0]
    assert reward("arithmetic_steps")(completions=replies[:2], fields=known[:2]) == [1, 0]


def test_a_question_without_what_the_verifier_reads_is_an_error_and_no_reward() -> None:
    with pytest.raises(UnfitDraft, match="gold"):
        reward()(completions=said("3+4=7\n#### 7"), fields=["{}"])


def test_a_score_that_is_not_given_is_no_reward() -> None:
    with pytest.raises(ValueError, match="gives no score"):
        reward(graded=True)(completions=said("3+4=7\n#### 7"), fields=['{"gold": "7"}'])


class Lucky:
    """Rewards every other reply, so that a student that cannot do anything has something to learn."""

    __name__ = "lucky"

    def __init__(self, own: dict[str, Any]) -> None:
        pass

    def __call__(self, completions: list[Any], **more: Any) -> list[float]:
        return [float(i % 2) for i, _ in enumerate(completions)]


@pytest.mark.parametrize("beta", [0.0, 0.1])
def test_what_is_rewarded_becomes_likelier_from_a_fresh_adapter_and_from_another(
    base: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, beta: float
) -> None:
    monkeypatch.setattr("orchestrator.student_worker.trainers.grpo.Reward", Lucky)
    adapter = trained(grpo_job(base, tmp_path / "fresh", beta=beta))
    further = trained({**grpo_job(base, tmp_path / "further", beta=beta), "adapter": str(adapter)})
    assert (further / "adapter_model.safetensors").is_file()
    assert not (further / "ref").exists()


def test_groups_that_are_all_alike_are_an_error_and_no_student(base: Path, tmp_path: Path) -> None:
    adapter = trained(job(base, tmp_path / "sft", {"use": "sft"}))
    with pytest.raises(ArithmeticError, match=r"in no group .* nothing was learned; 9.% of the replies were cut"):
        trained({**grpo_job(base, tmp_path / "alike"), "adapter": str(adapter)})


def test_every_batch_has_whole_groups_also_when_memory_runs_out(base: Path, tmp_path: Path) -> None:
    from orchestrator.student_worker.fitting import halved

    facts = grpo_job(base, tmp_path / "job")
    smaller = halved(facts["settings"])
    assert smaller
    trainer = prepared({**facts, "settings": smaller})
    assert trainer.args.generation_batch_size == 8
    assert (trainer.args.per_device_train_batch_size, trainer.args.gradient_accumulation_steps) == (4, 2)


def test_fields_of_one_question_are_not_told_of_another(base: Path, tmp_path: Path) -> None:
    rows = [{**row_of("verifiable", i), "fields": {f"only_{i}": i}} for i in range(8)]
    trainer = prepared(grpo_job(base, tmp_path / "job", rows))
    assert [json.loads(row["fields"]) for row in trainer.train_dataset] == [{f"only_{i}": i} for i in range(8)]


def test_a_batch_without_whole_groups_is_refused_before_anything_is_bought() -> None:
    with pytest.raises(RecipeError, match="no whole groups of 4"):
        load_recipe("grpo", ["training.reward.objective.batch=30"])
