"""What must hold of every trainer before and after its first step, on a tiny model made from a configuration."""

import json
import math
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from agents.registry import build, import_components
from orchestrator.kinds import Objective
from orchestrator.machine import EMBEDDED

import_components("orchestrator.objectives")
pytestmark = pytest.mark.slow
LORA = {"rank": 4, "alpha": 8, "dropout": 0.0, "rank_stabilised": False, "weight_decomposed": False}
ROWS = 12
Trained = tuple[Any, Any]
"""The trainer after its last step, and the adapter that it saved."""


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A random Llama with the embedded base's tokenizer."""
    import torch
    from transformers import AutoTokenizer, LlamaConfig, LlamaForCausalLM

    folder = tmp_path_factory.mktemp("base")
    tokenizer = AutoTokenizer.from_pretrained(EMBEDDED)
    tokenizer.save_pretrained(folder)
    torch.manual_seed(0)
    config = LlamaConfig(
        vocab_size=len(tokenizer),
        hidden_size=32,
        intermediate_size=64,
        num_hidden_layers=2,
        num_attention_heads=2,
        num_key_value_heads=2,
        eos_token_id=tokenizer.eos_token_id,
        pad_token_id=tokenizer.pad_token_id,
    )
    LlamaForCausalLM(config).save_pretrained(folder)
    return folder


@pytest.fixture(scope="module")
def start(base: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An adapter to go on from."""
    return trained(job(base, tmp_path_factory.mktemp("start"), {"use": "sft"}))


def row_of(shape: str, i: int) -> dict[str, Any]:
    prompt = [{"role": "user", "content": f"What is {i} and {i + 1}?"}]
    right, wrong = f"{i}+{i + 1}={2 * i + 1}\n#### {2 * i + 1}", f"It is many.\n#### {i}"
    said = {name: [{"role": "assistant", "content": text}] for name, text in (("right", right), ("wrong", wrong))}
    return {
        "completion": {"prompt": prompt, "completion": said["right"]},
        "weighted": {"prompt": prompt, "completion": said["right"], "weight": 1.0},
        "preference": {"prompt": prompt, "chosen": said["right"], "rejected": said["wrong"]},
        "binary": {"prompt": prompt, "completion": said["right" if i % 3 else "wrong"], "label": bool(i % 3)},
        "text": {"text": f"Ann has {i} pears. {right}"},
        "verifiable": {"prompt": prompt, "completion": said["right"], "fields": {"gold": str(2 * i + 1)}},
    }[shape]


def job(base: Path, folder: Path, objective: Any, rows: list[dict[str, Any]] | None = None, **more: Any) -> Any:
    folder.mkdir(parents=True, exist_ok=True)
    objective = build(objective, Objective) if isinstance(objective, dict) else objective
    path = folder / "rows.jsonl"
    path.write_text("\n".join(map(json.dumps, rows or [row_of(objective.shape, i) for i in range(ROWS)])))
    facts = {"kind": "train", "folder": str(folder), "base": str(base), "adapter": None, "rows": str(path)}
    return {
        **facts,
        "trainer": objective.trainer,
        "seed": 0,
        "lora": LORA,
        "settings": {**objective.settings(), "learning_rate": 1e-2, "per_device_train_batch_size": 6},
        "own": objective.own(),
        **more,
    }


def prepared(job: dict[str, Any]) -> Any:
    from orchestrator.student_worker.training import prepare

    return prepare(job, [])[0]


def trained(job: dict[str, Any]) -> Path:
    from orchestrator.student_worker.events import Events
    from orchestrator.student_worker.training import train

    result = train(job, Events(Path(job["folder"])))
    assert math.isfinite(result["loss"])
    assert (result["rows"], result["tokens"] > 0) == (ROWS, True)
    return Path(job["folder"]) / "adapter"


def losses(trainer: Any) -> list[float]:
    trainer.train()
    return [entry["loss"] for entry in trainer.state.log_history if "loss" in entry]


def gradients(trainer: Any) -> dict[str, Any]:
    """Of the first batch, by parameter, before any step."""
    trainer.create_optimizer()
    trainer.model.eval()  # no dropout; the batch is the same
    batch = trainer._prepare_inputs(next(iter(trainer.get_train_dataloader())))
    loss = trainer.compute_loss(trainer.model, batch)
    loss.backward()
    return {name: p.grad.clone() for name, p in trainer.model.named_parameters() if p.grad is not None}


USES = ("sft", "weighted_sft", "raw_text", "dpo", "kto", "orpo", "simpo", "cpo", "contrastive")
OBJECTIVES = [build({"use": use}, Objective) for use in USES]


@pytest.mark.parametrize("objective", OBJECTIVES, ids=lambda one: one.use)
def test_every_objective_trains_an_adapter_that_plain_peft_loads(base: Path, tmp_path: Path, objective: Any) -> None:
    import torch
    from peft import PeftModel
    from transformers import AutoModelForCausalLM

    adapter = trained(job(base, tmp_path / "first", objective))
    model = AutoModelForCausalLM.from_pretrained(base, dtype=torch.float32)
    ids = torch.tensor([[5, 6, 7, 8]])
    before = model(ids).logits
    after = PeftModel.from_pretrained(model, adapter)(ids).logits
    assert after.isfinite().all()
    assert (after - before).abs().max() > 1e-5
    further = trained(job(base, tmp_path / "second", objective, adapter=str(adapter)))
    assert not (further / "ref").exists()
    assert not list(tmp_path.glob("*/checkpoint-*"))


@pytest.mark.parametrize("variant", [{}, {"length_normalised": True}], ids=str)
def test_a_student_that_is_its_own_reference_begins_at_log_2(
    base: Path, tmp_path: Path, start: Path, variant: dict[str, Any]
) -> None:
    objective = {"use": "dpo", **variant}
    fresh = job(base, tmp_path / "fresh", objective)
    continued = job(base, tmp_path / "continued", objective, adapter=str(start))
    for each in (fresh, continued):
        assert losses(prepared(each))[0] == pytest.approx(math.log(2), abs=2e-4)


def test_the_term_of_fine_tuning_alone_has_the_gradient_of_fine_tuning(base: Path, tmp_path: Path) -> None:
    alone = {"use": "dpo", "weight": 0, "sft_term": 1}
    for name, objective in (("dpo", alone), ("contrastive", {"use": "contrastive", "weight": 0})):
        of_pairs = gradients(prepared(job(base, tmp_path / name, objective)))
        of_sft = gradients(prepared(job(base, tmp_path / "sft", {"use": "sft"})))
        assert of_pairs.keys() >= of_sft.keys()
        for name, gradient in of_sft.items():
            assert of_pairs[name] == pytest.approx(gradient, abs=2e-3 * float(gradient.abs().max()) + 1e-6)


def with_weights(weight: Callable[[int], float]) -> list[dict[str, Any]]:
    return [{**row_of("weighted", i), "weight": weight(i)} for i in range(ROWS)]


def test_rows_that_weigh_1_are_taught_as_fine_tuning_does_bit_for_bit(base: Path, tmp_path: Path) -> None:
    adapters = [
        trained(job(base, tmp_path / "plain", {"use": "sft"})),
        trained(job(base, tmp_path / "weighted", {"use": "weighted_sft"}, with_weights(lambda i: 1.0))),
    ]
    one, other = ((adapter / "adapter_model.safetensors").read_bytes() for adapter in adapters)
    assert one == other


def test_rows_that_weigh_nothing_teach_nothing(base: Path, tmp_path: Path) -> None:
    trainer = prepared(job(base, tmp_path / "none", {"use": "weighted_sft"}, with_weights(lambda i: 0.0)))
    assert not any(gradient.any() for gradient in gradients(trainer).values())


def test_every_batch_of_kto_has_both_labels_and_its_first_step_compares_with_the_student_itself(
    base: Path, tmp_path: Path
) -> None:
    rows = [
        {**row_of("binary", i), "label": i < ROWS // 3} for i in range(ROWS)
    ]  # good ones first, as unpaired sets come
    trainer = prepared(job(base, tmp_path / "kto", {"use": "kto"}, rows))
    batches = list(trainer.get_train_dataloader())
    assert len(batches) == ROWS // 6
    for batch in batches:
        assert len(set(map(bool, batch["label"]))) == 2
    assert losses(trainer)[0] == pytest.approx(0.5, abs=2e-3)


def test_the_odds_of_equal_replies_have_no_gradient(base: Path, tmp_path: Path) -> None:
    rows = [{**row, "rejected": row["chosen"]} for row in (row_of("preference", i) for i in range(ROWS))]
    jobs = [job(base, tmp_path / str(w), {"use": "orpo", "odds_weight": w}, rows) for w in (0.0, 5.0)]
    without, with_odds = (gradients(prepared(each)) for each in jobs)
    largest = max(float(gradient.abs().max()) for gradient in without.values())
    for name, gradient in without.items():
        assert with_odds[name] == pytest.approx(gradient, abs=2e-3 * largest)


def test_a_wrong_reply_that_costs_enough_is_pushed_no_further() -> None:
    import torch

    from orchestrator.student_worker.trainers.contrastive import bounded, ranking

    chosen, rejected = torch.tensor([1.0, 1.0, 1.0]), torch.tensor([0.5, 3.0, 9.0], requires_grad=True)
    assert bounded(chosen, rejected, 3.0).tolist() == [2.5, 0.0, 0.0]
    assert ranking(chosen, rejected, 3.0).tolist() == [3.5, 1.0, 0.0]
    bounded(chosen, rejected, 3.0).sum().backward()
    assert rejected.grad is not None
    assert rejected.grad.tolist() == [-1.0, 0.0, 0.0]


@pytest.mark.parametrize(
    ("shape", "broken", "says"),
    [
        ("preference", {"rejected": [{"role": "assistant", "content": " "}]}, "empty 'rejected'"),
        ("text", {"text": " \n"}, "empty 'text'"),
        ("binary", {"completion": [{"role": "assistant", "content": "why " * 3000}]}, "leave out long rows"),
    ],
)
def test_rows_that_cannot_teach_are_refused_before_the_first_step(
    base: Path, tmp_path: Path, shape: str, broken: dict[str, Any], says: str
) -> None:
    objective = next(one for one in OBJECTIVES if one.shape == shape)
    rows = [row_of(shape, i) for i in range(ROWS - 1)] + [{**row_of(shape, ROWS), **broken}]
    with pytest.raises(ValueError, match=says):
        prepared(job(base, tmp_path / "job", objective, rows))


@pytest.mark.parametrize("use", ["dpo", "kto"])
def test_a_training_that_is_stopped_and_resumed_ends_with_the_same_adapter(
    base: Path, tmp_path: Path, start: Path, use: str
) -> None:
    """From an adapter, so that what resumes has to find its reference again. `test_worker` kills a whole process."""
    from orchestrator.student_worker.training import prepare

    calm, killed = (
        job(base, tmp_path / name, {"use": use, "epochs": 5}, adapter=str(start)) for name in ("calm", "killed")
    )
    adapter = trained(calm)
    with pytest.raises(KeyboardInterrupt):
        prepare(killed, [killed_at(5)])[0].train()
    assert [path.name for path in (tmp_path / "killed").glob("checkpoint-*")] != []
    resumed = trained(killed)
    said = [json.loads(line) for line in (tmp_path / "killed" / "events.jsonl").read_text().splitlines()]
    assert [event["resumed_at"] for event in said if event["event"] == "begin"] == [4]
    one, other = ((each / "adapter_model.safetensors").read_bytes() for each in (adapter, resumed))
    assert one == other


def killed_at(step: int) -> Any:
    """A callback that ends a training after so many steps."""
    from transformers import TrainerCallback

    class Killed(TrainerCallback):
        def on_step_end(self, args: Any, state: Any, control: Any, **more: Any) -> None:
            if state.global_step == step:
                raise KeyboardInterrupt

    return Killed()


def test_a_base_without_a_padding_token_is_trained_and_asked_as_any_other(base: Path, tmp_path: Path) -> None:
    """Llama's and Mistral's have none."""
    from orchestrator.student_worker.answering import generate, student

    bare = tmp_path / "base"
    shutil.copytree(base, bare)
    settings = json.loads((bare / "tokenizer_config.json").read_text())
    assert settings.pop("pad_token")
    (bare / "tokenizer_config.json").write_text(json.dumps(settings))
    words = json.loads((bare / "tokenizer.json").read_text())
    (bare / "tokenizer.json").write_text(json.dumps({**words, "padding": None}))
    trainer = prepared(job(bare, tmp_path / "job", {"use": "sft"}))
    end = trainer.processing_class.eos_token_id
    batch = trainer.data_collator([trainer.train_dataset[i] for i in range(ROWS)])
    assert trainer.processing_class.pad_token_id == end
    assert (batch["labels"] == end).sum(dim=1).tolist() == [1] * ROWS
    trained(job(bare, tmp_path / "trained", {"use": "sft", "epochs": 1}))
    tokenizer, model = student(str(bare), None)
    said = generate(model, tokenizer, [("<|user|>", 3), ("<|user|>How many pears?<|end|>", 3)], {"do_sample": False})
    assert [each["tokens"] > 0 for each in said] == [True, True]
