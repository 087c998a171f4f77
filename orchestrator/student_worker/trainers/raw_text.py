"""Continued pre-training on plain texts: TRL's trainer of supervised fine-tuning learns all of a row that is one text."""

from orchestrator.student_worker.trainers.sft import build, learned

__all__ = ["build", "learned"]
