"""The exam on what is not taught, for recipes that have none: what a student could do before and might lose."""

from collections.abc import Mapping
from typing import Any

from pydantic import BaseModel

SOURCE, EXAM = "retained", "retention"
OF_EMBEDDED = {"use": "rehearsal_world", "choose": "primitive"}, {"use": "final_answer", "per_skill": 6}
"""The base that ships with the project knows these skills and no others."""
OF_OTHERS = {"use": "general_knowledge"}, {"use": "stated_answer"}


def with_retention(data: Any) -> Any:
    """A recipe's data with a source and an exam added, unless it says `retention: false` or examines something untaught.

    What is no recipe is given back as it is: to say what is wrong with it is the validation's business.
    """
    if not _is_recipe(data) or data.get("retention") is False or _examines_untaught(data["exams"]):
        return data
    if SOURCE in data["sources"] or EXAM in data["exams"]:
        return data
    bases = {str(student.get("base")) for student in data["students"].values() if isinstance(student, Mapping)}
    source, exam = OF_EMBEDDED if bases == {"embedded"} else OF_OTHERS
    return {
        **data,
        "sources": {**data["sources"], SOURCE: dict(source)},
        "exams": {**data["exams"], EXAM: {**exam, "source": SOURCE, "part": "test"}},
    }


def _is_recipe(data: Any) -> bool:
    return isinstance(data, Mapping) and all(isinstance(data.get(n), Mapping) for n in ("sources", "exams", "students"))


def _examines_untaught(exams: Mapping[str, Any]) -> bool:
    """Whether some test asks from a source that no probe asks from."""
    clauses = [vars(exam) if isinstance(exam, BaseModel) else exam for exam in exams.values()]
    clauses = [clause for clause in clauses if isinstance(clause, Mapping)]
    sources = {
        part: {str(c.get("source")) for c in clauses if c.get("part", "probe") == part} for part in ("probe", "test")
    }
    return bool(sources["test"] - sources["probe"])
