"""Writing new questions: rarer ones than one that is shown, and what a report of a student asks for."""

import re
from random import Random
from typing import Any

from agents.rehearsal.faults import questions_in
from agents.rehearsal.skill import Skill
from agents.rehearsal.world import SKILLS

DRAWN = 8
"""Questions of which a rarer one is the least like the one shown."""
COUNT = re.compile(r"\bWrite ([0-9]{1,2}) new problems")


def rarer(writer: Any) -> dict[str, Any]:
    """A question of the same skill, which shares as few words as it can with the one shown, or a copy of it."""
    item = next(questions_in(writer.question), None)
    if item is None:
        return {}
    if writer.rng.random() < writer.profile.duplicate_rate:
        return {"rarer_question": item.question}
    shown = set(item.question.split())
    drawn = [_drawn(item.skill, writer) for _ in range(DRAWN)]
    return {"rarer_question": min(drawn, key=lambda question: len(shown & set(question.split())))}


def from_report(writer: Any) -> dict[str, Any]:
    """So many questions as are asked for, of the skill of the hard negatives, or else of the examples or the name told."""
    shown = [*questions_in(writer.fields.get("hard_negatives", ""), writer.fields.get("right_examples", ""))]
    skill = shown[0].skill if shown else SKILLS.get(writer.fields.get("skill", "").strip())
    if skill is None:
        return {}
    wanted = int(found[1]) if (found := COUNT.search(writer.text)) else 1
    written: list[str] = []
    for _ in range(wanted):
        copies = bool(shown) and writer.rng.random() < writer.profile.duplicate_rate
        written.append(writer.rng.choice(shown).question if copies else _drawn(skill, writer))
    return {"new_questions": written}


def on_topic(writer: Any) -> dict[str, Any]:
    """So many questions as are asked for, of the skill that the topic names; of another at the writer's rate of errors."""
    skill = SKILLS.get(writer.fields.get("topic", "").strip().lower().replace(" ", "_"))
    if skill is None:
        return {}
    found = COUNT.search(writer.text)
    written = []
    for _ in range(int(found[1]) if found else 1):
        astray = writer.rng.random() < writer.profile.error_in(skill.name)
        written.append(_drawn(writer.rng.choice(list(SKILLS.values())) if astray else skill, writer))
    return {"questions_on_topic": written}


def _drawn(skill: Skill, writer: Any) -> str:
    chance: Random = writer.rng
    return writer.uncovered(lambda: skill.write(skill.draw(chance), chance))
