"""Prompt distillation against fine-tuning on the same questions and answers, and against a student that reads the document."""

from orchestrator.claims.claim import Check, Claim, better, not_worse, of_arm
from orchestrator.comparison import Comparison
from storage.store import Store

REPHRASED = ("rephrased",)
"""The view that asks in words that no lesson of these facts had."""
MARGIN = 0.1
"""What the student may be behind one that reads, and count as near."""
EXAMS = "probe: {use: facts_in_views, source: facts, part: probe, facts: 20}, "
EXAMS += "test: {use: facts_in_views, source: facts, part: test, facts: 40}"
OPEN_BOOK = (
    "training=[{job: reader, dataset: read, objective: {use: sft, learning_rate: 2.0e-3, epochs: 8, batch: 16}, "
    f"lora: {{rank: 32, alpha: 64}}}}]+retention=false+exams={{{EXAMS}}}"
)
"""The reader itself, whose format puts a fact's document before its question; it cannot be asked what has no document."""


def check(comparison: Comparison, _store: Store) -> list[Check]:
    tuned, distilled, reads = (of_arm(comparison, place) for place in range(3))
    return [
        better(reads, tuned, "who reads the document knows more than who was fine-tuned on it", REPHRASED),
        better(distilled, tuned, "prompt distillation teaches more than fine-tuning, asked in other words", REPHRASED),
        not_worse(distilled, reads, "and is near to a student that reads the document", MARGIN, REPHRASED),
        not_worse(distilled, tuned, "and in all views together it is no worse than fine-tuning", 0.05),
    ]


CLAIM = Claim(
    id="B16",
    says="prompt distillation teaches more of a document than fine-tuning on the same questions and answers, and nearly as much "
    "as having it in the prompt",
    source="Prompt distillation (Kujanpää et al. 2024, as good as retrieval)",
    planted="that a fact is asked in words that its own lessons do not use and others do; both students see the same questions, "
    "answers and steps, so that only what they are held to differs: the reader's probabilities, or the answer alone",
    arms=(
        "prompt-distillation+exams.test.facts=40+training.student.objective.weight=0",
        "prompt-distillation+exams.test.facts=40",
        f"prompt-distillation+{OPEN_BOOK}",
    ),
    check=check,
)
