"""Lineage on the command line: what a person sees, exit codes, and every command of its page, carried out."""

import json
import re
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from storage.store import open_store
from tests.conftest import Loop
from tests.flows.test_mistakes import orchestrator, refused

PAGE = Path(__file__).parents[2] / "docs" / "lineage.md"
BLOCK = re.compile(r"^```sh (executed|fails)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
TINIER = """
name: tinier
about: One skill, a few seeds, one round; a test carries it out twice and really trains.
roles: {teacher: {}}
students: {student: {base: embedded}}
sources: {tasks: {use: rehearsal_world, choose: [film]}}
seeds: {tasks: 12}
lessons:
  - {step: solve, generate: write_solution, role: teacher, from: tasks, to: solutions}
  - {step: right_answer, judge: answer_match, from: solutions, to: lessons}
datasets: {lessons: {from: lessons, format: rationale_then_answer}}
training: [{job: student, dataset: lessons, objective: {use: sft, learning_rate: 2.0e-3, batch: 8}, lora: {rank: 8, alpha: 16}}]
exams: {probe: {use: final_answer, source: tasks, part: probe, per_skill: 2}}
retention: false
"""
VERBS = (["who-taught"], ["forget"], ["diff"], ["lock"], ["reproduce"], ["store", "copy"])


@pytest.fixture
async def home(loop: Loop) -> Path:
    """A finished run of the small demo, whose folder lies where the command line looks for it."""
    home = loop.runs / "store"
    home.mkdir(parents=True)
    with open_store(home / "store.sqlite") as store:
        await loop.teach(loop.recipe(), store)
    return home


def key_of(home: Path) -> str:
    with open_store(home / "store.sqlite") as store:
        return store.runs()[0].key


@pytest.mark.parametrize("verb", VERBS)
def test_a_verb_explains_itself_and_can_speak_json(verb: list[str]) -> None:
    result = orchestrator(*verb, "--help")
    assert result.exit_code == 0
    assert "--json" in result.output


def test_every_command_of_the_page_does_what_it_says(
    home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    there = tmp_path / "there"
    there.mkdir()
    shutil.move(home, there / "runs")
    monkeypatch.chdir(there)
    key, commands = key_of(there / "runs"), 0
    for kind, block in BLOCK.findall(PAGE.read_text(encoding="utf-8")):
        for line in block.splitlines():
            words = [key if word == "RUN" else word for word in shlex.split(line.partition("#")[0])]
            assert words[0] == "orchestrator"
            result = orchestrator(*words[1:])
            assert result.exit_code == (0 if kind == "executed" else 2), line + result.output
            commands += 1
    assert commands >= 8
    assert (there / "handed-over" / "WITHDRAWN.txt").read_text().startswith("source tasks of recipe demo")
    assert json.loads((there / "run.lock.json").read_text())["run"] == key


def test_what_is_withdrawn_is_told_where_people_look(home: Path) -> None:
    there = ("--home", home)
    dry = orchestrator("forget", "basics", "--dry-run", "--reason", "no licence", *there)
    assert "would be withdrawn" in dry.output
    assert "records would be marked" in dry.output
    told = orchestrator("forget", "basics", "--reason", "no licence", *there)
    assert "source basics of recipe demo was withdrawn" in told.output
    assert "2 datasets" in told.output
    shown = orchestrator("show", *there)
    assert "no licence" in shown.output
    assert "begins a run without it" in " ".join(shown.output.split())
    assert json.loads(orchestrator("show", "--json", *there).stdout)["withdrawn"][0]["reason"] == "no licence"
    again = json.loads(orchestrator("forget", "basics", "--reason", "other", "--json", *there).stdout)
    assert (again["known"], again["marked"], again["reason"]) == (True, 0, "no licence")


def test_who_taught_names_lessons_and_speaks_json(home: Path) -> None:
    found = json.loads(orchestrator("who-taught", "--exam", "probe", "--json", "--home", home).stdout)
    assert found
    assert all(each["verdict"] for each in found)
    one = next(each for each in found if each["lessons"])
    told = orchestrator("who-taught", one["key"], "--home", home)
    assert one["lessons"][0]["draft"] in told.output
    assert "base: " in told.output
    assert "write_solution" in told.output


def test_mistakes_are_explained(home: Path, tmp_path: Path) -> None:
    there = ("--home", home)
    refused(orchestrator("who-taught", *there), "--exam NAME")
    refused(orchestrator("forget", "basics", *there), "needs a reason")
    refused(orchestrator("forget", "basics", "--reason", "x", "--as", "thing", *there), "expected one of source")
    refused(orchestrator("diff", "demo", "nobody", *there), "no run matches 'nobody'")
    refused(orchestrator("store", "copy", tmp_path / "none.sqlite", tmp_path / "to.sqlite"), "there is no store at")
    assert not (tmp_path / "none.sqlite").exists()
    refused(orchestrator("reproduce", tmp_path / "none.json"), "No such file")
    (tmp_path / "x.json").write_text("{}")
    refused(orchestrator("reproduce", tmp_path / "x.json"), "is not a lock")


def test_a_store_that_was_copied_shows_the_same_run(home: Path, tmp_path: Path) -> None:
    done = orchestrator("store", "copy", home / "store.sqlite", tmp_path / "to.sqlite")
    assert done.exit_code == 0, done.output
    assert key_of(home) in done.output
    found = orchestrator("diff", "demo", "demo", "--store", tmp_path / "to.sqlite")
    assert "nothing differs" in found.output


def carried_out(*words: str) -> str:
    """In a process of its own, which may reach the rehearsal teacher."""
    done = subprocess.run([sys.executable, "-m", "flows.cli", *words], capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.mark.slow
def test_on_a_cpu_the_adapter_comes_out_equal(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    recipe, home = tmp_path / "tinier.yaml", tmp_path / "runs"
    recipe.write_text(TINIER)
    carried_out("run", str(recipe), "--home", str(home), "--without-prefect")
    tape, lock = tmp_path / "run.tape.gz", tmp_path / "run.lock.json"
    for words in (("tape", "record", "--to", tape), ("lock", "--to", lock)):
        assert orchestrator(*words, "--home", home).exit_code == 0
    found = json.loads(carried_out("reproduce", str(lock), "--tape", str(tape), "--json").splitlines()[-1])
    assert (found["products"], found["bought"]) == ([], 0)
    assert any("adapter" in place for place in json.loads(lock.read_text())["products"])


def test_the_page_names_every_verb() -> None:
    text = PAGE.read_text(encoding="utf-8")
    assert all(f"orchestrator {' '.join(verb)}" in text for verb in VERBS)
