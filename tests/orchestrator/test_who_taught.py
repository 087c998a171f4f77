"""From a question that a student got wrong to the lessons nearest to it, and what is known of a leak."""

import pytest

from orchestrator.examination.decontamination import JUDGE
from orchestrator.examination.items import CANARY
from orchestrator.who_taught import who_taught
from storage.records import Attempt, Dataset, DatasetRow, Draft, Outcome, Run, Student, Verdict
from storage.store import Store, StoreError, rows_digest

QUESTION = "A train leaves Bern at 8 and arrives in Basel at 9. How long does it take?"
LESSONS = {
    "train": "A train leaves Chur at 7 and arrives in Bern at 9. How long does it take? It takes 9 - 7 = 2 hours.",
    "apples": "Ann buys apples for 3 francs and pays with 5. She gets 5 - 3 = 2 back.",
    "film": "The film begins at 8 and lasts two hours, so it ends at 10.",
}


class Taught:
    """A run with a student of two rounds; the second goes on from the first."""

    def __init__(self, store: Store) -> None:
        self.store = store
        self.run = Run.new(recipe_name="r", recipe_digest="d", recipe={"exams": {"probe": {}, "test": {}}})
        store.add(self.run)
        first = self._student(1, ["train", "apples"], "")
        self.students = [first, self._student(2, ["film"], first.key)]
        self.base = Student.new(run=self.run.key, round=0, job="student", base="b", base_digest="x")
        store.add(self.base)

    def _student(self, number: int, names: list[str], parent: str) -> Student:
        drafts = [self.draft(number, name) for name in names]
        contents = [{"prompt": [{"role": "user", "content": LESSONS[name]}], "completion": []} for name in names]
        rows = [
            DatasetRow(dataset="", position=i, draft=draft.key, content=content)
            for i, (draft, content) in enumerate(zip(drafts, contents, strict=True))
        ]
        facts = {"run": self.run.key, "round": number}
        dataset = Dataset.new(**facts, name="lessons", format="f", digest=rows_digest(rows), size=len(rows))
        for row in rows:
            row.dataset = dataset.key
        student = Student.new(
            **facts, job="student", base="b", base_digest="x", dataset=dataset.key, parent=parent, adapter="a"
        )
        self.store.add(*drafts, *rows, dataset, student)
        return student

    def draft(self, number: int, text: str) -> Draft:
        fields = {"text": LESSONS.get(text, text)}
        more = {"split_key": text, "producer": "write_solution@1 teacher", "kind": "solution"}
        return Draft.new(run=self.run.key, round=number, step="solve", fields=fields, **more)

    def answered(self, student: Student, *, right: bool, question: str = QUESTION, **more: str) -> Attempt:
        facts = {"run": self.run.key, "round": student.round, "student": student.key, "exam": "probe", "gold": "1"}
        said = {"reply": f"so {right}", "right": right, "question": question, "split_key": "q"}
        attempt = Attempt.new(**{**facts, **said, **more})
        self.store.add(attempt)
        return attempt


@pytest.fixture
def taught(store: Store) -> Taught:
    return Taught(store)


def test_the_nearest_lesson_comes_first_with_where_it_is_from(taught: Taught) -> None:
    taught.answered(taught.base, right=False)
    attempt = taught.answered(taught.students[1], right=True)
    (found,) = who_taught(taught.store, taught.run, QUESTION)
    assert (found.key, found.right, found.reply) == (attempt.key, True, "so True")
    assert [(one.round, one.right) for one in found.others] == [(0, False), (2, True)]
    first, *others = found.lessons
    assert "Chur" in first.text
    assert first.datasets == ["lessons of round 1"]
    assert (first.round, first.step, first.producer) == (1, "solve", "write_solution@1 teacher")
    assert first.words > 0.8
    assert all(first.similarity >= other.similarity for other in others)
    assert found.holding == found.left_out == []
    assert found.verdict.startswith("no lesson holds it")


def test_a_student_is_asked_about_by_the_key_of_its_attempt_and_the_base_had_no_lessons(taught: Taught) -> None:
    base = taught.answered(taught.base, right=False)
    taught.answered(taught.students[1], right=True)
    (found,) = who_taught(taught.store, taught.run, base.key.rpartition(":")[2][:10])
    assert found.student == taught.base.key
    assert found.lessons == []


def test_what_a_later_student_was_taught_is_not_held_against_an_earlier_one(taught: Taught) -> None:
    attempt = taught.answered(taught.students[0], right=False, question="When does the film end that begins at 8?")
    (found,) = who_taught(taught.store, taught.run, attempt.key)
    assert all("film" not in lesson.text for lesson in found.lessons)


def test_an_exam_is_asked_about_whole_or_as_far_as_it_is_wrong(taught: Taught) -> None:
    for number, right in enumerate((True, False)):
        taught.answered(taught.students[1], right=right, question=f"{QUESTION} ({number})")
        taught.answered(taught.students[0], right=False, question=f"{QUESTION} ({number})")
    assert len(who_taught(taught.store, taught.run, None, "probe")) == 2
    (wrong,) = who_taught(taught.store, taught.run, None, "probe", wrong=True)
    assert wrong.question.endswith("(1)")


def test_a_leak_is_named(taught: Taught) -> None:
    question = LESSONS["train"]
    taught.answered(taught.students[1], right=True, question=question)
    draft = taught.draft(1, "the question over again")
    kept_out = {"step": JUDGE, "judge": JUDGE, "outcome": Outcome.REJECTED, "evidence": {"question": question}}
    taught.store.add(draft, Verdict.new(run=taught.run.key, draft=draft.key, **kept_out))
    (found,) = who_taught(taught.store, taught.run, question)
    assert found.left_out == [draft.key]
    assert len(found.holding) == 1
    assert found.verdict == "1 lessons hold it; 1 drafts were left out because they repeat it"


def test_a_canary_is_called_one(taught: Taught) -> None:
    words = {"skill": CANARY, "split_key": f"{CANARY}:basel"}
    taught.answered(taught.students[1], right=False, question="What is the code word of basel?", **words)
    taught.answered(
        taught.students[1],
        right=False,
        question="What is the code word of chur?",
        **words | {"split_key": f"{CANARY}:chur"},
    )
    clean, leaked = who_taught(taught.store, taught.run, None, "probe")
    clean, leaked = sorted((clean, leaked), key=lambda found: len(found.holding))
    assert clean.verdict.startswith("a canary, whose answer nobody can know")
    assert (len(clean.holding), len(leaked.holding)) == (0, 1)


def test_a_question_that_nobody_was_asked_is_explained(taught: Taught) -> None:
    with pytest.raises(StoreError, match="has taken an exam yet"):
        who_taught(taught.store, taught.run, QUESTION)
    taught.answered(taught.base, right=False)
    with pytest.raises(StoreError, match=r"No question of run .* is 'Who\?'.*exams are probe"):
        who_taught(taught.store, taught.run, "Who?")
    with pytest.raises(StoreError, match=r"no exam 'prob'.*probe, test"):
        who_taught(taught.store, taught.run, None, "prob")
    with pytest.raises(StoreError, match="--exam NAME"):
        who_taught(taught.store, taught.run, None)
