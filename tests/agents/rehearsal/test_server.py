"""The rehearsal server, over real HTTP, as the openai client meets it."""

import json
import os
import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from functools import cache
from itertools import islice
from math import exp
from pathlib import Path

import httpx
import openai
import pytest
from openai import OpenAI

from agents.prompts import tagged
from agents.rehearsal import recorded
from agents.rehearsal.server import FAULTS_IN_A_ROW, Manners
from agents.rehearsal.serving import PACKAGES, serve
from agents.rehearsal.wording import TOKEN, cut
from agents.rehearsal.world import items

KEY = "loopback"
PLAIN = "rehearsal-teacher?refusal_rate=0&malformed_rate=0"
QUESTIONS = [item.question for item in islice(items("trip", 11), 8)]
TEXT = {"type": "string"}
FORM = {
    "type": "json_schema",
    "json_schema": {
        "name": "Solution",
        "strict": True,
        "schema": {"type": "object", "properties": {"rationale": TEXT, "answer": TEXT}},
    },
}
ROWS = [
    {
        "question": "One  and one?",
        "ground_truth": "2",
        "small": {"solution": "1+1=2\nA: 2"},
        "big": {"solution": "A: 2"},
    },
    {"question": "Two and two?", "ground_truth": "4", "small": {"solution": "2+2=2+2=2"}},
]


@pytest.fixture(scope="module")
def recording(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("recorded") / "solutions.jsonl"
    path.write_text("".join(json.dumps(row) + "\n" for row in ROWS))
    return path


@pytest.fixture(scope="module")
def calm(recording: Path) -> Iterator[str]:
    with serve("--key", KEY, "--recorded", str(recording)) as url:
        yield url


@pytest.fixture(scope="module")
def stormy() -> Iterator[str]:
    with serve("--rate-limit-rate", "0.7", "--server-error-rate", "0.1") as url:
        yield url


@cache
def client(url: str, retries: int = 0, key: str = KEY) -> OpenAI:
    return OpenAI(base_url=url, api_key=key, max_retries=retries)


def ask(api: OpenAI, question: str, model: str = PLAIN, **more: object) -> openai.types.chat.ChatCompletion:
    message = {"role": "user", "content": tagged({"question": question})}
    return api.chat.completions.create(model=model, messages=[message], **{"response_format": FORM, **more})  # type: ignore


def counts(url: str) -> dict[str, int]:
    return httpx.get(url.removesuffix("/v1") + "/counts").json()


def test_a_structured_reply(calm: str) -> None:
    reply = ask(client(calm), QUESTIONS[0], seed=4)
    choice, usage = reply.choices[0], reply.usage
    assert json.loads(choice.message.content or "").keys() == {"rationale", "answer"}
    assert (choice.finish_reason, choice.message.refusal, reply.object) == ("stop", None, "chat.completion")
    assert usage is not None
    assert usage.total_tokens == usage.prompt_tokens + usage.completion_tokens
    assert usage.completion_tokens > 20
    assert ask(client(calm), QUESTIONS[0], seed=4) == reply


def test_several_choices_differ(calm: str) -> None:
    choices = ask(client(calm), QUESTIONS[0], f"{PLAIN}&error_rate=1", n=4).choices
    assert [choice.index for choice in choices] == [0, 1, 2, 3]
    assert len({choice.message.content for choice in choices}) > 1


def test_a_refusal(calm: str) -> None:
    message = ask(client(calm), QUESTIONS[0], "rehearsal-teacher?refusal_rate=1").choices[0].message
    assert message.content is None
    assert message.refusal


def test_a_reply_is_cut_at_its_length(calm: str) -> None:
    reply = ask(client(calm), QUESTIONS[0], max_tokens=3)
    assert reply.choices[0].finish_reason == "length"
    assert len((reply.choices[0].message.content or "").split()) == 3
    assert reply.usage is not None
    assert reply.usage.completion_tokens == 3
    assert cut("one two", 2) == ("one two", "stop")


def test_a_reply_ends_before_a_stop(calm: str) -> None:
    whole = ask(client(calm), QUESTIONS[0]).choices[0].message.content or ""
    for stop in ('"answer"', ["nowhere", '"answer"', "}"]):
        choice = ask(client(calm), QUESTIONS[0], stop=stop).choices[0]
        assert (choice.message.content, choice.finish_reason) == (whole.partition('"answer"')[0], "stop")
    assert ask(client(calm), QUESTIONS[0], stop="nowhere").choices[0].message.content == whole
    assert cut("one two three", 1, ["three"]) == ("one", "length")
    with pytest.raises(openai.BadRequestError, match="stop"):
        ask(client(calm), QUESTIONS[0], stop=list("abcde"))


def test_log_probabilities(calm: str) -> None:
    plain = ask(client(calm), QUESTIONS[0])
    reply = ask(client(calm), QUESTIONS[0], logprobs=True, top_logprobs=20)
    assert plain.choices[0].logprobs is None
    assert reply.choices[0].message == plain.choices[0].message
    assert reply.choices[0].logprobs is not None
    tokens = reply.choices[0].logprobs.content or []
    assert "".join(token.token for token in tokens) == reply.choices[0].message.content
    for token in tokens:
        odds = [exp(other.logprob) for other in token.top_logprobs]
        assert len({other.token for other in token.top_logprobs}) == 20
        assert token.top_logprobs[0].model_dump() == token.model_dump(exclude={"top_logprobs"})
        assert odds == sorted(odds, reverse=True)
        assert sum(odds) <= 1
        assert bytes(token.bytes or []).decode() == token.token
    assert len({token.logprob for token in tokens}) > len(tokens) / 2
    assert ask(client(calm), QUESTIONS[0], logprobs=True, top_logprobs=20) == reply


def test_log_probabilities_without_alternatives(calm: str) -> None:
    odds = ask(client(calm), QUESTIONS[0], logprobs=True).choices[0].logprobs
    assert odds is not None
    assert [token.top_logprobs for token in odds.content or []] == [[]] * len(odds.content or [])
    refused = ask(client(calm), QUESTIONS[0], "rehearsal-teacher?refusal_rate=1", logprobs=True).choices[0]
    assert refused.logprobs is not None
    assert "".join(token.token for token in refused.logprobs.refusal or []) == refused.message.refusal
    with pytest.raises(openai.BadRequestError, match="only allowed when"):
        ask(client(calm), QUESTIONS[0], top_logprobs=3)


@pytest.mark.parametrize("text", ["", " ", "one", " one,  two\n\n", "\ud800é 漢字 🙂\t\t."])
def test_the_tokens_of_a_text_make_the_text(text: str) -> None:
    assert "".join(TOKEN.findall(text)) == text


def test_a_wrong_key(calm: str) -> None:
    with pytest.raises(openai.AuthenticationError):
        ask(client(calm, key="other"), QUESTIONS[0])


def test_models_are_listed(calm: str) -> None:
    names = {model.id for model in client(calm).models.list()}
    assert names == {"rehearsal-teacher", "rehearsal-expert", "rehearsal-weak", "small", "big"}


def test_what_is_not_there(calm: str) -> None:
    with pytest.raises(openai.NotFoundError) as unknown:
        ask(client(calm), QUESTIONS[0], "gpt-4o")
    assert unknown.value.code == "model_not_found"
    lost = httpx.get(calm + "/nothing")
    assert lost.status_code == 404
    assert lost.json()["error"].keys() == {"message", "type", "param", "code"}
    assert httpx.get(calm.removesuffix("/v1") + "/health").json() == {"status": "ok"}


@pytest.mark.parametrize("body", ["{", "[]", "[" * 9999, "{}", '{"model": "m", "messages": []}', "\ud800"])
def test_a_malformed_body(calm: str, body: str) -> None:
    headers = {"Authorization": f"Bearer {KEY}"}
    content = body.encode("utf-8", "surrogatepass")
    reply = httpx.post(f"{calm}/chat/completions", content=content, headers=headers)
    assert (reply.status_code, reply.json()["error"]["type"]) == (400, "invalid_request_error")


def test_half_a_surrogate_pair_is_carried(calm: str) -> None:
    body = {"model": PLAIN, "messages": [{"role": "user", "content": "<question>\nCopy: \ud800\n</question>"}]}
    headers = {"Authorization": f"Bearer {KEY}"}
    reply = httpx.post(f"{calm}/chat/completions", content=json.dumps(body), headers=headers)
    assert reply.status_code == 200


def test_transient_faults_end_before_a_client_gives_up(stormy: str) -> None:
    before = counts(stormy)
    for question in QUESTIONS:
        ask(client(stormy, retries=FAULTS_IN_A_ROW), question)
    after = counts(stormy)
    assert after["answered"] - before["answered"] == len(QUESTIONS)
    assert after["requests"] - before["requests"] > 1.5 * len(QUESTIONS)
    assert after["repeats"] == before["repeats"]
    ask(client(stormy, retries=FAULTS_IN_A_ROW), QUESTIONS[0])
    assert counts(stormy)["repeats"] == before["repeats"] + 1


def test_faults_are_those_of_the_api(stormy: str) -> None:
    body = {"model": PLAIN, "messages": [{"role": "user", "content": "x"}]}
    with httpx.Client() as api:
        replies = [api.post(f"{stormy}/chat/completions", json={**body, "seed": seed}) for seed in range(30)]
    assert {reply.status_code for reply in replies} == {200, 429, 500}
    assert {reply.headers.get("Retry-After") for reply in replies if reply.status_code == 429} == {"0.05"}
    assert all(reply.json()["error"]["message"] for reply in replies if reply.status_code != 200)
    assert Manners().fault(0.0) is None


def test_recorded_solutions_are_replayed(calm: str) -> None:
    def said(question: str, model: str) -> object:
        return json.loads(ask(client(calm), question, model).choices[0].message.content or "")

    assert said(" One and\none? ", "small") == {"rationale": "1+1=2", "answer": "2"}
    assert said("One and one?", "big") == {"rationale": "", "answer": "2"}
    assert said("Two and two?", "small") == {"rationale": "2+2=2+2=2", "answer": ""}


@pytest.mark.parametrize(("question", "model"), [("Three?", "small"), ("Two and two?", "big")])
def test_what_was_not_recorded_is_refused(calm: str, question: str, model: str) -> None:
    assert "not recorded" in (ask(client(calm), question, model).choices[0].message.refusal or "")


@pytest.mark.parametrize(
    ("content", "told"),
    [
        (b'{"question": "x", "m": {"solution": "A: 1"}}\n{\n', "line 2: not JSON"),
        (b'\n\n{"question": "\xff"}\n', "line 3: not UTF-8"),
        (b'{"query": "x"}\n', "line 1: there is no text under `question`"),
        (b'{"question": "x", "m": {}}\n', "line 1: there is no text under `solution` of 'm'"),
        (b"", "holds no recorded solution"),
    ],
)
def test_unfit_recordings_are_told(tmp_path: Path, content: bytes, told: str) -> None:
    path = tmp_path / "solutions.jsonl"
    path.write_bytes(content)
    with pytest.raises(ValueError, match=re.escape(told)):
        recorded.load(path)


def test_a_missing_recording_is_told(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="check the path"):
        recorded.load(tmp_path / "none.jsonl")


def test_the_server_dies_with_a_parent_that_is_killed() -> None:
    script = "from agents.rehearsal.serving import serve\nwith serve() as url: print(url, flush=True); input()"
    with subprocess.Popen(
        [sys.executable, "-c", script],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        cwd=PACKAGES,
    ) as parent:
        assert parent.stdout is not None
        url = parent.stdout.readline().strip()
        assert counts(url)["requests"] == 0
        os.kill(parent.pid, signal.SIGKILL)
        # The server shares this stream, so it ends only when the server has ended too.
        assert parent.communicate(timeout=5)[1] == ""
    with pytest.raises(httpx.ConnectError):
        counts(url)


def test_a_server_that_cannot_start_is_told(tmp_path: Path) -> None:
    with pytest.raises(RuntimeError, match="did not start"), serve("--recorded", str(tmp_path / "none.jsonl")):
        pass
