"""A key is read from the environment or from a file that nobody else can read, and no message shows it."""

from pathlib import Path
from typing import Any

import pytest

from orchestrator.machine import Machine, MachineError, _endpoint, load_machine

KEY = "sk-planted-4711-0815-XyZ"
HOSTED = "https://api.example.com/v1"


def endpoint_of(**entry: Any) -> Any:
    machine = Machine.model_validate({"default": {"endpoint": HOSTED, "model": "m", **entry}})
    return _endpoint(machine.entries(["judge"])["judge"], "judge", HOSTED)


def key_file(folder: Path, text: str = KEY + "\n", mode: int = 0o600) -> str:
    path = folder / "teacher-key"
    path.write_text(text)
    path.chmod(mode)
    return str(path)


def refused(message: str, **entry: Any) -> None:
    with pytest.raises(MachineError, match=message) as caught:
        endpoint_of(**entry)
    assert KEY not in str(caught.value)


def test_a_key_is_read_from_a_file_of_ones_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    endpoint = endpoint_of(key_file=key_file(tmp_path))
    assert (endpoint.api_key, endpoint.key_place) == (KEY, f"file {tmp_path}/teacher-key")
    monkeypatch.setenv("HOME", str(tmp_path))
    key_file(tmp_path, mode=0o400)
    assert endpoint_of(key_file="~/teacher-key").key_place == "file ~/teacher-key"
    assert KEY not in repr(endpoint)


@pytest.mark.parametrize("mode", [0o644, 0o640, 0o604, 0o666])
def test_a_file_that_others_can_read_is_refused(tmp_path: Path, mode: int) -> None:
    found = rf"{tmp_path}/teacher-key, which is readable by others \(mode {mode:o}\); chmod 600 it"
    refused(f"role 'judge' needs the key in {found}", key_file=key_file(tmp_path, mode=mode))


def test_a_file_without_a_key_is_refused(tmp_path: Path) -> None:
    refused("teacher-key, which is empty", key_file=key_file(tmp_path, " \n"))
    refused("nowhere: No such file or directory", key_file=str(tmp_path / "nowhere"))
    refused(f"{tmp_path}, which is no file", key_file=str(tmp_path))
    refused("teacher-key has spaces, line ends", key_file=key_file(tmp_path, f"{KEY}\n{KEY}\n"))


MISTAKEN = {
    "{key_env: A, key_file: ~/k}": r"default: key_env \(A\) and key_file \(~/k\) are both given; keep one",
    f"{{key_env: {KEY}}}": "default.key_env: that is no name of an environment variable; name the variable",
    "{key_env: gsk4kYc8vQzXplanted4711}": "default.key_env: that is no name of an environment variable",
    f"{{key_file: {KEY}}}": "default.key_file: that is no path from / or ~/; name the file",
    f"{{api_key: {KEY}}}": "default.api_key: there is no such setting",
    f'{{key: "{KEY}': "cannot read the machine file .*while scanning",
}


@pytest.mark.parametrize("entry", MISTAKEN)
def test_a_key_in_the_machine_file_is_refused_and_not_shown(tmp_path: Path, entry: str) -> None:
    (tmp_path / "machine.yaml").write_text(f"default: {entry}")
    with pytest.raises(MachineError, match=MISTAKEN[entry]) as caught:
        load_machine(tmp_path / "machine.yaml")
    assert "4711" not in str(caught.value)


@pytest.mark.parametrize(
    "extra",
    [
        {"api_key": KEY},
        {"extra_headers": {"Authorization": f"Bearer {KEY}"}},
        {"tools": [{"mcp": {"access_token": KEY}}]},
    ],
)
def test_a_key_among_the_request_parameters_is_refused(extra: dict[str, Any]) -> None:
    refused(r"extra parameters of m hold .*: they are stored with every call; put the key in", extra=extra)


def test_parameters_that_only_sound_like_keys_are_taken() -> None:
    extra = {"max_completion_tokens": 9, "prompt_cache_key": "lessons", "safety_identifier": "a"}
    assert endpoint_of(extra=extra).extra == extra


@pytest.mark.parametrize("url", [f"https://me:{KEY}@example.com/v1", f"https://example.com/v1?api_key={KEY}"])
def test_a_key_in_the_address_is_refused(url: str) -> None:
    machine = Machine.model_validate({"default": {"endpoint": url}})
    with pytest.raises(MachineError, match=r"put it in|expected https") as caught:
        _endpoint(machine.entries(["judge"])["judge"], "judge", url)
    assert KEY not in str(caught.value)
