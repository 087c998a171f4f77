"""Runs that are made by hand, record by record."""

from typing import Any

from orchestrator.examination.statistics import wilson_interval
from orchestrator.recipe import Recipe, load_recipe
from storage.records import (
    Attempt,
    Call,
    CallOutcome,
    Cluster,
    Dataset,
    Draft,
    Entry,
    Failure,
    Outcome,
    Plan,
    Record,
    Ruling,
    Run,
    Scorecard,
    Seed,
    Student,
    Verdict,
)
from storage.store import Store

SKILLS = ("addition", "change", "want")
RIGHT = {  # by round and exam: how many of ten in each skill
    (0, "probe"): (1, 0, 2),
    (1, "probe"): (6, 4, 5),
    (2, "probe"): (9, 8, 7),
    (0, "test"): (1, 1, 2),
    (2, "test"): (9, 8, 8),
    (0, "retention"): (9, 9, 9),
    (2, "retention"): (9, 9, 8),
}


class Built:
    """A run that grows record by record; `text` stands in for whatever teachers and students wrote."""

    def __init__(
        self,
        store: Store,
        text: str = "Ann has 3 apples",
        skills: tuple[str, ...] = SKILLS,
        recipe: Recipe | None = None,
    ) -> None:
        self.store, self.text, self.skills, self.right = store, text, skills, dict(RIGHT)
        recipe = recipe or load_recipe("demo")
        self.run = Run.new(recipe_name=recipe.name, recipe_digest=recipe.digest, recipe=recipe.resolved())
        self.of = {"run": self.run.key}
        self.add(self.run, Plan.new(**self.of, round=1, why="the first round covers 3 skills, evenly"))

    def add(self, *records: Record) -> None:
        self.store.add(*records)

    def base(self) -> "Built":
        self.students = {0: Student.new(**self.of, round=0, job="student", base="embedded", base_digest="sha")}
        self.add(self.students[0])
        return self.examined(0, "probe")

    def examined(self, number: int, exam: str) -> "Built":
        right, attempts = dict(zip(self.skills, self.right[number, exam], strict=False)), []
        for skill in self.skills:
            attempts += [self._attempt(number, exam, skill, i, i < right[skill]) for i in range(10)]
        self.add(*attempts, *self._mined(number, exam, attempts))
        each = {skill: _score(right[skill], 10) for skill in self.skills}
        whole = _score(sum(right.values()), len(attempts))
        self.add(
            Scorecard.new(**self.of, round=number, student=self.students[number].key, exam=exam, skills=each, **whole)
        )
        self.add(Entry.new(**self.of, round=number, stage="examine", subject=f"s {number} {exam}", seconds=3.5))
        return self

    def _attempt(self, number: int, exam: str, skill: str, i: int, right: bool) -> Attempt:
        what = {
            "question": f"{exam} {skill} {i}: {self.text}?",
            "gold": str(i),
            "reply": f"{self.text} #### {i if right else -1}",
        }
        student = self.students[number].key
        more = {
            "exam": exam,
            "right": right,
            "skill": skill,
            "answer": str(i if right else -1),
            "split_key": f"{exam}{i}",
        }
        return Attempt.new(**self.of, round=number, student=student, **what, **more)

    def _mined(self, number: int, exam: str, attempts: list[Attempt]) -> list[Failure | Cluster]:
        """A cluster for each skill, as probe and practice have them."""
        found: list[Failure | Cluster] = []
        for skill in self.skills if exam in ("probe", "practice") else ():
            label = f"{skill or 'all'}: wrong answer"
            wrong = [attempt for attempt in attempts if attempt.skill == skill and not attempt.right]
            kept = [
                Failure.new(**self.of, round=number, attempt=attempt.key, cluster=label, skill=skill)
                for attempt in wrong
            ]
            before = 10 - self.right[number - 1, exam][self.skills.index(skill)] if number else None
            facts = {"student": self.students[number].key, "exam": exam, "label": label, "skill": skill}
            sizes = {"size": len(kept), "before": before, "failures": [failure.key for failure in kept]}
            found += [*kept, *([Cluster.new(**self.of, round=number, **facts, **sizes)] if kept else [])]
        return found

    def call(self, number: int, stage: str, i: int, outcome: CallOutcome, model: str, usd: float | None) -> Call:
        asked = {"prompt": f"{stage} {number} {i}"}
        call = Call.new(model=model, request=asked, outcome=outcome, prompt_tokens=50, completion_tokens=20, usd=usd)
        spent = {"usd": usd, "prompt_tokens": 50, "completion_tokens": 20, "seconds": 0.5}
        self.add(call, Entry.new(**self.of, round=number, stage=stage, subject=call.key, **spent))
        return call

    def lessons(self, number: int, model: str = "rehearsal-teacher", usd: float | None = None) -> "Built":
        for i in range(12):
            outcome = CallOutcome.UNREADABLE if i == 11 else CallOutcome.READ
            call = self.call(number, "solve", i, outcome, model, usd)
            if i < 11:
                self._judged(self._draft(number, i, call), i)
        return self

    def _draft(self, number: int, i: int, call: Call) -> Draft:
        fields = {"question": f"{i}: {self.text}", "gold": "4", "answer": "4", "rationale": f"{self.text} so 4"}
        more = {"split_key": f"train{i}", "producer": f"write_solution@1 {call.model}", "call": call.key}
        return Draft.new(
            **self.of, round=number, step="solve", kind="solution", fields=fields, parents=[f"s{number}.{i}"], **more
        )

    def _judged(self, draft: Draft, i: int) -> None:
        wrong = {"reason": "wrong answer", "evidence": {"answer": self.text, "gold": "4"}}
        self.add(draft, self._verdict(draft, "right_answer", i > 4, wrong))
        if i > 4:
            step = {"reason": "wrong step", "evidence": {"wrong": [{"text": self.text, "claimed": "5", "actual": "4"}]}}
            self.add(self._verdict(draft, "sound_steps", i > 6, step))

    def _verdict(self, draft: Draft, step: str, passed: bool, otherwise: dict[str, Any]) -> Verdict:
        outcome = Outcome.ACCEPTED if passed else Outcome.REJECTED
        what = {"reason": "fine"} if passed else otherwise
        return Verdict.new(**self.of, draft=draft.key, step=step, judge="j@1", outcome=outcome, **what)

    def trained(self, number: int) -> "Built":
        dataset = Dataset.new(**self.of, round=number, name="lessons", format="f", digest=f"d{number}", size=40)
        student = {"job": "student", "base": "embedded", "base_digest": "sha", "dataset": dataset.key}
        metrics = {"steps": 70, "loss": 0.1234, "seconds": 40.0}
        place = {"adapter": f"round-{number}/student/adapter", "adapter_digest": "a" * 64}
        self.students[number] = Student.new(**self.of, round=number, **student, **place, metrics=metrics)
        spent = Entry.new(**self.of, round=number, stage="train", subject=self.students[number].key, seconds=40.0)
        self.add(dataset, self.students[number], spent)
        return self

    def planned(self, number: int) -> "Built":
        """A plan that targets failures, and a question that was written for one of them."""
        failures = self.store.failures(self.run.key, number - 1)
        targets = [failure.key for failure in failures[:5]]
        why = f"{len(failures)} answers were wrong; {self.text}"
        fields = {"question": f"why {self.text}?", "gold": "4", "student_reply": "5"}
        about = {"skill": self.skills[0], "split_key": "probe1"}
        seed = Seed.new(**self.of, round=number, stream="failures", kind="failure", fields=fields, **about)
        new = {"fields": {"question": f"A new one: {self.text}"}, "parents": [seed.key], "producer": "w@1", **about}
        draft = Draft.new(**self.of, round=number, step="practise", kind="question", **new)
        quotas = dict.fromkeys(self.skills, 7)
        self.add(Plan.new(**self.of, round=number, quotas=quotas, targets=targets, why=why), seed, draft)
        return self

    def stopped(self) -> "Built":
        self.add(Plan.new(**self.of, round=3, stop=True, why="all 2 rounds are done"))
        for exam in ("test", "retention"):
            self.examined(0, exam).examined(2, exam)
        return self

    def ruled(self, outcome: str, why: str, **figures: Any) -> "Built":
        pair = {"champion": self.students[0].key, "challenger": self.students[2].key}
        suite = {"exam": "test", "purpose": "target", "n": 30, "champion": 0.13, "challenger": 0.83, "difference": 0.7}
        suite |= {"low": 0.55, "high": 0.85, "p": 1e-9, "p_adjusted": 1e-9, "worst": None} | figures
        self.add(Ruling.new(**self.of, round=2, **pair, outcome=outcome, why=why, figures=[suite]))
        return self

    def whole(self, **bought: Any) -> "Built":
        first = self.base().lessons(1, **bought).trained(1).examined(1, "probe").planned(2)
        return first.lessons(2, **bought).trained(2).examined(2, "probe").stopped()


def _score(right: int, n: int) -> dict[str, Any]:
    low, high = wilson_interval(right, n)
    return {"n": n, "accuracy": right / n, "low": low, "high": high}
