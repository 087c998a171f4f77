"""The child process that trains a student or lets it answer: `python -m orchestrator.student_worker job.json`.

The only part of the project that imports torch, transformers, peft and trl: a CUDA crash cannot take a run down.
"""
