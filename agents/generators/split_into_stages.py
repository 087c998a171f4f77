from collections.abc import Mapping, Sequence
from typing import Any

from agents.kinds import Fields, Generator, Teacher, UnfitDraft, Writing
from agents.registry import register
from agents.subquestions import analysed, on_one_line


@register("split_into_stages")
class SplitIntoStages(Generator):
    """Makes drafts of the stages of a thought, by rule: one to recall, one to analyse each choice, one to summarise
    (TinyThinker, Piao & Park 2024, §3.1).

    Each names its stage in `task`, for the format `several_tasks`. One that analyses has the `choice` and its `analysis`;
    one that summarises has all `analyses` as the text that the inference `in_stages` shows.
    """

    writes = "stage"
    reads = ("knowledge", "analyses")
    asks = False

    async def write(self, fields: Fields, teacher: Teacher, sample: int) -> list[Writing]:
        said = _read(fields["analyses"])
        return [
            Writing({"task": "recall"}),
            *(Writing({"task": "analyse", "choice": choice, "analysis": text}) for choice, text in said),
            Writing({"task": "summarise", "analyses": analysed(said)}),
        ]


def _read(analyses: Any) -> list[tuple[str, str]]:
    """The choices, and what is said of each."""
    try:
        return [(str(one["choice"]), _told(one)) for one in _entries(analyses)]
    except (KeyError, TypeError) as error:
        raise UnfitDraft(
            "split_into_stages expects `analyses`, a list of {choice, correct, because} as `analyse_choices` writes it; "
            f"found {str(analyses)[:80]!r}"
        ) from error


def _entries(analyses: Any) -> Sequence[Mapping[str, Any]]:
    if isinstance(analyses, str) or not analyses:
        raise TypeError("no list of analyses")
    return analyses


def _told(one: Mapping[str, Any]) -> str:
    return f"{'correct' if one['correct'] else 'incorrect'}. {on_one_line(str(one['because']))}"
