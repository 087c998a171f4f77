"""What the rehearsal teacher can be asked for besides solutions, questions, judgements and names.

A task is known by the fields of the form that is asked for. Each is a function of the reply in the making.
"""

from collections.abc import Callable
from typing import Any

from agents.rehearsal.tasks.analogies import recall_analogy
from agents.rehearsal.tasks.choices import analyse_choices
from agents.rehearsal.tasks.comparing import compare, fill_rule, relate, search_values
from agents.rehearsal.tasks.decomposition import decompose
from agents.rehearsal.tasks.discrimination import score_pair
from agents.rehearsal.tasks.enrichment import fill_steps, write_plan
from agents.rehearsal.tasks.events import conceptualise, instantiate, judge_statement, new_events, write_tails
from agents.rehearsal.tasks.facts import distil, extract_facts, fact_to_question, paraphrase, quote
from agents.rehearsal.tasks.fusion import fuse
from agents.rehearsal.tasks.knowledge import write_knowledge, write_strategy
from agents.rehearsal.tasks.mistakes import explain, review
from agents.rehearsal.tasks.new_questions import from_report, on_topic, rarer
from agents.rehearsal.tasks.programs import write_equations, write_program
from agents.rehearsal.tasks.reading import read_answer
from agents.rehearsal.tasks.rules import write_rules

Task = Callable[[Any], dict[str, Any]]
TASKS: tuple[tuple[frozenset[str], Task], ...] = (
    (frozenset({"first_score", "second_score"}), score_pair),
    (frozenset({"rarer_question"}), rarer),
    (frozenset({"new_questions"}), from_report),
    (frozenset({"questions_on_topic"}), on_topic),
    (frozenset({"summary", "knowledge"}), write_knowledge),
    (frozenset({"situation", "strategy"}), write_strategy),
    (frozenset({"explanation", "rationale", "answer"}), explain),
    (frozenset({"assessment", "rationale", "answer"}), fuse),
    (frozenset({"comment", "grade"}), review),
    (frozenset({"program"}), write_program),
    (frozenset({"equations", "asked"}), write_equations),
    (frozenset({"facts", "rules", "query"}), write_rules),
    (frozenset({"facts"}), extract_facts),
    (frozenset({"paraphrases"}), paraphrase),
    (frozenset({"distilled"}), distil),
    (frozenset({"instruction", "answer"}), fact_to_question),
    (frozenset({"quotes"}), quote),
    (frozenset({"read_answer"}), read_answer),
    (frozenset({"plan"}), write_plan),
    (frozenset({"filled_solution", "answer"}), fill_steps),
    (frozenset({"steps"}), decompose),
    (frozenset({"key_information", "analyses"}), analyse_choices),
    (frozenset({"analogous_problem", "restated_problem"}), recall_analogy),
    (frozenset({"new_events"}), new_events),
    (frozenset({"tails"}), write_tails),
    (frozenset({"concepts"}), conceptualise),
    (frozenset({"instances"}), instantiate),
    (frozenset({"plausible"}), judge_statement),
    (frozenset({"yes_or_no"}), judge_statement),
    (frozenset({"predicates"}), compare),
    (frozenset({"relations"}), relate),
    (frozenset({"values"}), search_values),
    (frozenset({"statements"}), fill_rule),
)
"""Fields that only this task's form has, and the task; the first that fits is done."""
