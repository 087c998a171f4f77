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
    drawn = [_drawn(item.skill, writer.rng) for _ in range(DRAWN)]
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
        written.append(writer.rng.choice(shown).question if copies else _drawn(skill, writer.rng))
    return {"new_questions": written}


def _drawn(skill: Skill, chance: Random) -> str:
    return skill.write(skill.draw(chance), chance)
