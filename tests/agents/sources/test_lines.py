"""A plain list, one item a line."""

from pathlib import Path
from typing import Any

import pytest

from agents.kinds import Material, SourceError
from agents.sources.lines import Lines


def source(place: Path, content: bytes, **options: Any) -> Lines:
    (place / "list.txt").write_bytes(content)
    return Lines(use="lines", path=str(place / "list.txt"), **options)


def everything(found: Lines) -> list[Material]:
    return [m for part in ("train", "probe", "test") for m in found.materials(part, "", 0)]


def test_every_line_is_an_item_under_the_name_that_the_recipe_gives(tmp_path: Path) -> None:
    content = (
        b"\xef\xbb\xbfPersonX goes fishing\r\n\r\n  PersonX sleeps \n\tpersonx  SLEEPS\nPersonX eats \xc3\xa9clairs"
    )
    found = source(tmp_path, content, field="event")
    assert found.kind == "event"
    assert sorted(m.fields["event"] for m in everything(found)) == [
        "PersonX eats éclairs", "PersonX goes fishing", "PersonX sleeps",
    ]  # fmt: skip
    assert {m.origin.rpartition(":")[2] for m in everything(found)} == {"1", "3", "5"}
    assert found.split_key({"event": "PersonX  Sleeps"}) == "personx sleeps"


def test_items_are_shared_out_and_their_order_follows_the_seed(tmp_path: Path) -> None:
    found = source(tmp_path, "\n".join(f"item {n}" for n in range(400)).encode(), probe=0.2, test=0.3)
    parts = {part: list(found.materials(part, "", 1)) for part in ("train", "probe", "test")}  # type: ignore[arg-type]
    assert sum(map(len, parts.values())) == 400
    assert abs(len(parts["probe"]) - 80) < 40
    assert abs(len(parts["test"]) - 120) < 45
    assert list(found.materials("train", "", 2)) != parts["train"]
    assert sorted(m.origin for m in found.materials("train", "", 2)) == sorted(m.origin for m in parts["train"])


def test_a_share_of_nothing_leaves_everything_to_lessons(tmp_path: Path) -> None:
    found = source(tmp_path, b"a\nb\nc", probe=0, test=0)
    assert len(list(found.materials("train", "", 0))) == 3


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"", r"list.txt holds no items; expected one a line"),
        (b" \n\n", r"holds no items"),
        (b"fine\nd\xe9j\xe0", r"list.txt:2 is not UTF-8 text .*save it as UTF-8"),
        (b"fine\n" + b"x" * 20_001, r"list.txt:2 has 20,001 characters .*expected one item a line"),
        (b"a\0b", r"list.txt:1 has 3 characters or a NUL"),
    ],
)
def test_what_is_no_list_is_refused(tmp_path: Path, content: bytes, said: str) -> None:
    with pytest.raises(SourceError, match=said):
        source(tmp_path, content).skills()


def test_a_missing_file_is_refused(tmp_path: Path) -> None:
    with pytest.raises(SourceError, match=r"cannot read .*none.txt: No such file"):
        Lines(use="lines", path=str(tmp_path / "none.txt")).skills()
