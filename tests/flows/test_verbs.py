"""The verbs that neither train nor serve."""

import json
import os
import subprocess
import sys
from pathlib import Path

from typer.testing import CliRunner, Result

from flows.cli import app

VERBS = [
    "demo",
    "run",
    "check",
    "recipes",
    "parts",
    "show",
    "preflight",
    "export",
    "chat",
    "serve",
    "doctor",
    "prices",
    "try",
]


def orchestrator(*words: str | Path) -> Result:
    return CliRunner().invoke(app, [str(word) for word in words], catch_exceptions=False)


def test_help_names_every_verb() -> None:
    result = orchestrator("--help")
    assert all(verb in result.output for verb in VERBS)


def test_every_verb_explains_itself_and_can_speak_json() -> None:
    for verb in VERBS:
        result = orchestrator(verb, "--help")
        assert result.exit_code == 0
        assert "--json" in result.output, verb


def test_help_loads_nothing_heavy() -> None:
    code = "import flows.cli, sys; print([m for m in ('torch', 'prefect', 'openai', 'sqlalchemy') if m in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_check_prints_the_resolved_recipe_and_its_digest() -> None:
    checked = json.loads(orchestrator("check", "demo", "--json").stdout)
    assert checked["digest"].startswith("recipe:b2:")
    assert checked["recipe"]["datasets"]["lessons"]["mixture"] == {"use": "everything"}
    assert checked["digest"] in orchestrator("check", "demo").output.replace("\n", "")


def test_recipes_and_parts_are_listed() -> None:
    assert {row["recipe"] for row in json.loads(orchestrator("recipes", "--json").stdout)} >= {"demo"}
    parts = json.loads(orchestrator("parts", "--json").stdout)
    assert {"verifier", "critic", "source"} <= {row["kind"] for row in parts}
    assert all(row["does"] for row in parts)
    only = json.loads(orchestrator("parts", "verifiers", "--json").stdout)
    assert {row["kind"] for row in only} == {"verifier"}


def test_try_prints_one_verdict_a_row(tmp_path: Path) -> None:
    rows = [
        {"question": "1+1?", "gold": "2", "rationale": "1+1 = 2", "answer": "two"},
        {"question": "1+1?", "gold": "2", "rationale": "1+1 = 3", "answer": "3"},
    ]
    path = tmp_path / "rows.jsonl"
    path.write_text("\n".join(map(json.dumps, rows)))
    for part, expected in (("answer_match", ["accepted", "rejected"]), ("arithmetic_steps", ["accepted", "rejected"])):
        lines = [json.loads(line) for line in orchestrator("try", part, "--in", path, "--json").stdout.splitlines()]
        assert [line["outcome"] for line in lines] == expected


def test_try_asks_the_rehearsal_teacher_for_a_draft(tmp_path: Path) -> None:
    path = tmp_path / "rows.jsonl"
    path.write_text(json.dumps({"question": "A film lasts 2 hours and 30 minutes. How many minutes is that?"}))
    line = json.loads(orchestrator("try", "write_solution", "--in", path, "--json").stdout.splitlines()[0])
    assert line["written"][0]["rationale"] or line["outcome"] == "unreadable"


def test_a_file_that_holds_no_rows_is_refused_before_anything_is_loaded(tmp_path: Path) -> None:
    path = tmp_path / "rows.jsonl"
    path.write_text('{"prompt": "2+3?", "completion": "5"}\nnot JSON\n')
    result = orchestrator("preflight", path)
    assert result.exit_code == 2
    assert "line 2 is not JSON" in result.stderr.replace("\n", " ")


def test_rows_as_others_write_them_are_read_as_conversations() -> None:
    from orchestrator.preflight import as_row

    asked, said = {"role": "user", "content": "2+3?"}, {"role": "assistant", "content": "5"}
    expected = {"prompt": [asked], "completion": [said]}
    assert as_row({"messages": [asked, said]}) == expected
    assert as_row({"prompt": "2+3?", "completion": "5", "rejected": None}) == expected
    assert as_row(dict(expected)) == expected


def test_a_shell_can_complete_its_verbs() -> None:
    words = {"_ORCHESTRATOR_COMPLETE": "complete_bash", "COMP_WORDS": "orchestrator do", "COMP_CWORD": "1"}
    done = subprocess.run(
        [sys.executable, "-m", "flows.cli"], env={**os.environ, **words}, capture_output=True, text=True
    )
    assert done.stdout.split() == ["doctor"]
