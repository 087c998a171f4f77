"""How the student worker is started on one GPU and on several."""

import os
import sys
from pathlib import Path

import pytest
import yaml

from orchestrator.launching import command, configuration, environment
from orchestrator.machine import Machine


def test_one_process_is_started_as_itself_and_sees_one_gpu(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
    told = command({}, tmp_path / "job.json")
    assert told[:4] == [sys.executable, "-P", "-m", "orchestrator.student_worker"]
    assert told[-2:] == ["--parent", str(os.getpid())]
    assert not list(tmp_path.iterdir())
    assert environment({})["CUDA_VISIBLE_DEVICES"] == "0"
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "3")
    assert environment({})["CUDA_VISIBLE_DEVICES"] == "3"


@pytest.mark.parametrize(("parallel", "kind"), [("ddp", "MULTI_GPU"), ("fsdp", "FSDP")])
def test_several_are_started_by_accelerate_with_a_file_that_it_reads(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, parallel: str, kind: str
) -> None:
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
    job = {"gpus": 4, "parallel": parallel}
    told = command(job, tmp_path / "job.json")
    assert "accelerate.commands.launch" in told
    written = yaml.safe_load((tmp_path / "accelerate.yaml").read_text())
    assert (written["distributed_type"], written["num_processes"]) == (kind, 4)
    assert "CUDA_VISIBLE_DEVICES" not in environment(job)


@pytest.mark.slow
@pytest.mark.parametrize("parallel", ["ddp", "fsdp"])
def test_accelerate_knows_every_word_of_the_file(tmp_path: Path, parallel: str) -> None:
    from accelerate.commands.config.config_args import load_config_from_file
    from accelerate.commands.launch import launch_command_parser

    path = tmp_path / "accelerate.yaml"
    path.write_text(yaml.safe_dump(configuration(2, parallel)))
    read = load_config_from_file(str(path))
    assert read.num_processes == 2
    assert str(read.distributed_type).endswith("FSDP" if parallel == "fsdp" else "MULTI_GPU")
    known = set(vars(launch_command_parser().parse_args(["worker.py"])))
    assert set(getattr(read, "fsdp_config", None) or {}) <= known


def test_the_machine_file_says_how_many() -> None:
    assert Machine().gpus == 1
    assert Machine.model_validate({"gpus": 2, "parallel": "fsdp"}).parallel == "fsdp"
    with pytest.raises(ValueError, match="greater than or equal to 1"):
        Machine.model_validate({"gpus": 0})
