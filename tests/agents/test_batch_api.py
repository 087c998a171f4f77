"""What a Batch API may answer: any JSON, and what is none. Nothing of it is a traceback, and no line harms another."""

import json
from typing import Any

import pytest

from agents.batch_api import BatchApi, Remote
from agents.troubles import Trouble
from agents.wire import Answered
from storage.keyed import utc_now
from tests.agents.batching import QUICK

OK = {"choices": [{"message": {"content": "hi"}}]}
ODD: list[Any] = [None, 7, "x", [], ["x"], {}, {"data": 3}, {"data": "x"}, {"id": 5}, {"id": ["x"]}, {"id": "x" * 9999}]


class Says:
    """A wire on which everything is answered the same, or by path."""

    def __init__(self, *answers: Any) -> None:
        self.answers, self.paths = list(answers), list[str]()

    async def get(self, path: str, *_: Any) -> Answered:
        self.paths.append(path)
        answer = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
        return Answered(answer if isinstance(answer, bytes) else json.dumps(answer).encode(), {})

    post = upload = get


def api(*answers: Any) -> BatchApi:
    return BatchApi(Says(*answers), QUICK)  # type: ignore[arg-type]


@pytest.mark.parametrize("odd", [*ODD, {"id": "b"}, {"id": "b", "status": 3}, b"", b"[" * 9999, b"\xff", b"9" * 5000])
async def test_what_is_no_batch_is_trouble(odd: Any) -> None:
    for asking in (api(odd).look("b"), api(odd).submit("b", b""), api({"id": "f"}, odd).submit("b", b"")):
        with pytest.raises(Trouble) as caught:
            await asking
        assert caught.value.status == 200


@pytest.mark.parametrize("odd", [*ODD[:4], {}, {"data": ["x", 3]}, {"data": "x"}, b"", b"[" * 9999])
async def test_what_is_no_list_of_batches_is_trouble(odd: Any) -> None:
    with pytest.raises(Trouble):
        await api(odd).find("b", utc_now())


async def test_a_list_of_batches_may_hold_anything() -> None:
    strange = [None, 3, {}, {"id": 3, "metadata": ["orchestrator"], "created_at": "now"}]
    ours = {"id": "b/../1", "status": "completed", "metadata": {"orchestrator": "ours"}}
    assert (found := await api({"data": [*strange, ours]}).find("ours", utc_now())) and found.id == "b/../1"  # noqa: PT018
    assert await api({"data": [*strange]}).find("ours", utc_now()) is None
    assert await api({"data": []}).find("ours", utc_now()) is None
    for last in ({"id": "again", "created_at": 9e99}, {"id": 3}):
        with pytest.raises(Trouble, match=r"without end|no usable `id`"):
            await api({"data": [last], "has_more": True}).find("ours", utc_now())


@pytest.mark.parametrize(
    ("errors", "said"),
    [
        (None, ""),
        (["bad", 3, {"x": 1}, None], 'bad; 3; {"x":1}; 1 more'),
        ({"data": ["bad"]}, "bad"),
        ({"data": None}, ""),
        ({"data": {"message": "m"}}, "m (None)"),
        ("bad", "bad"),
        ({"message": "m", "code": "c", "line": 2}, "line 2: m (c)"),
    ],
)
async def test_why_a_batch_was_refused_is_told_in_any_form(errors: Any, said: str) -> None:
    remote = await api({"id": "b", "status": "failed", "errors": errors, "request_counts": 3}).look("b/?#")
    assert remote.problems == said


async def test_a_name_stays_one_part_of_a_path() -> None:
    wire = Says({"id": "b", "status": "failed"})
    await BatchApi(wire, QUICK).look("../x?\n")  # type: ignore[arg-type]
    assert wire.paths == ["/batches/..%2Fx%3F%0A"]


async def test_a_file_that_cannot_be_named_is_trouble() -> None:
    """It may hold replies that are paid for."""
    with pytest.raises(Trouble, match="output_file_id"):
        await api({"id": "b", "status": "completed", "output_file_id": 5}).look("b")


async def test_an_odd_line_of_results_harms_no_other(caplog: pytest.LogCaptureFixture) -> None:
    def line(key: Any, body: Any = OK, status: Any = 200) -> bytes:
        return json.dumps({"custom_id": key, "response": {"status_code": status, "body": body}}).encode()

    deep: Any = json.loads("[" * 400 + "]" * 400)
    lines = [
        *(
            b"",
            b"oops",
            b"[]",
            b"3",
            b"null",
            b"[" * 9999,
            b"\xff",
            b"{}",
            b'{"custom_id": 3}',
            b'{"custom_id": "none"}',
        ),
        *(line("again", OK), line("again", {"choices": 3}), line("late", None, 500), line("late", OK)),
        *(line("deep", {"error": deep}), line("huge", {"x": 10**30}), line("shape", [1]), line("status", OK, "x")),
        *(b'{"custom_id": "text", "response": "x", "error": 3}', line("good", {**OK, "usage": 3})),
    ]
    found = await api(b"\r\n".join(lines)).results(Remote("b", "completed", ("f",), ""))
    assert {key for key, result in found.items() if not isinstance(result, Trouble)} == {"again", "late", "good"}
    assert set(found) == {"none", "again", "late", "deep", "huge", "shape", "status", "text", "good"}
    assert "ignored 8 lines" in caplog.text
