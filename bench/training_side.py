"""A training by TRL as somebody would write it by hand: what the student worker is compared with. `training_side.py job.json`."""

import hashlib
import json
import os
import sys
import time
from pathlib import Path

os.environ.update({"HF_HUB_OFFLINE": "1", "TOKENIZERS_PARALLELISM": "false", "HF_HUB_DISABLE_TELEMETRY": "1"})

import torch
from datasets import Dataset
from peft import LoraConfig
from transformers import AutoTokenizer
from trl import SFTConfig, SFTTrainer


def main() -> None:
    job = json.loads(Path(sys.argv[1]).read_text())
    on_gpu = torch.cuda.is_available()
    if not on_gpu:
        torch.set_num_threads(int(os.environ.get("OMP_NUM_THREADS", "1")))
    trainer = SFTTrainer(
        job["base"],
        args=SFTConfig(
            **job["settings"],
            output_dir=job["folder"],
            max_length=job.get("max_length", 1024),
            seed=job["seed"],
            data_seed=job["seed"],
            save_strategy="no",
            report_to="none",
            disable_tqdm=True,
            use_cpu=not on_gpu,
            bf16=on_gpu or "bf16" in Path("/proc/cpuinfo").read_text(),
            gradient_checkpointing=on_gpu,
            model_init_kwargs={"dtype": "bfloat16" if on_gpu else "float32", "device_map": None},
        ),
        train_dataset=Dataset.from_list([json.loads(line) for line in Path(job["rows"]).read_text().splitlines()]),
        processing_class=AutoTokenizer.from_pretrained(job["base"]),
        peft_config=LoraConfig(
            task_type="CAUSAL_LM",
            target_modules="all-linear",
            r=job["lora"]["rank"],
            lora_alpha=job["lora"]["alpha"],
            lora_dropout=0.0,
        ),
    )
    cpu = time.process_time()
    out = trainer.train()
    took = {"steps": out.metrics["train_runtime"], "cpu": time.process_time() - cpu}
    adapter = Path(job["folder"]) / "adapter"
    trainer.save_model(str(adapter))
    digest = hashlib.sha256((adapter / "adapter_model.safetensors").read_bytes()).hexdigest()
    peak = torch.cuda.max_memory_allocated() if on_gpu else 0
    print(json.dumps({**took, "adapter": digest, "peak_memory": peak}))


if __name__ == "__main__":
    main()
