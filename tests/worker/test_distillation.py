"""Distillation on a tiny random model: what each objective comes to where the answer is known beforehand."""

import json
from pathlib import Path
from typing import Any

import pytest

from agents.registry import build
from orchestrator.kinds import Objective
from tests.worker.test_trainers import ROWS, base, gradients, job, killed_at, losses, prepared, row_of, trained

pytestmark = pytest.mark.slow
__all__ = ["base"]
BY_MODEL = {"student": "big"}
KNOWLEDGE = "Adding is counting on: start with the first and count on. " * 3


def taught(
    base: Path, folder: Path, objective: dict[str, Any], teacher: Any = None, rows: Any = None, **more: Any
) -> Any:
    """A job whose teacher is the adapter of this folder; the base itself, if it is True."""
    made = build(objective, Objective)
    place = {"base": str(base), "adapter": str(teacher) if isinstance(teacher, Path) else None} if teacher else None
    rows = rows or [row_of("completion", i) for i in range(ROWS)]
    return job(base, folder, made, rows, own={**made.own(), "teacher": place}, **more)


def documents(hides: bool = True) -> list[dict[str, Any]]:
    rows = [row_of("completion", i) for i in range(ROWS)]
    shown = KNOWLEDGE if hides else ""
    return [{**r, "full_prompt": [{"role": "user", "content": shown + r["prompt"][0]["content"]}]} for r in rows]


def moved(trainer: Any) -> float:
    """How far the adapter is from where it began: its second matrices are zeros then."""
    return max(float(p.detach().abs().max()) for name, p in trainer.model.named_parameters() if "lora_B" in name)


def logged(trainer: Any, name: str) -> list[float]:
    return [entry[name] for entry in trainer.state.log_history if name in entry]


@pytest.fixture(scope="module")
def mentor(base: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return trained(job(base, tmp_path_factory.mktemp("mentor"), {"use": "sft", "epochs": 10}))


OBJECTIVES = [
    {"use": "logit_distillation"},
    {"use": "logit_distillation", "divergence": "skewed"},
    {"use": "logit_distillation", "top": 5, "concentrated": True, "held_out": 0.25},
    {"use": "on_policy_distillation"},
    {"use": "on_policy_distillation", "own_words": 1.0, "beta": 1.0},
    {"use": "cross_tokenizer"},
    {"use": "moving_target"},
]


@pytest.mark.parametrize("objective", OBJECTIVES, ids=str)
def test_every_objective_trains_an_adapter(base: Path, mentor: Path, tmp_path: Path, objective: Any) -> None:
    trainer = prepared(taught(base, tmp_path, {**objective, "teacher": BY_MODEL, "epochs": 2}, mentor))
    losses(trainer)
    assert moved(trainer) > 1e-4
    assert all(divergence > 0 for divergence in logged(trainer, "divergence"))


def test_without_weight_it_is_fine_tuning_bit_for_bit(base: Path, mentor: Path, tmp_path: Path) -> None:
    objective = {"use": "logit_distillation", "weight": 0, "teacher": BY_MODEL}
    adapters = [
        trained(job(base, tmp_path / "plain", {"use": "sft"})),
        trained(taught(base, tmp_path / "taught", objective, mentor)),
    ]
    one, other = ((adapter / "adapter_model.safetensors").read_bytes() for adapter in adapters)
    assert one == other


def test_with_hardly_any_weight_it_has_the_gradient_of_fine_tuning(base: Path, mentor: Path, tmp_path: Path) -> None:
    objective = {"use": "logit_distillation", "weight": 1e-6, "teacher": BY_MODEL}
    found = gradients(prepared(taught(base, tmp_path / "taught", objective, mentor)))
    for name, gradient in gradients(prepared(job(base, tmp_path / "plain", {"use": "sft"}))).items():
        assert found[name] == pytest.approx(gradient, abs=1e-2 * float(gradient.abs().max()) + 1e-6)


SAME = [
    {"use": "logit_distillation", "weight": 1, "temperature": 2.0},
    {"use": "logit_distillation", "weight": 1, "top": 4},
    {"use": "logit_distillation", "weight": 1, "divergence": "jsd"},
    {"use": "on_policy_distillation", "own_words": 1.0},
    {"use": "moving_target"},
    {"use": "cross_tokenizer", "weight": 1},
]


@pytest.mark.parametrize("objective", SAME, ids=str)
def test_a_teacher_that_equals_the_student_teaches_it_nothing(base: Path, tmp_path: Path, objective: Any) -> None:
    trainer = prepared(taught(base, tmp_path, {**objective, "teacher": BY_MODEL}, True))
    assert max(map(abs, losses(trainer))) < 1e-5
    assert max(map(abs, logged(trainer, "divergence"))) < 1e-5
    assert moved(trainer) == 0


@pytest.mark.parametrize("hides", [False, True])
def test_a_student_that_is_shown_the_document_too_has_nothing_to_learn(base: Path, tmp_path: Path, hides: bool) -> None:
    trainer = prepared(taught(base, tmp_path, {"use": "prompt_distillation"}, rows=documents(hides)))
    assert (losses(trainer)[0] > 1e-5) == hides
    assert (moved(trainer) > 0) == hides


def test_a_target_moves_from_the_student_to_the_teacher_and_never_back(
    base: Path, mentor: Path, tmp_path: Path
) -> None:
    objective = {"use": "moving_target", "teacher": BY_MODEL, "epochs": 10, "start": 0.2}
    trainer = prepared(taught(base, tmp_path, objective, mentor))
    losses(trainer)
    at = logged(trainer, "target")
    assert at == sorted(at)
    assert at[0] == pytest.approx(0.2)
    assert trainer._moving.t == 1.0


def test_what_an_endpoint_told_whole_teaches_what_its_model_would(base: Path, mentor: Path, tmp_path: Path) -> None:
    """The mentor's log-probabilities of every token, told as texts, give the gradient that its logits give."""
    rows = [row_of("completion", i) for i in range(ROWS)]
    sparse = {"use": "logit_distillation", "weight": 1, "teacher": {"told": True}}
    dense = {"use": "logit_distillation", "weight": 1, "teacher": BY_MODEL}
    told = [{**row, "told": as_told(base, mentor, row)} for row in rows]
    trainer = prepared(taught(base, tmp_path / "told", sparse, rows=told))
    used = {"told_used": trainer.facts["told_used"]}
    assert used == {"told_used": pytest.approx(1, abs=0.01)}
    of_told, of_model = gradients(trainer), gradients(prepared(taught(base, tmp_path / "model", dense, mentor, rows)))
    largest = max(float(gradient.abs().max()) for gradient in of_model.values())
    for name, gradient in of_model.items():
        assert of_told[name] == pytest.approx(gradient, abs=0.15 * largest)  # the end token is told by nobody


def as_told(base: Path, mentor: Path, row: dict[str, Any]) -> list[Any]:
    """What an endpoint with the mentor behind it tells of the reply's tokens, all alternatives among them."""
    import torch

    from orchestrator.student_worker.aligning import _starts, tokens_by_text
    from orchestrator.student_worker.teachers import load_teacher

    model, tokenizer = load_teacher({"base": str(base), "adapter": str(mentor)}, torch.nn.Linear(1, 1).weight)
    ids, starts = _starts(row, tokenizer)
    texts = {i: text for text, i in tokens_by_text(tokenizer).items()}
    chances = model(torch.tensor([ids])).logits[0].log_softmax(dim=-1)
    return [
        [at, texts[ids[place]], [[text, float(chances[place - 1, i])] for i, text in texts.items()]]
        for at, place in starts.items()
        if ids[place] in texts
    ]


def test_an_endpoint_none_of_whose_tokens_are_the_students_is_refused(base: Path, tmp_path: Path) -> None:
    rows = [{**row_of("completion", i), "told": [[0, "no such token", [["no such token", -0.1]]]]} for i in range(ROWS)]
    objective = {"use": "logit_distillation", "teacher": {"told": True}}
    with pytest.raises(ValueError, match="none is one token of the student"):
        prepared(taught(base, tmp_path, objective, rows=rows))


def other_base(base: Path, folder: Path) -> Path:
    """The same weights behind a tokenizer that splits text otherwise: half of its merges are gone."""
    import shutil

    shutil.copytree(base, folder)
    told = json.loads((folder / "tokenizer.json").read_text())
    told["model"]["merges"] = told["model"]["merges"][: len(told["model"]["merges"]) // 2]
    (folder / "tokenizer.json").write_text(json.dumps(told))
    return folder


def test_a_teacher_of_another_tokenizer_needs_the_objective_for_it(base: Path, tmp_path: Path) -> None:
    other = other_base(base, tmp_path / "other")
    place = {"base": str(other), "adapter": None}
    jobs = {
        use: taught(base, tmp_path / use, {"use": use, "teacher": BY_MODEL}, True)
        for use in ("logit_distillation", "cross_tokenizer")
    }
    for each in jobs.values():
        each["own"]["teacher"] = place
    with pytest.raises(ValueError, match="use the objective cross_tokenizer"):
        prepared(jobs["logit_distillation"])
    trainer = prepared(jobs["cross_tokenizer"])
    row = trainer.train_dataset[0]
    assert 1 < len(row["student_at"]) < len(row["teacher_at"]) + 1 <= len(row["teacher_ids"])
    losses(trainer)
    assert moved(trainer) > 1e-4


@pytest.mark.parametrize("use", ["logit_distillation", "moving_target", "on_policy_distillation"])
def test_a_training_that_is_stopped_and_resumed_ends_with_the_same_adapter(
    base: Path,
    mentor: Path,
    tmp_path: Path,
    use: str,
) -> None:
    from orchestrator.student_worker.training import prepare

    objective = {"use": use, "teacher": BY_MODEL, "epochs": 5}
    lora = {"rank": 4, "alpha": 8, "dropout": 0.1, "rank_stabilised": False, "weight_decomposed": False}
    calm, killed = (taught(base, tmp_path / name, objective, mentor, lora=lora) for name in ("calm", "killed"))
    adapter = trained(calm)
    with pytest.raises(KeyboardInterrupt):
        prepare(killed, [killed_at(5)])[0].train()
    assert list((tmp_path / "killed").glob("checkpoint-4"))
    resumed = trained(killed)
    one, other = ((each / "adapter_model.safetensors").read_bytes() for each in (adapter, resumed))
    assert one == other


def test_a_teacher_goes_where_the_trainer_has_put_the_student(
    base: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is loaded before: on a GPU, beside a student that is not there yet."""
    from orchestrator.student_worker.trainers import distillation

    went: list[Any] = []
    load = distillation.load_teacher

    def watched(place: dict[str, Any], like: Any) -> tuple[Any, Any]:
        teacher, tokenizer = load(place, like)
        teacher.to = lambda device: went.append(device) or teacher
        return teacher, tokenizer

    monkeypatch.setattr(distillation, "load_teacher", watched)
    trainer = prepared(taught(base, tmp_path, {"use": "logit_distillation", "teacher": BY_MODEL}, True))
    assert went == [trainer.accelerator.device]


def test_a_students_own_words_are_not_changed_by_its_bases_settings(base: Path, tmp_path: Path) -> None:
    """Qwen's generation settings punish repetition."""
    import shutil

    import torch

    punished = tmp_path / "base"
    shutil.copytree(base, punished)
    settings = json.loads((punished / "generation_config.json").read_text())
    (punished / "generation_config.json").write_text(json.dumps({**settings, "repetition_penalty": 1e6}))
    objective = {"use": "on_policy_distillation", "own_words": 1.0, "sampled_at": 0.01, "teacher": BY_MODEL}
    words = []
    for place in (base, punished):
        trainer = prepared(taught(place, tmp_path / f"from-{place.name}", objective, True))
        batch = trainer._prepare_inputs(next(iter(trainer.get_train_dataloader())))
        torch.manual_seed(0)
        words.append(trainer._in_own_words(trainer.model, batch)["input_ids"].tolist())
    assert words[0] == words[1]


@pytest.mark.parametrize("reply", ["end", "|", "so it ends"])
def test_a_reply_is_found_where_it_stands_and_not_in_what_closes_it(base: Path, reply: str) -> None:
    from transformers import AutoTokenizer

    from orchestrator.student_worker.aligning import of_two_tokenizers

    tokenizer = AutoTokenizer.from_pretrained(base)
    row = {**row_of("completion", 1), "completion": [{"role": "assistant", "content": reply}]}
    columns = of_two_tokenizers(row, tokenizer, tokenizer)
    learned = len(tokenizer(reply, add_special_tokens=False)["input_ids"]) + 1  # and the end
    whole = len(columns["teacher_ids"])
    assert columns["student_at"] == columns["teacher_at"] == list(range(whole - learned - 1, whole - 1))


def test_a_temperature_is_found_at_which_a_teacher_is_as_sure_as_it_is_right() -> None:
    import torch

    from orchestrator.student_worker.teachers import fitted_temperature

    torch.manual_seed(0)
    logits = torch.randn(4000, 10) * 2
    tokens = torch.distributions.Categorical(logits=logits).sample()
    assert fitted_temperature(logits, tokens) == pytest.approx(1, rel=0.1)
    assert fitted_temperature(logits * 3, tokens) == pytest.approx(3, rel=0.1)
