from agents.kinds import Fields, Generator, Teacher, UnfitDraft, UnreadableReply, Writing
from agents.registry import register


@register("own_reply")
class OwnReply(Generator):
    """Takes what the student wrote in practice as a draft, and asks nobody (self-imitation of I2D2, Bhagavatula et al. 2023;
    self-training).

    For a step that reads the stream `attempts`. What it wrote are the fields that the format of its lessons reads in its
    reply (`reply_fields`); one that has not this form, or was cut, counts as unreadable and becomes nothing. Raises
    UnfitDraft for a material that is no attempt.
    """

    writes = "reply"
    reads = ("reply_fields",)
    asks = False

    async def write(self, fields: Fields, teacher: Teacher, sample: int) -> list[Writing]:
        if "reply_fields" not in fields:
            raise UnfitDraft(
                "own_reply reads what the student wrote in practice; let it read the stream `attempts`, and where it takes "
                "several attempts together, let them agree in `reply_fields`"
            )
        if not fields["reply_fields"]:
            raise UnreadableReply("the reply has not the form of the student's lessons", "")
        return [Writing(dict(fields["reply_fields"]))]
