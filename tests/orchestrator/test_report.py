"""The report at every stage of a run, drawn from stores that are made by hand."""

import re
from collections.abc import Iterator
from html.parser import HTMLParser
from pathlib import Path

import pytest

from orchestrator.report import page as report
from orchestrator.report.page import write_report
from storage.records import Draft, Hearing, Outcome, Verdict
from storage.store import Store, open_store
from tests.orchestrator.built_run import Built

SECTIONS = ("curve", "story", "answers", "checks", "yield", "spending", "lineage")
HOSTILE = (
    "<script>alert('x')</script> {{ 7 * 7 }} {% raw %} \"quoted\" <img src=http://evil.example/x onerror=a()> \u202e"
)


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
        self.text += " " if tag in ("td", "th", "dt", "dd") else ""

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
    assert "Plan: 15 answers were wrong" in text
    assert "5 failures get lessons of their own." in text
    assert "A new one: Ann has 3 apples" in text
    assert "90 % before (74 to 97 %), 87 % after" in text
    assert "unknown" in text


def test_a_known_price_is_shown_and_no_rehearsal_claimed(store: Store, tmp_path: Path) -> None:
    text = page_of(Built(store).whole(model="big-model", usd=0.25), tmp_path).text
    assert "$6.00" in text
    assert "This is a rehearsal" not in text


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


def test_a_student_that_got_worse_is_called_so(store: Store, tmp_path: Path) -> None:
    built = Built(store)
    built.right[1, "probe"] = (0, 0, 1)
    text = page_of(built.base().lessons(1).trained(1).examined(1, "probe"), tmp_path).text
    assert (
        "No student beats the untaught base: it is right in 10 % of 30 probe questions, the student of round 1 in 3 %, in 1 "
        "round" in text
    )
    assert "so the difference may be chance" in text


def test_the_ruling_stands_at_the_top_with_its_figures(store: Store, tmp_path: Path) -> None:
    built = Built(store).whole().ruled("hold", "hold: too much is lost on retention")
    text = page_of(built, tmp_path).text
    assert text.index("The gate says hold: too much is lost on retention.") < text.index("Learning curve")
    assert "test better 30 13 % 83 % +70.0 +55.0 to +85.0 p < 0.0001" in text


def test_a_round_is_told_with_its_cost_its_gain_and_what_still_fails(store: Store, tmp_path: Path) -> None:
    text = page_of(Built(store).whole(model="big-model", usd=0.25), tmp_path).text
    assert "Round 2: 50 % → 80 % of the probe" in text
    assert "6 wrong in probe (15 the round before):" in text
    assert "3 want: wrong answer down from 5" in text
    assert "2 1 5 0 12 840 $3.00 40 s 50 % → 80 %63 to 90 % +30.0 +10.0" in text


def test_what_was_checked_is_told(store: Store, tmp_path: Path) -> None:
    built = Built(store).whole()
    share = {"estimate": 0.9, "low": 0.74, "high": 0.97}
    heard = {"sensitivity": share, "specificity": share, "flips": None, "true_positives": 27, "false_negatives": 3}
    judge = {
        "role": "referee",
        "judge": "j@1",
        "model": "judge-model",
        "admitted": False,
        "why": "it is too often wrong",
    }
    built.add(Hearing.new(**built.of, **judge, figures=heard))
    lesson = Draft.new(
        **built.of, round=1, step="once", kind="solution", fields={"question": "Copied?"}, split_key="s", producer="p@1"
    )
    copied = {"outcome": Outcome.REJECTED, "reason": "repeats an exam question", "evidence": {"question": "Asked?"}}
    built.add(
        lesson, Verdict.new(**built.of, draft=lesson.key, step="decontamination", judge="decontamination", **copied)
    )
    text = page_of(built, tmp_path).text
    assert "judge-model as referee: refused, it is too often wrong." in text
    assert "sensitivity: of the good it accepts 90 % 74 to 97 %" in text
    assert "1 draft repeated an exam question and was left out of the lessons." in text
    assert "written question: Copied? exam question: Asked?" in text
    assert "No exam has canaries" in text


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
