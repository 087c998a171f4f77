"""The benchmark of a GPU, where there is none: it says so, and what it makes its model of works."""

import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

pytestmark = pytest.mark.slow
BENCH = Path(__file__).parents[2] / "bench"


@pytest.fixture
def gpu(monkeypatch: pytest.MonkeyPatch) -> Any:
    monkeypatch.syspath_prepend(str(BENCH))
    import gpu

    return gpu


def test_without_a_gpu_it_is_refused_by_name(tmp_path: Path) -> None:
    import torch

    if torch.cuda.is_available():
        pytest.skip("there is a GPU")
    done = subprocess.run([sys.executable, str(BENCH / "gpu.py")], cwd=tmp_path, capture_output=True, text=True)
    assert done.returncode == 2
    assert "torch sees none with CUDA" in done.stderr
    assert not (tmp_path / "gpu.json").exists()


def test_its_base_is_one_that_the_worker_trains_on_rows_of_the_length_that_was_asked_for(
    gpu: Any, tmp_path: Path
) -> None:
    from transformers import AutoTokenizer

    base = gpu.make_base("tiny", tmp_path / "base")
    rows = gpu.long_rows(8, 256, base)
    tokenizer = AutoTokenizer.from_pretrained(base)
    lengths = [len(tokenizer.apply_chat_template(row["prompt"] + row["completion"], return_dict=False)) for row in rows]
    assert all(128 < length < 512 for length in lengths)
    out = gpu.told(lambda: gpu.orchestrated(gpu.facts_of(tmp_path / "job", base, rows, batch=4)))
    assert out["tokens"] == sum(lengths)
    refused = gpu.told(lambda: gpu.orchestrated(gpu.facts_of(tmp_path / "q", base, rows, batch=4, quantised="4bit")))
    assert "CannotQuantise" in refused["failed"]


@pytest.mark.parametrize(("name", "millions"), [("0.5b", 494), ("1.5b", 1544)])
def test_its_shapes_have_as_many_parameters_as_the_models_that_they_are_named_after(
    gpu: Any, name: str, millions: int
) -> None:
    import torch
    from transformers import Qwen2Config, Qwen2ForCausalLM

    shape = {
        **gpu.SHAPES[name],
        "vocab_size": gpu.VOCABULARY[name],
        "num_key_value_heads": 2,
        "tie_word_embeddings": True,
    }
    with torch.device("meta"):
        model = Qwen2ForCausalLM(Qwen2Config(**shape))
    assert round(model.num_parameters() / 1e6) == millions
