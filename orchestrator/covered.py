"""What a step has written in rounds before, shown to its generator so that it writes something else."""

from collections.abc import Mapping, Sequence
from random import Random

from orchestrator.clauses import Generate
from orchestrator.examination.decontamination import clear
from orchestrator.streams import Streams
from orchestrator.work import Work
from storage.records import Draft, Plan


def covered(work: Work, plan: Plan, step: Generate, keys: Sequence[str]) -> Mapping[str, str]:
    """For each material, by its key, some texts that this step wrote in rounds before, one a line; nothing in the first.

    They are drawn by the material's key from rounds that are closed, so that a step carried out again asks what it asked.
    What belongs to an exam or repeats one of its questions is not among them; a material for which it was drawn is shown
    fewer. Raises ExamLeaked for a text that names a canary.
    """
    streams = Streams(work.recipe, work.store, work.run.key)
    before = [key for number in range(1, plan.round) for key in streams.let_through(step, step.to, number)]
    if not step.covered or not before:
        return {}
    drawn = {key: Random(key).sample(before, min(step.covered, len(before))) for key in keys}
    drafts = work.store.by_key(Draft, {one for some in drawn.values() for one in some})
    clean = clear(work, f"what step {step.step!r} has covered", list(drafts.values()))
    lines = {draft.key: _in_a_line(draft, step) for draft in clean}
    shown = {key: "\n".join(dict.fromkeys(lines[one] for one in some if one in lines)) for key, some in drawn.items()}
    return {key: text for key, text in shown.items() if text}


def _in_a_line(draft: Draft, step: Generate) -> str:
    written = (str(value) for name, value in draft.fields.items() if name not in step.adds)
    return " ".join(" ".join(written).split())
