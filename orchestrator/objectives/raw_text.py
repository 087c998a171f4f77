from pydantic import Field

from agents.registry import register
from orchestrator.kinds import Objective, Shape


@register("raw_text")
class RawText(Objective):
    """Continued pre-training: every token of a plain text is learned, the end token too (TRL's SFTTrainer).

    A student of this job alone has no form to answer in; name it with `init:` in a job that teaches one.
    """

    trainer = "raw_text"
    shape = Shape.TEXT
    learning_rate: float = Field(default=1e-4, gt=0)
