"""The report at every stage of a run, drawn from stores that are made by hand."""

import re
from collections.abc import Iterator
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest

from orchestrator.evaluation import wilson_interval
from orchestrator.recipe import load_recipe
from orchestrator.report import page as report
from orchestrator.report.page import write_report
from storage.records import (
    Attempt,
    Call,
    CallOutcome,
    Dataset,
    Draft,
    Entry,
    Failure,
    Outcome,
    Plan,
    Record,
    Run,
    Scorecard,
    Seed,
    Student,
    Verdict,
)
from storage.store import Store, open_store

SECTIONS = ("curve", "yield", "spending", "answers", "failures", "lineage")
HOSTILE = (
    "<script>alert('x')</script> {{ 7 * 7 }} {% raw %} \"quoted\" <img src=http://evil.example/x onerror=a()> \u202e"
)
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

    def __init__(self, store: Store, text: str = "Ann has 3 apples", skills: tuple[str, ...] = SKILLS) -> None:
        self.store, self.text, self.skills = store, text, skills
        recipe = load_recipe("demo")
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
        right, attempts = dict(zip(self.skills, RIGHT[number, exam], strict=False)), []
        for skill in self.skills:
            attempts += [self._attempt(number, exam, skill, i, i < right[skill]) for i in range(10)]
        self.add(*attempts, *(self._failure(a) for a in attempts if exam == "probe" and not a.right))
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

    def _failure(self, attempt: Attempt) -> Failure:
        cluster = f"{attempt.skill or 'all'}: wrong answer"
        return Failure.new(**self.of, round=attempt.round, attempt=attempt.key, cluster=cluster, skill=attempt.skill)

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

    def whole(self, **bought: Any) -> "Built":
        first = self.base().lessons(1, **bought).trained(1).examined(1, "probe").planned(2)
        return first.lessons(2, **bought).trained(2).examined(2, "probe").stopped()


def _score(right: int, n: int) -> dict[str, Any]:
    low, high = wilson_interval(right, n)
    return {"n": n, "accuracy": right / n, "low": low, "high": high}


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    with open_store(tmp_path / "store.sqlite") as opened:
        yield opened


class Page(HTMLParser):
    """What a browser would make of the report: its text, tags, and attributes."""

    VOID = frozenset(("meta", "br", "img", "link"))

    def __init__(self, html: str) -> None:
        super().__init__()
        self.html, self.text, self.tags, self.ids = html, "", set[str](), list[str]()
        self.attributes: list[tuple[str, str | None]] = []
        self.open: list[str] = []
        self.feed(html)
        self.text = " ".join(self.text.replace("\u00a0", " ").split())

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.add(tag)
        self.attributes += attrs
        self.ids += [value or "" for name, value in attrs if (tag, name) == ("section", "id")]
        if tag not in self.VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.add(tag)
        self.attributes += attrs

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.text += data if self.open[-1:] != ["style"] else ""


def page_of(built: Built, folder: Path) -> Page:
    page = Page(write_report(built.store, built.run, folder).read_text(encoding="utf-8"))
    assert tuple(page.ids) == SECTIONS
    assert not page.open
    return page


def test_a_whole_run_is_told_in_one_sentence(store: Store, tmp_path: Path) -> None:
    text = page_of(Built(store).whole(), tmp_path).text
    assert (
        "The student went from 13 % to 83 % on 30 questions it had never seen, in 2 rounds, for 24 calls and "
        "1.7 minutes of computing; it stopped because all 2 rounds are done." in text
    )
    assert "the teacher (rehearsal-teacher) is a program" in text
    assert "small embedded one" in text
    assert "overlap" not in text


def test_a_whole_run_shows_its_evidence(store: Store, tmp_path: Path) -> None:
    text = page_of(Built(store).whole(), tmp_path).text
    assert "Of 12 drafts with the right answer whose steps were checked, 4 rested on a wrong step." in text
    assert "22 written, 22 went on, 0 rejected. Calls: 22 read, 2 unreadable." in text
    assert "21 answers turned from wrong to right and 0 from right to wrong" in text
    assert "Plan for round 2: 15 answers were wrong" in text
    assert "5 failures get lessons of their own." in text
    assert "A new one: Ann has 3 apples" in text
    assert "90 % before (74 to 97 %), 87 % after" in text
    assert "unknown" in text


def test_a_known_price_is_shown_and_no_rehearsal_claimed(store: Store, tmp_path: Path) -> None:
    text = page_of(Built(store).whole(model="big-model", usd=0.25), tmp_path).text
    assert "$6.00" in text
    assert "rehearsal:" not in text


def test_nothing_has_happened_yet(store: Store, tmp_path: Path) -> None:
    text = page_of(Built(store), tmp_path).text
    assert (
        "Nothing has been trained or examined yet; 0 calls and no computing were spent so far; the run is unfinished"
        in text
    )
    assert "the run is unfinished, round 1 is under way." in text


def test_only_the_base_was_examined(store: Store, tmp_path: Path) -> None:
    text = page_of(Built(store).base().lessons(1), tmp_path).text
    assert "The untaught student is right in 10 % of 30 probe questions" in text


def test_a_run_between_rounds_speaks_of_the_probe(store: Store, tmp_path: Path) -> None:
    built = Built(store).base().lessons(1).trained(1).examined(1, "probe")
    store.end_run(built.run.key, "the budget of 12 calls has no room")
    text = page_of(built, tmp_path).text
    assert "The student went from 10 % to 50 % on 30 probe questions, in 1 round" in text
    assert "it was stopped early: the budget of 12 calls has no room." in text
    assert "these are probe questions" in text


def test_a_student_that_got_worse_is_called_so(store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(RIGHT, (1, "probe"), (0, 0, 1))
    text = page_of(Built(store).base().lessons(1).trained(1).examined(1, "probe"), tmp_path).text
    assert "The student fell from 10 % to 3 %" in text
    assert "The student got worse." in text
    assert "so the difference may be chance" in text
    assert "The best student on the probe is the untouched base (10 %); that of round 1 has 3 %." in text


def test_one_nameless_skill_is_all(store: Store, tmp_path: Path) -> None:
    page = page_of(Built(store, skills=("",)).whole(), tmp_path)
    assert re.search(r"<b>all</b>", page.html)
    assert page.html.count('<td class="reach">') == 1


def test_hostile_text_stays_text(store: Store, tmp_path: Path) -> None:
    page = page_of(Built(store, text=HOSTILE).whole(), tmp_path)
    assert not page.tags & {"script", "img", "link", "iframe", "object"}
    assert "<script>alert('x')</script> {{ 7 * 7 }} {% raw %}" in page.text
    assert not [name for name, _ in page.attributes if name.startswith("on")]


def test_a_hostile_skill_stays_text(store: Store, tmp_path: Path) -> None:
    page = page_of(Built(store, skills=('"><script>a()</script>', "' onload='a()")).whole(), tmp_path)
    assert "script" not in page.tags
    assert "onload" not in dict(page.attributes)


@pytest.mark.parametrize("text", ['"' * 50_000, "𝄞" * 50_000, "word " * 20_000])
def test_long_texts_are_cut_until_the_file_is_small(store: Store, tmp_path: Path, text: str) -> None:
    page = page_of(Built(store, text=text).whole(), tmp_path)
    assert len(page.html.encode()) < report.LARGEST


def test_the_file_refers_to_nothing(store: Store, tmp_path: Path) -> None:
    page = page_of(Built(store).whole(), tmp_path)
    assert not [value for name, value in page.attributes if name in ("src", "href", "srcset", "data")]
    assert not re.search(r"url\(|@import|https?://", page.html)


def test_the_same_store_gives_the_same_bytes(store: Store, tmp_path: Path) -> None:
    built = Built(store).whole()
    first = write_report(store, built.run, tmp_path / "a").read_bytes()
    assert write_report(store, built.run, tmp_path / "b").read_bytes() == first


def test_a_report_is_replaced_whole_or_not_at_all(
    store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    built, folder = Built(store), tmp_path / "deep" / "run"
    before = write_report(store, built.run, folder).read_bytes()

    def fail(*_: object) -> None:
        raise OSError("disk full")

    monkeypatch.setattr(report.os, "replace", fail)
    with pytest.raises(OSError, match="disk full"):
        write_report(store, built.base().run, folder)
    assert [path.name for path in folder.iterdir()] == ["report.html"]
    assert (folder / "report.html").read_bytes() == before
