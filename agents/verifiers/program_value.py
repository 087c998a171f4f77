from collections.abc import Sequence
from typing import Annotated

from pydantic import Field

from agents.answers import same_answer
from agents.kinds import Judgement, UnfitDraft, Verifier, accepted, rejected
from agents.registry import register
from agents.sandbox import Limits, Ran, SandboxError, run_programs, run_programs_aside, said, trouble
from storage.records import Draft

TAIL = 200


@register("program_value")
class ProgramValue(Verifier):
    """Keeps a `program` whose `solution()` returns the gold answer when it is carried out (PaD, Zhu et al. 2023).

    Each program runs in a sandbox of its own, without network or files; docs/programs.md says how, and what has to be
    installed. A value of binary floating point is compared to 12 significant digits, a list as its entries with commas.
    """

    seconds: Annotated[int, Field(ge=1, le=600)] = 5
    """CPU time of one program; four times as long by the clock."""
    megabytes: Annotated[int, Field(ge=64, le=16_384)] = 256
    """Memory of one program, in MiB."""

    def missing(self) -> str | None:
        return trouble()

    def judge(self, draft: Draft) -> Judgement:
        gold, program = _gold(draft), str(draft.fields["program"])
        try:
            (ran,) = run_programs([program], self._limits)
        except SandboxError as error:
            raise UnfitDraft(f"program_value: {error}") from error
        return _judgement(ran, gold)

    async def judge_all(self, drafts: Sequence[Draft]) -> list[Judgement]:
        golds, programs = [_gold(draft) for draft in drafts], [str(draft.fields["program"]) for draft in drafts]
        try:
            found = await run_programs_aside(programs, self._limits)
        except SandboxError as error:
            raise UnfitDraft(f"program_value: {error}") from error
        return [_judgement(ran, gold) for ran, gold in zip(found, golds, strict=True)]

    @property
    def _limits(self) -> Limits:
        return Limits(seconds=self.seconds, wall_seconds=4.0 * self.seconds, megabytes=self.megabytes)


def _gold(draft: Draft) -> str:
    if "gold" not in draft.fields:
        raise UnfitDraft("program_value compares with `gold`, which this draft's source does not give")
    return str(draft.fields["gold"])


def _judgement(ran: Ran, gold: str) -> Judgement:
    """The reason is one of few, so that drafts are counted by it; what is one draft's own is evidence."""
    if ran.value is None:
        reason = f"the program raised {ran.raised}" if ran.cause == "error" else f"the program: {ran.cause}"
        return rejected(reason, evidence={"gold": gold, "message": ran.message, "stdout": ran.stdout[-TAIL:]})
    value = said(ran.value)
    evidence = {"gold": gold, "value": value, "stdout": ran.stdout[-TAIL:]}
    judge = accepted if same_answer(value, gold) else rejected
    return judge("the value is right" if judge is accepted else "wrong value", evidence=evidence)
