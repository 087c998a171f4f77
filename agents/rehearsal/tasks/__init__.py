"""What the rehearsal teacher can be asked for besides solutions, questions, judgements and names.

A task is known by the fields of the form that is asked for. Each is a function of the reply in the making.
"""

from collections.abc import Callable
from typing import Any

from agents.rehearsal.tasks.discrimination import score_pair
from agents.rehearsal.tasks.knowledge import write_knowledge, write_strategy
from agents.rehearsal.tasks.mistakes import explain, review
from agents.rehearsal.tasks.new_questions import from_report, rarer

Task = Callable[[Any], dict[str, Any]]
TASKS: tuple[tuple[frozenset[str], Task], ...] = (
    (frozenset({"first_score", "second_score"}), score_pair),
    (frozenset({"rarer_question"}), rarer),
    (frozenset({"new_questions"}), from_report),
    (frozenset({"summary", "knowledge"}), write_knowledge),
    (frozenset({"situation", "strategy"}), write_strategy),
    (frozenset({"explanation", "rationale", "answer"}), explain),
    (frozenset({"comment", "grade"}), review),
)
"""Fields that only this task's form has, and the task; the first that fits is done."""
