"""How the student worker is started: as one process, or as one a GPU by `accelerate launch`."""

import os
import sys
from pathlib import Path
from typing import Any

import yaml

WORKER = "orchestrator.student_worker"


def command(job: dict[str, Any], job_file: Path) -> list[str]:
    """What starts the worker of a job; for one that trains on several GPUs, its configuration is written beside the job."""
    told = [str(job_file), "--parent", str(os.getpid())]
    if job.get("gpus", 1) == 1:
        return [sys.executable, "-P", "-m", WORKER, *told]
    written = job_file.with_name("accelerate.yaml")
    written.write_text(yaml.safe_dump(configuration(job["gpus"], job["parallel"])), encoding="utf-8")
    launch = (sys.executable, "-P", "-m", "accelerate.commands.launch", "--config_file", str(written))
    return [*launch, "--module", WORKER, *told]


def environment(job: dict[str, Any]) -> dict[str, str]:
    """One process sees one GPU: the trainers refuse to share a model among several by threads."""
    visible = {} if job.get("gpus", 1) > 1 else {"CUDA_VISIBLE_DEVICES": "0"}
    return {**visible, **os.environ}


def configuration(gpus: int, parallel: str) -> dict[str, Any]:
    """Of `accelerate launch`, on one machine.

    `ddp`: each GPU has the whole base and a part of the batch (distributed data parallel). `fsdp`: each has a part of the
    weights besides (Zhao et al. 2023).
    """
    common = {
        "compute_environment": "LOCAL_MACHINE",
        "machine_rank": 0,
        "main_process_port": 0,  # a free one, so that two runs do not meet
        "mixed_precision": "bf16",
        "num_machines": 1,
        "num_processes": gpus,
        "use_cpu": False,
    }
    if parallel == "ddp":
        return {**common, "distributed_type": "MULTI_GPU", "gpu_ids": "all"}
    sharding = {
        "fsdp_version": 2,
        "fsdp_auto_wrap_policy": "TRANSFORMER_BASED_WRAP",
        "fsdp_activation_checkpointing": False,  # the trainer's own does it
        "fsdp_cpu_ram_efficient_loading": False,  # each process loads the base by itself, as the worker does
        "fsdp_offload_params": False,
        "fsdp_reshard_after_forward": True,
        "fsdp_state_dict_type": "FULL_STATE_DICT",  # one adapter file at the end, as from one GPU
    }
    return {**common, "distributed_type": "FSDP", "fsdp_config": sharding}
