"""What a terminal is told."""

import io
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from rich.console import Console

from flows.telling import print_lineage, print_summary
from orchestrator.summary import summarise
from orchestrator.why import Ancestor, Lineage
from storage.records import Call, Cluster, Draft, Hearing
from storage.store import Store, open_store
from tests.orchestrator.built_run import Built


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    with open_store(tmp_path / "store.sqlite") as opened:
        yield opened


def told_of(built: Built, **console: object) -> str:
    told = io.StringIO()
    out = Console(file=told, highlight=False, width=80, **console)  # type: ignore[arg-type]
    print_summary(summarise(built.store, built.run), built.store.yields(built.run.key), Path("report.html"), out)
    return told.getvalue()


def test_the_ruling_is_the_last_word_before_the_report(store: Store) -> None:
    told = told_of(Built(store).whole().ruled("hold", "hold: [too] much is lost on retention"))
    *_, gate, report = told.rstrip().splitlines()
    assert gate == "gate: hold: [too] much is lost on retention"
    assert report == "report: report.html"


def test_each_round_is_a_line_of_the_table_and_says_what_still_fails(store: Store) -> None:
    told = told_of(Built(store).whole(usd=0.25))
    lines = [" ".join(line.split()) for line in told.splitlines()]
    assert "round seeds lessons calls usd train probe points /usd" in lines
    assert "2 1 0 12 3.00 40s 50 → 80% [63–90] +30.0 +10.0" in lines
    told_by = "want: wrong answer 3 (5 before), change: wrong answer 2 (6 before), addition: wrong answer 1 (4 before)"
    assert f"6 wrong in probe: {told_by}" in lines
    assert "accuracy 13.3% → 83.3% in 2 rounds, 24 calls ($6.00); what it could do before: 90% → 87%" in lines


def test_a_cluster_that_a_teacher_named_is_told_with_its_cause(store: Store) -> None:
    built = Built(store).base().lessons(1).trained(1).examined(1, "probe")
    named = {
        "label": "addition: wrong answer (carry, sum)",
        "name": "carries lost in addition",
        "cause": "wrong answer",
    }
    student = built.students[1].key
    built.add(Cluster.new(**built.of, round=1, student=student, exam="probe", **named, size=12, before=9))
    assert "probe: carries lost in addition (wrong answer) 12 (9 before), " in told_of(built)


def test_a_terminal_of_80_columns_breaks_lines_between_words_and_a_pipe_not_at_all(store: Store) -> None:
    built = Built(store).whole().ruled("hold", "hold: " + " ".join(["much"] * 40))
    shown = re.sub(r"\x1b\[[0-9;]*m", "", told_of(built, force_terminal=True))
    assert max(map(len, shown.splitlines())) <= 80
    assert shown.split() == told_of(built).split()
    assert f"gate: hold: {' '.join(['much'] * 40)}" in told_of(built).splitlines()


def test_a_student_that_got_worse_is_not_told_as_the_base_again(store: Store) -> None:
    built = Built(store)
    built.right[1, "probe"] = (0, 0, 1)
    told = told_of(built.base().lessons(1).trained(1).examined(1, "probe"))
    assert "the base is still the best, with 10.0% on probe; the student of round 1 makes 3.3%, in 1 round" in told
    assert "1 0 0 12 840 40s 10 → 3% [1–17] -6.7 -55.6" in " ".join(told.split())


def test_a_judge_is_told_with_its_figures(store: Store) -> None:
    built = Built(store).whole()
    share = {"estimate": 0.9, "low": 0.74, "high": 0.97}
    figures = {"sensitivity": share, "flips": None, "true_positives": 27, "false_negatives": 3}
    judge = {"role": "referee", "judge": "j@1", "model": "m", "admitted": True, "why": "it is right often enough"}
    built.add(Hearing.new(**built.of, **judge, figures=figures))
    line = "judge m: admitted, it is right often enough (30 cases: sensitivity 90% [74–97])"
    assert line in told_of(built).splitlines()


@pytest.mark.parametrize(
    ("sample", "usd", "text", "cost"),
    [
        (0, 0.3, "first", "that cost $0.300000"),
        (4, 0.3, "second", "that cost $0.300000"),
        (2, None, "third", "of unknown price"),
    ],
)
def test_of_several_choices_the_drafts_own_is_shown(sample: int, usd: float | None, text: str, cost: str) -> None:
    choices = [{"content": "first"}, {"content": "second"}, {"refusal": "third"}]
    request = {"messages": [{"role": "user", "content": "hi"}]}
    call = Call.new(model="m", request=request, reply={**choices[0], "choices": choices}, usd=usd)
    facts = {"run": "r", "round": 1, "step": "solve", "kind": "k", "split_key": "s", "producer": "p@1"}
    draft = Draft.new(**facts, fields={}, parents=["seed:x"], call=call.key, sample=sample)
    told = io.StringIO()
    print_lineage(Lineage(None, [Ancestor(draft, call, [])]), Console(file=told))
    assert f"\n  {text}\n" in told.getvalue()
    assert f"one of 3 choices of a call {cost}, " in told.getvalue()


def test_a_call_of_one_choice_is_told_as_it_was() -> None:
    call = Call.new(model="m", request={"messages": []}, reply={"content": "only"}, usd=0.3)
    facts = {"run": "r", "round": 1, "step": "solve", "kind": "k", "split_key": "s", "producer": "p@1"}
    draft = Draft.new(**facts, fields={}, parents=["seed:x"], call=call.key, sample=3)
    told = io.StringIO()
    print_lineage(Lineage(None, [Ancestor(draft, call, [])]), Console(file=told))
    assert "m, 0 + 0 tokens, $0.300000, 1 attempts" in told.getvalue()
    assert "  only\n" in told.getvalue()
