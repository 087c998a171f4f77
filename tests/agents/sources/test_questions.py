"""Questions with answers from every form of table, and what is said of tables that cannot be used."""

import csv
import io
import json
import random
import subprocess
import sys
from itertools import islice
from pathlib import Path
from typing import Any

import datasets
import pyarrow
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pyarrow import parquet

from agents.kinds import SourceError
from agents.sources.questions import Questions
from agents.tables import AHEAD, CellTable, ParquetTable

ROWS = [{"question": f"What is {n} and {n}?", "answer": f"Add.\n#### {2 * n}", "topic": "ab"[n % 2]} for n in range(30)]


def source(path: Path, content: str | bytes, **options: Any) -> Questions:
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return Questions(use="questions", path=str(path), **options)


def questions(found: Questions) -> list[dict[str, Any]]:
    return [m.fields for part in ("train", "probe", "test") for m in found.materials(part, "", 0)]


def test_a_marked_answer_is_the_gold_and_any_other_text_is_itself(tmp_path: Path) -> None:
    rows = [
        {"question": "a?", "answer": "2+2=4\n#### 4"},
        {"question": "b?", "answer": "blue"},
        {"question": 3, "answer": 9},
    ]
    found = {f["question"]: f for f in questions(source(tmp_path / "q.jsonl", "\n".join(map(json.dumps, rows))))}
    assert found["a?"] == {"question": "a?", "gold": "4", "solution": "2+2=4\n#### 4"}
    assert found["b?"]["gold"] == "blue"
    assert found["3"]["gold"] == "9"


def test_a_repeated_question_is_given_once(tmp_path: Path) -> None:
    rows = [{"question": q, "answer": "1"} for q in ("How many?", "how  many?", "Other?")]
    assert len(questions(source(tmp_path / "q.jsonl", "\n".join(map(json.dumps, rows))))) == 2


def test_any_sign_that_json_may_hold_is_text(tmp_path: Path) -> None:
    row = {"question": "one\u2028two\x85three 😀", "answer": "1"}
    text = json.dumps(row, ensure_ascii=False).replace("😀", "\\ud83d\\ude00") + "\r\n\r\n"
    (fields,) = questions(source(tmp_path / "q.jsonl", b"\xef\xbb\xbf" + text.encode()))
    assert fields["question"] == row["question"]


def test_a_skill_comes_from_the_file_if_it_has_one(tmp_path: Path) -> None:
    rows = [{"question": f"{s}{i}?", "answer": "1", "topic": s} for s in "ab" for i in range(20)]
    found = source(tmp_path / "q.jsonl", "\n".join(map(json.dumps, rows)), skill="topic")
    assert found.skills() == ["a", "b"]
    assert {m.skill for m in islice(found.materials("train", "b", 0), 5)} == {"b"}


BAD = {
    '{"question": "a?"}': r"q.jsonl:1 has no text in 'answer'; it has: question. Name the fields in the recipe",
    '{"question": "  ", "answer": "1"}': r"q.jsonl:1 has no text in 'question'",
    '{"question": true, "answer": "1"}': r"q.jsonl:1 has no text in 'question'",
    '\n[1]\n': r"q.jsonl:2 holds list; expected one JSON object a line",
    "{": r"q.jsonl:1 is not JSON",
    '{"question": "a?", "answer": ' + "1" * 5_000 + "}": r"q.jsonl:1 holds a number of too many digits; write it as a text",
    "": r"holds no questions",
    '{"question": "a?", "answer": "1"}\n{"question": "\\ud83d?", "answer": "1"}': r"q.jsonl:2 holds .* surrogate .* 'question'",
    '{"question": "a?", "answer": "\\u0000 1"}': r"q.jsonl:1 holds a NUL or .* in 'answer'",
    '{"question": "' + "a" * 20_001 + '", "answer": "1"}': r"a question of 20,001 characters, at most 20,000",
}  # fmt: skip


@pytest.mark.parametrize("text", BAD, ids=range(len(BAD)))
def test_a_file_that_cannot_be_used_is_refused_with_the_line(tmp_path: Path, text: str) -> None:
    with pytest.raises(SourceError, match=BAD[text]):
        source(tmp_path / "q.jsonl", text).skills()


def test_a_missing_or_foreign_file_is_refused(tmp_path: Path) -> None:
    with pytest.raises(SourceError, match=r"is not UTF-8 text .* save it as UTF-8"):
        source(tmp_path / "q.jsonl", b"\xff").skills()
    with pytest.raises(SourceError, match=r"cannot read .*none.jsonl: No such file"):
        Questions(use="questions", path=str(tmp_path / "none.jsonl")).skills()


def test_other_fields_are_kept_as_they_are(tmp_path: Path) -> None:
    row = {"question": "a?", "answer": "1", "choices": ["1", {"B": "2"}], "page": 3}
    (fields,) = questions(source(tmp_path / "q.jsonl", json.dumps(row), keep=["choices", "page"]))
    assert fields == {"question": "a?", "gold": "1", "choices": ["1", {"B": "2"}], "page": 3}


def test_a_field_to_keep_that_is_missing_unfit_or_not_free_is_refused(tmp_path: Path) -> None:
    row = '{"question": "a?", "answer": "1", "choices": [{"x": "\\u0000"}]}'
    with pytest.raises(
        SourceError, match=r"q.jsonl:1 has nothing in 'page', which `keep` names; it has: question, answer"
    ):
        source(tmp_path / "q.jsonl", row, keep=["page"]).skills()
    with pytest.raises(SourceError, match=r"q.jsonl:1 holds a NUL or .* in 'choices'"):
        source(tmp_path / "q.jsonl", row, keep=["choices"]).skills()
    with pytest.raises(ValueError, match="`keep` names 'gold', which every material has of its own"):
        source(tmp_path / "q.jsonl", row, keep=["gold"])


def test_questions_that_share_what_they_are_split_by_are_in_one_part(tmp_path: Path) -> None:
    rows = [{"question": f"{i} {v}?", "answer": "1", "fact": f"F  {i}"} for i in range(40) for v in "abc"]
    found = source(tmp_path / "q.jsonl", "\n".join(map(json.dumps, rows)), split_by="fact")
    parts = {part: list(found.materials(part, "", 0)) for part in ("train", "probe", "test")}  # type: ignore[arg-type]
    keys = {part: {m.split_key for m in materials} for part, materials in parts.items()}
    assert sum(map(len, parts.values())) == 120
    assert sum(map(len, keys.values())) == 40
    assert "fact: f 7" in set.union(*keys.values())
    assert found.split_key({"question": "What is  new?"}) == "what is new?"


# --- the other forms of table ---------------------------------------------------------------------------------------


def everything(found: Questions) -> list[tuple[str, Any]]:
    """(part, fields and skill) of every material, in their order but for the origin."""
    return [
        (part, (m.fields, m.skill))
        for part in ("train", "probe", "test")
        for skill in found.skills()
        for m in found.materials(part, skill, 0)
    ]


def written(path: Path) -> Path:
    """The rows in the form that the extension says."""
    table = pyarrow.Table.from_pylist(ROWS)
    match path.suffix:
        case ".jsonl":
            path.write_text("\r\n".join(map(json.dumps, ROWS)), encoding="utf-8-sig")
        case ".csv" | ".tsv":
            text = io.StringIO()
            tabs = path.suffix == ".tsv"
            rows = [{**row, "answer": row["answer"].replace("\n", " ") if tabs else row["answer"]} for row in ROWS]
            out = csv.DictWriter(text, list(ROWS[0]), delimiter="\t" if tabs else ",", lineterminator="\r\n")
            out.writeheader()
            out.writerows(rows)
            path.write_bytes(text.getvalue().encode("utf-8-sig"))
        case ".parquet":
            parquet.write_table(table, path, row_group_size=7)
    return path


@pytest.mark.parametrize("extension", ["csv", "parquet"])
def test_every_form_gives_the_same_materials(tmp_path: Path, extension: str) -> None:
    lines = Questions(use="questions", path=str(written(tmp_path / "q.jsonl")), skill="topic")
    found = Questions(use="questions", path=str(written(tmp_path / f"q.{extension}")), skill="topic")
    assert everything(found) == everything(lines)
    assert len(everything(found)) == len(ROWS)


def test_a_table_with_tabs_is_read_too(tmp_path: Path) -> None:
    found = Questions(use="questions", path=str(written(tmp_path / "q.tsv")), skill="topic")
    fields = {each["question"]: each for _, (each, _) in everything(found)}
    assert fields["What is 7 and 7?"]["gold"] == "Add. #### 14"
    assert len(fields) == len(ROWS)


def test_a_folder_that_datasets_wrote_gives_the_same_materials(tmp_path: Path) -> None:
    whole = datasets.Dataset.from_list(ROWS)
    whole.save_to_disk(str(tmp_path / "one"))
    datasets.DatasetDict({"train": whole, "validation": whole.select(range(4))}).save_to_disk(str(tmp_path / "two"))
    lines = Questions(use="questions", path=str(written(tmp_path / "q.jsonl")), skill="topic")
    for name in ("one", "two"):
        found = Questions(use="questions", dataset=str(tmp_path / name), skill="topic")  # type: ignore[arg-type]
        assert everything(found) == everything(lines)
    few = Questions(use="questions", dataset={"name": str(tmp_path / "two"), "split": "validation"})  # type: ignore[arg-type]
    assert len(everything(few)) == 4
    with pytest.raises(SourceError, match="there is no split 'test'; there are: train, validation"):
        Questions(use="questions", dataset={"name": str(tmp_path / "two"), "split": "test"}).skills()  # type: ignore[arg-type]


def test_labels_are_given_by_name_and_a_hidden_one_is_none(tmp_path: Path) -> None:
    features = datasets.Features(
        {"question": datasets.Value("string"), "answer": datasets.ClassLabel(names=["no", "yes"])}
    )
    rows = {"question": ["a?", "b?"], "answer": [1, 0]}
    datasets.Dataset.from_dict(rows, features=features).save_to_disk(str(tmp_path / "d"))
    found = Questions(use="questions", dataset=str(tmp_path / "d"))  # type: ignore[arg-type]
    assert {each["question"]: each["gold"] for _, (each, _) in everything(found)} == {"a?": "yes", "b?": "no"}
    datasets.Dataset.from_dict({"question": ["c?"], "answer": [-1]}, features=features).save_to_disk(
        str(tmp_path / "h")
    )
    with pytest.raises(SourceError, match=r"h:1 has no text in 'answer'"):
        Questions(use="questions", dataset=str(tmp_path / "h")).skills()  # type: ignore[arg-type]


def test_another_content_is_another_signature_in_every_form(tmp_path: Path) -> None:
    seen = set()
    for number in range(2):
        rows = [{**row, "answer": str(number)} for row in ROWS]
        datasets.Dataset.from_list(rows).save_to_disk(str(tmp_path / f"d{number}"))
        parquet.write_table(pyarrow.Table.from_pylist(rows), tmp_path / "q.parquet")
        seen |= {
            Questions(use="questions", dataset=str(tmp_path / f"d{number}")).signature,  # type: ignore[arg-type]
            Questions(use="questions", path=str(tmp_path / "q.parquet")).signature,
        }
    assert len(seen) == 4


def test_a_data_set_that_is_not_there_says_what_works_offline(tmp_path: Path) -> None:
    with pytest.raises(SourceError, match=r"cannot load the data set .*none.*be online the first time.*works offline"):
        Questions(use="questions", dataset=str(tmp_path / "none")).skills()  # type: ignore[arg-type]


def test_one_place_has_to_be_said() -> None:
    for options in ({}, {"path": "q.csv", "dataset": "gsm8k"}):
        with pytest.raises(ValueError, match="say either `path`, a file of questions"):
            Questions(use="questions", **options)  # type: ignore[arg-type]


UNUSABLE = {
    "q.csv": [
        (b"question,gold\na?,1\n", r"q.csv has no column 'answer'; it has: question, gold. Name the columns"),
        (b"question,answer\na?\n", r"q.csv:2 has 1 cells, expected 2, which its first line names: question, answer"),
        (b'question,answer\na?,1\n"b?,2\n', r"q.csv:3 cannot be read as cells"),
        (b"question,answer\na?,\n", r"q.csv:2 has no text in 'answer'"),
        (b"question,question\na?,1\n", r"names the column 'question' twice"),
        (b"question,answer\n", r"holds no questions"),
        (b"", r"holds no questions"),
        (b"question,answer\nEst-ce d\xe9j\xe0?,1\n", r"q.csv:2 is not UTF-8 text"),
    ],
    "q.parquet": [
        (b"PAR1 no", r"cannot read .*q.parquet: .*expected a Parquet file"),
        (b"", r"expected a Parquet file"),
    ],
    "q.xlsx": [(b"", r"ends in '.xlsx'; expected .jsonl")],
    "q": [(b"", r"ends in 'no extension'; expected .jsonl")],
    "q.json": [(b"[" * 100_000, r"q.json:1 is (nested too deep|not JSON)")],
}


@pytest.mark.parametrize(("name", "content", "said"), [(n, *case) for n, cases in UNUSABLE.items() for case in cases])
def test_a_table_that_cannot_be_used_is_refused(tmp_path: Path, name: str, content: bytes, said: str) -> None:
    with pytest.raises(SourceError, match=said):
        source(tmp_path / name, content).skills()


def test_a_column_that_parquet_lacks_is_named_with_those_there_are(tmp_path: Path) -> None:
    path = str(written(tmp_path / "q.parquet"))
    with pytest.raises(SourceError, match=r"no column 'gold'; it has: question, answer, topic"):
        Questions(use="questions", path=path, answer="gold").skills()


CELL = st.text(st.characters(exclude_categories=("Cs", "Cc")) | st.sampled_from('",'), max_size=8)
CELLS = st.lists(st.tuples(CELL.filter(str.strip), CELL | st.just("two\nlines")), min_size=1, max_size=12)


@settings(max_examples=40, deadline=None)
@given(CELLS)
def test_what_the_csv_module_writes_is_read_back_at_any_place(
    tmp_path_factory: Any, rows: list[tuple[str, str]]
) -> None:
    path = tmp_path_factory.mktemp("csv") / "q.csv"
    with path.open("w", newline="", encoding="utf-8") as out:
        csv.writer(out).writerows([("a", "b"), *rows])
    table = CellTable(str(path), tabs=False)
    found = list(table.rows())
    assert [(row["a"], row["b"] or "") for _, row in found] == rows
    shuffled = random.Random(0).sample(found, len(found))
    assert list(table.at([place for place, _ in shuffled])) == [row for _, row in shuffled]


def test_rows_of_parquet_are_found_again_beyond_what_is_fetched_at_once(tmp_path: Path) -> None:
    count = 2 * AHEAD + 7
    parquet.write_table(pyarrow.table({"n": list(range(count))}), tmp_path / "q.parquet", row_group_size=300)
    table = ParquetTable(str(tmp_path / "q.parquet"), ["n"])
    places = random.Random(0).sample(range(count), count)
    assert [row["n"] for row in table.at(places)] == places


def test_what_a_table_keeps_must_be_sayable_in_json(tmp_path: Path) -> None:
    table = pyarrow.table({"question": ["a?"], "answer": ["1"], "raw": [b"x"]})
    parquet.write_table(table, tmp_path / "q.parquet")
    with pytest.raises(SourceError, match=r"holds bytes in 'raw', which `keep` names"):
        Questions(use="questions", path=str(tmp_path / "q.parquet"), keep=["raw"]).skills()


def test_what_is_heavy_is_imported_when_a_table_needs_it() -> None:
    code = (
        "import sys, agents.sources.questions, agents.sources.documents, agents.sources.knowledge_triples; "
        "print(*({'datasets', 'pyarrow', 'pypdf', 'mammoth'} & sys.modules.keys()))"
    )
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert found.stdout.strip() == ""
