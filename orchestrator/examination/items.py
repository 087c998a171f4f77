"""The questions of a recipe's exams, and what they guard."""

import re
from hashlib import blake2b
from random import Random

from agents.answers import final_answer
from agents.kinds import Part, SourceError
from orchestrator.kinds import ExamItem, Grade
from orchestrator.recipe import Recipe

CANARY = "canary"
"""Skill of the items whose answers nobody can know without having seen the exam."""
CODE_WORDS = ("red", "green", "blue", "white")
"""What a canary's answer is drawn from: who knows nothing is right once in four times."""
LETTERS = "bcdfghjklmnprstvwz"


def exam_items(recipe: Recipe, name: str) -> list[ExamItem]:
    """The questions of one exam, in the form in which the last job's lessons are written. Raises SourceError for none."""
    exam = recipe.exams[name]
    form = recipe.datasets[recipe.training[-1].dataset].format
    items = exam.items(recipe.sources[exam.source], form, recipe.seed)
    if not items:
        raise SourceError(
            f"exam {name!r} has no questions: source {exam.source!r} gives none for its part {exam.part!r}; "
            "give the source more questions, or set its shares"
        )
    distinct = {item.question: item for item in reversed(items)}  # an attempt is known by its question
    return [item for item in items if distinct[item.question] is item] + _canaries(recipe, name)


def replies_to(recipe: Recipe, name: str) -> int:
    """How many replies of a student an exam grades; those to canaries count for nothing."""
    return sum(item.skill != CANARY for item in exam_items(recipe, name)) * recipe.exams[name].samples


def guarded_keys(recipe: Recipe) -> frozenset[str]:
    """Split keys of every exam item: what no lesson may be about. Practice guards nothing."""
    return frozenset(item.split_key for item in guarded_items(recipe))


def guarded_items(recipe: Recipe) -> list[ExamItem]:
    """The items of every probe and test."""
    return [item for name, exam in recipe.exams.items() if exam.part != "train" for item in exam_items(recipe, name)]


def exams_of(recipe: Recipe, part: Part) -> list[str]:
    """By name: the order in which a recipe says them is not kept with the run."""
    return sorted(name for name, exam in recipe.exams.items() if exam.part == part)


def probed_sources(recipe: Recipe) -> set[str]:
    """The sources that the student is taught to answer, as against those that it must only not forget."""
    return {recipe.exams[name].source for name in exams_of(recipe, "probe")}


def grade_canary(item: ExamItem, reply: str) -> Grade:
    """By the one code word that the final answer names, or the whole reply where nothing is marked as such.

    The same in every exam: a canary has no choices and no other right answers, and a judge that does not know its answer
    would let any pass.
    """
    words = re.findall(r"[a-z]+", (final_answer(reply) or reply).lower())
    named = [word for word in CODE_WORDS if word in words]
    return Grade(named[0], named[0] == item.gold) if len(named) == 1 else Grade(None, False)


def _canaries(recipe: Recipe, name: str) -> list[ExamItem]:
    """Questions about made-up names with drawn answers: a student that knows them has been taught the exam.

    In the manner of Srivastava et al. 2022 (BIG-bench), but asked rather than searched for, so that a leak through a
    teacher shows as well (Mansurov et al. 2024, Data Laundering).
    """
    exam = recipe.exams[name]
    form = recipe.datasets[recipe.training[-1].dataset].format
    found = []
    for number in range(exam.canaries):
        digest = blake2b(f"{recipe.name}:{recipe.seed}:{name}:{number}".encode(), digest_size=16).hexdigest()
        chance = Random(digest)
        word = "".join(chance.choice(LETTERS) + chance.choice("aeiou") for _ in range(4))
        question = f"What is the code word of {word}? It is {', '.join(CODE_WORDS[:-1])} or {CODE_WORDS[-1]}."
        fields = {"question": question, "gold": chance.choice(CODE_WORDS), "canary": word}
        found.append(ExamItem(question, fields["gold"], form.prompt(fields), CANARY, f"{CANARY}:{word}", fields))
    return found
