"""What a recipe's clauses must say of one another; each rule refuses with the reason and the way out."""

import difflib
from typing import TYPE_CHECKING, Any

from agents.registry import components
from orchestrator.clauses import (
    ATTEMPTS,
    BRIEFS,
    FAILURES,
    FED,
    MISTAKES,
    NO_JOBS,
    AnyStep,
    Generate,
    Job,
    Judge,
    Select,
    Weigh,
    roles_of,
)
from orchestrator.kinds import Format

if TYPE_CHECKING:
    from orchestrator.recipe import Recipe


def check(recipe: "Recipe") -> None:
    """Raises ValueError for the first rule that is broken."""
    for rule in (_check_streams, _check_failures, _check_roles, _check_training, _check_seeds, _check_exams):
        rule(recipe)


def _check_streams(recipe: "Recipe") -> None:
    known, steps, read = [*recipe.sources, *FED], set[str](), set[str]()
    for step in recipe.lessons:
        if step.step in steps:
            raise ValueError(f"lessons: two steps are named {step.step!r}; a step's name is its identity")
        steps.add(step.step)
        for stream in step.sources:
            _known(
                stream,
                known,
                f"step {step.step!r} reads",
                "a source, a stream of feedback, or what an earlier step fills",
            )
            if not isinstance(step, Generate) and (stream in recipe.sources or stream in FED):
                raise ValueError(
                    f"step {step.step!r} judges {stream!r}, which holds no drafts; generate some from it first"
                )
        if isinstance(step, Select):
            _check_heard(recipe, step)
        _check_filled(recipe, step, read)
        read |= set(step.sources)
        known += filled(step)
    for stream in recipe.inference.sources:
        _known(stream, known[len(recipe.sources) + len(FED) :], "inference shows", "a stream that a step fills")
    for name, dataset in recipe.datasets.items():
        for stream in dataset.sources:
            _known(stream, known, f"dataset {name!r} reads", "a stream that a step fills")
            if stream in recipe.sources or stream in FED:
                raise ValueError(
                    f"dataset {name!r} reads {stream!r}, which holds no drafts; name a stream that a step fills"
                )


def _check_heard(recipe: "Recipe", step: Select) -> None:
    """The steps whose verdicts a selection is told stand before it."""
    before = [one for one in recipe.lessons[: recipe.lessons.index(step)] if not isinstance(one, Generate)]
    if step.labels:
        judging = [one.step for one in before if isinstance(one, Judge)]
        _known(step.labels, judging, f"step {step.step!r} learns from", "a judging step before it")
    if step.scores:
        names = [one.step for one in before]
        _known(step.scores, names, f"step {step.step!r} goes by the scores of", "a judging or selecting step before it")


def filled(step: AnyStep) -> list[str]:
    """The streams that a step fills."""
    rejected_to = getattr(step, "rejected_to", None)
    return [step.to, rejected_to] if rejected_to else [step.to]


def _check_filled(recipe: "Recipe", step: AnyStep, read: set[str]) -> None:
    for stream in filled(step):
        if stream in recipe.sources or stream in FED:
            raise ValueError(
                f"step {step.step!r} fills {stream!r}, which is not a step's to fill; choose another stream"
            )
        if stream in read:
            raise ValueError(
                f"step {step.step!r} fills {stream!r} after an earlier step has read it, which would miss what comes; "
                "put the step before its reader, or name another stream"
            )
    if len(set(filled(step))) < len(filled(step)):
        raise ValueError(f"step {step.step!r} sends accepted and rejected drafts to {step.to!r}; name two streams")


def _check_failures(recipe: "Recipe") -> None:
    """The probe's failures are exam items, briefs may quote some, and so may all that is made from them but a new item."""
    of_failures = {name: name for name in (FAILURES, BRIEFS)}  # stream, and the way to it
    for step in recipe.lessons:
        if not (isinstance(step, Generate) and step.generate.opens):
            way = next((of_failures[stream] for stream in step.sources if stream in of_failures), None)
            of_failures |= {stream: f"{way} → {stream}" for stream in filled(step) if way}
    for name, dataset in recipe.datasets.items():
        for stream in dataset.sources:
            if way := of_failures.get(stream):
                raise ValueError(
                    f"dataset {name!r} would hold lessons on exam items ({way}); lessons from `{way.split()[0]}` must "
                    "pass a generator that writes new items, e.g. write_similar_question"
                )
    for stream in recipe.inference.sources:
        if way := of_failures.get(stream):
            raise ValueError(
                f"inference would show exam items in exams ({way}); a shelf made from `{way.split()[0]}` must pass a "
                "generator that writes new items, or be made from `mistakes` of practice"
            )


def _check_roles(recipe: "Recipe") -> None:
    for name, exam in recipe.exams.items():
        if role := getattr(exam, "role", None):
            _known(role, recipe.roles, f"exam {name!r} asks", "a role of `roles:`")
    if recipe.mining.role:
        _known(recipe.mining.role, recipe.roles, "mining asks", "a role of `roles:`")
    for step in recipe.lessons:
        for role in roles_of(step):
            _known(role, recipe.roles, f"step {step.step!r} asks", "a role of `roles:`")


def _check_training(recipe: "Recipe") -> None:
    jobs = [job.job for job in recipe.training]
    if len(set(jobs)) < len(jobs):
        raise ValueError(f"training: two jobs share a name ({', '.join(jobs)}); a job's name is its students' identity")
    if taken := next((name for name in jobs if name in NO_JOBS), None):
        raise ValueError(f"training: no job can be named {taken!r}, which `init:` means something else by; rename it")
    for job in recipe.training:
        _known(job.dataset, recipe.datasets, f"job {job.job!r} trains on", "a dataset of `datasets:`")
        _known(job.student, recipe.students, f"job {job.job!r} trains", "a student of `students:`")
        _check_rows(recipe, job)
        _check_after(recipe, job)
        _check_teacher(recipe, job)
    for step in recipe.lessons:
        if isinstance(step, Weigh):
            _known(step.student, jobs, f"step {step.step!r} asks the student of", "a job of `training:`")
    for name in recipe.inference.jobs():
        _known(name, jobs, f"inference {recipe.inference.use!r} asks", "a job of `training:`")


def _check_rows(recipe: "Recipe", job: Job) -> None:
    """An objective needs rows of one shape, and a format gives rows of one."""
    form, needs = recipe.datasets[job.dataset].format, job.objective.shape
    if form.shape != needs:
        fit = [
            name
            for kind, name, cls in components()
            if kind is Format and issubclass(cls, Format) and cls.shape == needs
        ]
        raise ValueError(
            f"job {job.job!r}: objective {job.objective.use!r} needs {needs} rows, and format {form.use!r} of dataset "
            f"{job.dataset!r} gives {form.shape} rows; formats that fit: {', '.join(fit)}"
        )


def _check_after(recipe: "Recipe", job: Job) -> None:
    """A job goes on only from what is there by then, has its base and its LoRA's shape."""
    if job.after is None:
        return
    before = {one.job: one for one in recipe.training[: recipe.training.index(job)]}
    _known(job.after, [*before, *NO_JOBS], f"job {job.job!r} goes on from", "a job before it, `base` or `previous`")
    other = before[job.after]
    if (other.student, other.lora) != (job.student, job.lora):
        raise ValueError(
            f"job {job.job!r} goes on from the adapter of job {other.job!r}, so it has its student and LoRA too; give it "
            f"student: {other.student} and lora: {other.lora.model_dump(exclude_defaults=True)}"
        )


def _check_teacher(recipe: "Recipe", job: Job) -> None:
    """A student that teaches another by its logits is made before it, or is a base of the recipe."""
    teacher = getattr(job.objective, "teacher", None)
    if teacher is None:
        return
    if teacher.job:
        before = [one.job for one in recipe.training[: recipe.training.index(job)]]
        _known(teacher.job, before, f"job {job.job!r} is taught by", "a job before it")
    if teacher.student:
        _known(teacher.student, recipe.students, f"job {job.job!r} is taught by", "a student of `students:`")


def _check_seeds(recipe: "Recipe") -> None:
    for name in recipe.lesson_sources():
        if recipe.seeds_of(name) < 1:
            raise ValueError(f"seeds: source {name!r} feeds lessons; say how many a round it gives, e.g. {name}: 400")
    for name, count in recipe.seeds.items():
        _known(name, recipe.lesson_sources(), "seeds names", "a source that a step reads")
        for skill in count if isinstance(count, dict) else ():
            _known(skill, recipe.sources[name].skills(), f"seeds of {name!r} names", "a skill of the source")


def _check_exams(recipe: "Recipe") -> None:
    for name, exam in recipe.exams.items():
        _known(exam.source, recipe.sources, f"exam {name!r} asks from", "a source of `sources:`")
    if not any(exam.part == "probe" for exam in recipe.exams.values()):
        raise ValueError("exams: none has `part: probe`; feedback and the learning curve need one")
    _check_practice(recipe)
    fed = sorted({stream for step in recipe.lessons for stream in step.sources if stream in FED})
    if recipe.stop.rounds == 1 and fed:
        raise ValueError(f"a step reads `{fed[0]}`, but with one round there are none; set `stop.rounds` to 2 or more")
    practised = [name for name in (ATTEMPTS, MISTAKES) if name in fed]
    if practised and not any(exam.part == "train" for exam in recipe.exams.values()):
        raise ValueError(
            f"a step reads `{practised[0]}`, but no exam is practice; add one with `part: train` on the source of the lessons"
        )


def _check_practice(recipe: "Recipe") -> None:
    """A policy that learns from practice names the exam; another name would find nothing, round after round."""
    name = getattr(recipe.feedback, "exam", None)
    if name is None:
        return
    _known(name, recipe.exams, f"feedback {recipe.feedback.use!r} reads", "an exam of `exams:`")
    if recipe.exams[name].part != "train":
        raise ValueError(
            f"feedback {recipe.feedback.use!r} reads exam {name!r}, which is no practice; name one with `part: train`"
        )


def _known(name: str, known: Any, who: str, what: str) -> None:
    if name not in known:
        near = difflib.get_close_matches(name, list(known), n=1)
        hint = f" Did you mean {near[0]!r}?" if near else ""
        raise ValueError(f"{who} {name!r}, which is not {what}.{hint} There are: {', '.join(known)}")
