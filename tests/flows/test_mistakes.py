"""What a person sees who makes a mistake: what was found, the way out, exit code 2 or 3, and never a traceback."""

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from flows.cli import app
from flows.mistakes import MISTAKES, USAGE, explain
from orchestrator.examination.decontamination import ExamLeaked
from orchestrator.examination.evaluation import ExamSealed
from orchestrator.examination.hearings import JudgeRefused

TINY = Path(__file__).parent / "tiny.yaml"


def orchestrator(*words: str | Path) -> Result:
    return CliRunner().invoke(app, [str(word) for word in words], catch_exceptions=False)


def refused(result: Result, *said: str, code: int = 2) -> None:
    assert result.exit_code == code, result.output
    assert "Traceback" not in result.output
    text = " ".join(result.output.split())
    for piece in said:
        assert piece in text, result.output


@contextmanager
def answering(status: int, body: str, kind: str = "application/json") -> Iterator[str]:
    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            self.rfile.read(int(self.headers["content-length"]))
            self.send_response(status)
            self.send_header("content-type", kind)
            self.send_header("content-length", str(len(body)))
            self.end_headers()
            self.wfile.write(body.encode())

        def log_message(self, format: str, *arguments: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}/v1"
    finally:
        server.shutdown()
        server.server_close()


@pytest.fixture
def home(tmp_path: Path) -> Path:
    return tmp_path / "runs"


def run(home: Path, *more: str | Path, recipe: Path = TINY) -> Result:
    return orchestrator("run", recipe, "--home", home, "--without-prefect", *more)


def machine_for(tmp_path: Path, endpoint: str, key_env: str = "TEST_TEACHER_KEY") -> Path:
    path = tmp_path / "machine.yaml"
    path.write_text(json.dumps({"default": {"endpoint": endpoint, "model": "some-model", "key_env": key_env}}))
    return path


def test_broken_yaml(tmp_path: Path, home: Path) -> None:
    broken = tmp_path / "broken.yaml"
    broken.write_text("name: [unclosed")
    refused(run(home, recipe=broken), "broken.yaml is not valid YAML", "line 1")


def test_an_unknown_recipe_names_the_nearest(home: Path) -> None:
    refused(orchestrator("run", "dmo", "--home", home), "'dmo'", "Did you mean 'demo'?")


def test_an_unknown_component_names_the_nearest(home: Path) -> None:
    refused(
        run(home, "--set", "lessons.right_answer.judge.use=answer_mtch"), "answer_mtch", "Did you mean 'answer_match'?"
    )


def test_a_misspelt_option_names_the_nearest(home: Path) -> None:
    refused(run(home, "--set", "lessons.solve.sampels=3"), "sampels", "did you mean 'samples'?")


def test_a_missing_field(tmp_path: Path, home: Path) -> None:
    part = tmp_path / "part.yaml"
    part.write_text("name: part\nabout: nothing else\n")
    refused(run(home, recipe=part), "sources: is missing", "lessons: is missing")


def test_an_edit_that_is_none(home: Path) -> None:
    refused(run(home, "--set", "seed"), "cannot read the edit 'seed'")


def test_an_unreachable_teacher(tmp_path: Path, home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TEST_TEACHER_KEY", "abc")
    machine = machine_for(tmp_path, "http://127.0.0.1:9/v1")
    result = orchestrator("doctor", "--machine", machine, "--home", home)
    assert result.exit_code == 1
    assert "127.0.0.1:9" in result.output
    assert "Traceback" not in result.output


def test_a_key_that_is_not_set_is_named_by_its_variable(tmp_path: Path, home: Path) -> None:
    machine = machine_for(tmp_path, "http://127.0.0.1:9/v1", key_env="NO_SUCH_KEY_HERE")
    refused(run(home, "--machine", machine), "NO_SUCH_KEY_HERE", "not set")


def test_a_wrong_key_is_not_shown(tmp_path: Path, home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TEST_TEACHER_KEY", "sk-secret-4711")
    with answering(401, '{"error": {"message": "Incorrect API key provided: sk-secret-4711"}}') as url:
        result = run(home, "--machine", machine_for(tmp_path, url))
    refused(result, "TEST_TEACHER_KEY", code=3)
    assert "4711" not in result.output


def test_a_model_that_answers_with_html(tmp_path: Path, home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TEST_TEACHER_KEY", "abc")
    with answering(200, "<!DOCTYPE html><html></html>", "text/html") as url:
        refused(run(home, "--machine", machine_for(tmp_path, url)), "HTML", "/v1", code=3)


QUESTIONS = [
    "sources.tasks={use: questions, path: PATH}",
    "seeds.tasks=4",
]


def asked_from(home: Path, path: Path) -> Result:
    edits = [word for edit in QUESTIONS for word in ("--set", edit.replace("PATH", str(path)))]
    return run(home, *edits)


def test_an_empty_source(tmp_path: Path, home: Path) -> None:
    (tmp_path / "none.jsonl").write_text("\n\n")
    refused(asked_from(home, tmp_path / "none.jsonl"), "holds no questions")


def test_a_missing_file(tmp_path: Path, home: Path) -> None:
    refused(asked_from(home, tmp_path / "nowhere.jsonl"), "nowhere.jsonl", "No such file")


def test_a_file_that_is_not_utf8(tmp_path: Path, home: Path) -> None:
    (tmp_path / "latin.jsonl").write_bytes('{"question": "Größe?", "answer": "1"}'.encode("latin-1"))
    refused(asked_from(home, tmp_path / "latin.jsonl"), "not UTF-8", "save it as UTF-8")


def test_a_line_that_is_not_json_is_named(tmp_path: Path, home: Path) -> None:
    (tmp_path / "bad.jsonl").write_text('{"question": "a", "answer": "1"}\n{oops\n')
    refused(asked_from(home, tmp_path / "bad.jsonl"), "bad.jsonl:2 is not JSON")


def test_a_field_that_is_not_there_shows_those_that_are(tmp_path: Path, home: Path) -> None:
    (tmp_path / "other.jsonl").write_text('{"frage": "a", "answer": "1"}\n')
    refused(asked_from(home, tmp_path / "other.jsonl"), "'question'", "frage, answer")


def test_a_question_of_ten_megabytes(tmp_path: Path, home: Path) -> None:
    (tmp_path / "huge.jsonl").write_text(json.dumps({"question": "x" * 10_000_000, "answer": "1"}))
    refused(asked_from(home, tmp_path / "huge.jsonl"), "10,000,000 characters", "at most 20,000")


def test_a_folder_that_cannot_be_written(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    refused(run(tmp_path / "file" / "runs"), str(tmp_path / "file"))


def test_nothing_to_show_yet(home: Path) -> None:
    refused(orchestrator("show", "--home", home), "there is no store", "orchestrator demo")


def test_an_unknown_kind_of_part(home: Path) -> None:
    refused(orchestrator("parts", "critik"), "'critik'", "Did you mean 'critic'?")


def test_try_names_the_field_that_a_row_lacks(tmp_path: Path) -> None:
    (tmp_path / "rows.jsonl").write_text('{"question": "1+1?", "gold": "2"}\n')
    refused(orchestrator("try", "answer_match", "--in", tmp_path / "rows.jsonl"), "row 1", "'answer'", "question, gold")


def test_mistakes_are_json_too(home: Path) -> None:
    result = run(home, "--set", "lessons.solve.sampels=3", "--json")
    assert result.exit_code == 2
    assert "sampels" in json.loads(result.stdout.splitlines()[-1])["error"]


@pytest.mark.parametrize("kind", [ExamLeaked, ExamSealed, JudgeRefused])
def test_what_an_exam_forbids_is_said_and_is_no_matter_of_trying_again(kind: type[Exception]) -> None:
    assert issubclass(kind, MISTAKES)
    assert explain(kind("the judge is too lenient; choose another")) == (
        "the judge is too lenient; choose another",
        USAGE,
    )
