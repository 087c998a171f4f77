"""What is handed over says where it comes from, what it can do, and under which terms; what differs is not handed over."""

import json
from dataclasses import replace
from pathlib import Path

import pytest
import yaml

from orchestrator.cards import _exams, _table
from orchestrator.handover import Wanted, hand_over
from orchestrator.merged import OF, Merged, ParityFailed, check_parity, merge
from orchestrator.recipe import RecipeError
from orchestrator.student_places import find_student
from orchestrator.summary import summarise
from storage.records import Run
from storage.store import Store, StoreError
from tests.conftest import Loop

NAMED = ("student", "adapter_digest", "float32")
TURNS = {"roles": {"user": ["<u>", "</u>"], "system": ["<s>", "</s>"], "assistant": ["<a>", "</a>"]}, "opens": "<a>"}
SAME = {"prompts": 50, "identical": 1.0, "tokens": 1.0, "differing": None}
APART = {"prompt": [{"role": "user", "content": "2+3?"}], "trained": "5", "exported": "#####"}


@pytest.fixture
async def taught(loop: Loop, store: Store) -> tuple[Run, Path]:
    """A run that was carried out, and its folder."""
    async with loop.opened(loop.recipe(), store) as work:
        folder = work.folder
    key, _ = await loop.teach(loop.recipe(), store)
    run = store.run(key)
    assert run
    return run, folder


def front(card: str) -> dict:
    return yaml.safe_load(card.split("---")[1])


def test_a_datasets_card_names_its_files_teachers_and_what_was_left_out(
    taught: tuple[Run, Path], store: Store, tmp_path: Path
) -> None:
    run, folder = taught
    hand_over(store, run, folder, tmp_path, Wanted(forms=["messages"], parquet=True))
    place = tmp_path / "lessons-round-2"
    card = (place / "README.md").read_text()
    configs = front(card)["configs"]
    assert [each["config_name"] for each in configs] == [
        "default",
        "messages",
        "as-trained-parquet",
        "messages-parquet",
    ]
    assert all((place / each["data_files"][0]["path"]).is_file() for each in configs)
    assert json.loads((place / "manifest.json").read_bytes())["sha256"] in card
    for said in ("rehearsal-teacher", "**free**", "not legal advice", "Canaries of", run.recipe_digest):
        assert said in card


def test_a_merged_students_card_has_lineage_exams_gate_parity_and_how_to_serve_it(
    taught: tuple[Run, Path], store: Store, tmp_path: Path
) -> None:
    run, folder = taught
    best = find_student(store, None, run).student
    (tmp_path / "merged").mkdir()
    written = hand_over(
        store, run, folder, tmp_path, merged=Merged(tmp_path / "merged", SAME, TURNS, "</a>", "bfloat16")
    )
    card = (tmp_path / "merged" / "README.md").read_text()
    for said in (
        best.key,
        best.base_digest,
        written["gate"],
        "| test | test | this student |",
        "95 % interval",
        "100.0%",
    ):
        assert said in card
    for said in ("vllm serve", "transformers serve", "ollama create", "chat_template.jinja", "convert_hf_to_gguf.py"):
        assert said in card
    assert "<u>{{ .Content }}</u>" in (tmp_path / "merged" / "Modelfile").read_text()
    assert json.loads((tmp_path / "merged" / "parity.json").read_text()) == SAME
    assert "50 replies identical" in written["parity"]


def test_ones_own_table_of_terms_is_on_the_cards(taught: tuple[Run, Path], store: Store, tmp_path: Path) -> None:
    run, folder = taught
    own = tmp_path / "terms.yaml"
    own.write_text("- {model: rehearsal-teacher, class: no_training, says: We may not., source: a letter}\n")
    written = hand_over(store, run, folder, tmp_path / "out", Wanted(terms=own))
    assert written["terms"].startswith("no_training: rehearsal-teacher")
    assert "**no_training**" in (tmp_path / "out" / "adapter" / "README.md").read_text()


def test_weights_that_answer_otherwise_are_taken_away_and_the_first_difference_is_shown(tmp_path: Path) -> None:
    folder = tmp_path / "merged"
    folder.mkdir()
    found = Merged(
        folder, {"prompts": 50, "identical": 0.88, "tokens": 0.9, "differing": APART}, None, "</a>", "bfloat16"
    )
    check_parity(found, 0.88)
    assert folder.is_dir()
    with pytest.raises(ParityFailed, match=r"88% of 50(.|\n)*--float32(.|\n)*2\+3\?(.|\n)*#####"):
        check_parity(found, 0.9)
    assert not folder.exists()


async def test_merging_asks_what_the_students_own_exam_asked(
    taught: tuple[Run, Path], store: Store, tmp_path: Path, loop: Loop, monkeypatch: pytest.MonkeyPatch
) -> None:
    run, folder = taught
    found = find_student(store, run.recipe_name, run)

    async def carry_out(job: dict, tell: object) -> dict:
        asked = [json.loads(line) for line in Path(job["questions"]).read_text().splitlines()]
        assert len(asked) >= 9
        assert {line["key"].partition("/")[0] for line in asked} == {"test"}
        return {"parity": SAME | {"prompts": len(asked)}, "turns": None, "end": "</a>", "stored": "bfloat16"}

    monkeypatch.setattr("orchestrator.merged.carry_out", carry_out)
    merged = await merge(found, folder, tmp_path / "merged")
    assert merged.parity["prompts"] >= 9
    with pytest.raises(RecipeError, match="name the --home"):
        await merge(found, tmp_path / "elsewhere", tmp_path / "merged")


async def test_merging_overwrites_nobodys_folder_and_takes_no_other_students_weights_for_this_ones(
    taught: tuple[Run, Path], store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run, folder = taught
    best = find_student(store, run.key, run)
    earlier = find_student(store, store.students(run.key)[1].key, run)
    assert earlier.student.key != best.student.key
    merged: list[str] = []

    async def carry_out(job: dict, tell: object) -> dict:
        """As the worker does it: what is done already is taken as it is."""
        result = Path(job["folder"]) / "result.json"
        if not result.exists():
            Path(job["to"]).mkdir(exist_ok=True)
            whose = {name: job[name] for name in NAMED}
            (Path(job["to"]) / OF).write_text(json.dumps(whose))
            result.write_text("{}")
            merged.append(job["student"])
        return {"parity": SAME, "turns": None, "end": "</a>", "stored": "bfloat16"}

    monkeypatch.setattr("orchestrator.merged.carry_out", carry_out)
    place = tmp_path / "merged"
    for found in (best, best, earlier, best):
        await merge(found, folder, place)
        assert json.loads((place / OF).read_text())["student"] == found.student.key
    assert merged == [best.student.key, earlier.student.key, best.student.key]
    own = tmp_path / "own"
    own.mkdir()
    (own / "letter.txt").write_text("dear")
    with pytest.raises(RecipeError, match="would be overwritten"):
        await merge(best, folder, own)
    with pytest.raises(OSError, match="letter"):
        await merge(best, folder, own / "letter.txt" / "merged")


def test_a_card_speaks_of_its_own_student_alone(taught: tuple[Run, Path], store: Store) -> None:
    run, _ = taught
    student = find_student(store, None, run).student
    summary = summarise(store, run)
    others = [{**exam, "student": "student:b2:another", "exam": "theirs"} for exam in summary.exams if exam["round"]]
    card = _exams(replace(summary, exams=[*summary.exams, *others]), student)
    assert "this student" in card
    assert "theirs" not in card


def test_what_a_model_named_is_text_on_a_card() -> None:
    card = _table("Skills", ("skill", "rows"), [("![](http://a.b/c) | <script>\n## Own", "3")])
    assert card.splitlines()[-1] == r"| !\[](http://a.b/c) \| \<script> ## Own | 3 |"


def test_a_student_is_meant_by_its_key_or_by_its_run(taught: tuple[Run, Path], store: Store) -> None:
    run, _ = taught
    best = find_student(store, None, run).student
    first = store.students(run.key)[1]
    assert find_student(store, run.key, run).student == best
    assert find_student(store, first.key.rpartition(":")[2][:12], run).student == first
    with pytest.raises(StoreError, match="Nor does a student's key begin so"):
        find_student(store, "nobody", run)
