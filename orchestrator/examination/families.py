"""Which models are of one family, by their names: a judge favours what its own family wrote."""

import re
from collections.abc import Mapping

_STEMS = {
    r"(?<![a-z])(?:chat)?gpt|(?<![a-z])o[1-9](?![0-9b])|davinci": "gpt",
    r"claude": "claude",
    # Gemma is made of what made Gemini (Gemma Team 2024).
    r"gemini|gemma": "gemini",
    # Vicuna and Alpaca are LLaMA taught with other models' replies.
    r"(?<!o)llama|vicuna|alpaca": "llama",
    r"qwen|(?<![a-z])q[wv]q(?![a-z])": "qwen",
    r"(?:mi|mini|code|dev|magi|vox)stral|(?:mi|pi)xtral": "mistral",
    r"deepseek": "deepseek",
    r"command-?r|c4ai|(?<![a-z])aya(?![a-z])": "command",
    r"(?<![a-z])phi(?![a-z])": "phi",
    r"(?<![a-z])(?:chat)?glm": "glm",
    r"kimi|moonshot": "kimi",
    r"rehearsal": "rehearsal",
}
"""Patterns of the names that one family goes by. The leftmost in a name counts: makers write their own name first."""
_NO_NAME = re.compile(
    r"(?:checkpoint|step|round|version|v)?[-_]?\d*|snapshots?|adapter|merged|final|main|model|[0-9a-f]{12,64}"
)
"""Folders and files in which a model lies and that say nothing of which it is."""


def family(model: str) -> str:
    """The family that a model's name or folder belongs to, in lower case; empty for an empty name.

    Only the last part of a path that names a model counts: who offers a model says little of who made it. A name that
    is not known is a family of its own, called by its first letters.
    """
    parts = re.split(r"[/\\]+", model.lower().partition("?")[0])
    name = next((part for part in reversed(parts) if not _NO_NAME.fullmatch(part)), "") or model.lower()
    places = [(found.start(), known) for stem, known in _STEMS.items() if (found := re.search(stem, name))]
    if places:
        return min(places)[1]
    letters = re.search(r"[^\W\d_]+", name)
    return letters[0] if letters else name


def conflicts(judge: str, others: Mapping[str, str]) -> list[str]:
    """A sentence for each of the `others` (role: model) that is of the judge's family; empty if none is.

    Models recognise and favour what they wrote themselves (Panickssery et al. 2024), and students write as their
    teachers do.
    """
    own = family(judge)
    return [
        f"the judge {judge!r} and the {role} {model!r} are both of the family {own!r}; expected two families, for a "
        "model favours its own kind; name a model of another family for one of them, or say that it is meant"
        for role, model in others.items()
        if own and family(model) == own
    ]
