from collections.abc import Mapping, Sequence
from typing import Any

from agents.registry import register
from orchestrator.kinds import ExamItem, Inference, Said
from storage.records import Draft


@register("single")
class Single(Inference):
    """Every question is asked once and shown alone."""

    def show(self, item: ExamItem, said: Said, shelf: Sequence[Draft]) -> Mapping[str, Any]:
        return {}
