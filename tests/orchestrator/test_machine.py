"""Machine files: what a person may get wrong is said with the place and the way out."""

from pathlib import Path
from typing import Any

import pytest

from agents.endpoint import Price
from orchestrator.cycle import open_work
from orchestrator.machine import EMBEDDED, Machine, MachineError, ModelEntry, _endpoint, load_machine, teachers_for
from orchestrator.recipe import load_recipe
from orchestrator.trial import Memory
from storage.store import Store


def machine_file(folder: Path, text: str | bytes) -> Path:
    path = folder / "machine.yaml"
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return path


async def opened(machine: Machine, *roles: str) -> dict[str, Any]:
    async with teachers_for(list(roles), machine, Memory()) as teachers:
        return dict(teachers)


BAD = {
    "[1": "cannot read the machine file .*machine.yaml: while parsing",
    "a: 2024-13-45": "cannot read the machine file .*month must be in 1..12",
    "- a": "machine.yaml: the whole: Input should be",
    "rolls: {}": "machine.yaml: rolls: there is no such setting; did you mean 'roles'",
    "default: {endpont: x}": "machine.yaml: default.endpont: there is no such setting; did you mean 'endpoint'",
    "roles: {teacher: {concurrency: 0}}": "roles.teacher.concurrency: Input should be greater than or equal to 1",
    "default: {key: sk-123}": "default.key: there is no such setting",
}


@pytest.mark.parametrize("text", BAD)
def test_a_bad_machine_file_is_refused_with_the_place(tmp_path: Path, text: str) -> None:
    with pytest.raises(MachineError, match=BAD[text]) as caught:
        load_machine(machine_file(tmp_path, text))
    assert "sk-123" not in str(caught.value)


def test_a_missing_or_foreign_machine_file_is_refused(tmp_path: Path) -> None:
    with pytest.raises(MachineError, match="cannot read the machine file"):
        load_machine(tmp_path / "none.yaml")
    with pytest.raises(MachineError, match="cannot read the machine file"):
        load_machine(machine_file(tmp_path, b"\xff\xfe\x00"))


def test_without_a_machine_file_every_role_is_the_rehearsal(tmp_path: Path) -> None:
    assert load_machine(None) == load_machine(machine_file(tmp_path, "default: {}")) == Machine()
    assert Machine().entries(["any role"])["any role"].endpoint == "rehearsal:"


async def test_a_file_without_a_default_names_every_role(tmp_path: Path) -> None:
    machine = load_machine(machine_file(tmp_path, "roles: {techer: {}, judge: {}}"))
    with pytest.raises(
        MachineError, match=r"'teacher' \(is it the 'techer' of the file\?\), 'referee'; name each under"
    ):
        await opened(machine, "teacher", "judge", "referee")
    assert list(machine.entries(["judge"])) == ["judge"]
    with pytest.raises(MachineError, match="names no model for 'teacher'"):
        load_machine(machine_file(tmp_path, "")).entries(["teacher"])


def test_an_unnamed_role_is_played_by_the_default(tmp_path: Path) -> None:
    machine = load_machine(machine_file(tmp_path, "roles: {judge: {model: big}}\ndefault: {model: small}"))
    entries = machine.entries(["judge", "teacher"])
    assert {role: entry.model for role, entry in entries.items()} == {"judge": "big", "teacher": "small"}


def served(machine: Machine) -> Any:
    return _endpoint(machine.entries(["judge"])["judge"], "judge", "http://127.0.0.1:9/v1")


def test_an_entry_says_how_its_endpoint_is_asked(tmp_path: Path) -> None:
    text = "roles: {judge: {structured: json, extra: {max_tokens: null, max_completion_tokens: 9}}}"
    endpoint = served(load_machine(machine_file(tmp_path, text)))
    assert (endpoint.structured, endpoint.extra) == ("json", {"max_tokens": None, "max_completion_tokens": 9})
    with pytest.raises(MachineError, match=r"role 'judge': .*may not set stream"):
        served(load_machine(machine_file(tmp_path, "roles: {judge: {extra: {stream: true}}}")))


async def test_a_missing_key_names_its_variable_and_the_role(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("MY_KEY", raising=False)
    machine = Machine.model_validate({"default": {"endpoint": "http://127.0.0.1:9/v1", "key_env": "MY_KEY"}})
    with pytest.raises(
        MachineError, match=r"role 'teacher' needs the key in environment variable MY_KEY.*export MY_KEY"
    ):
        await opened(machine, "teacher")
    monkeypatch.setenv("MY_KEY", "sk-1")
    assert (await opened(machine, "teacher"))["teacher"].model == "rehearsal-teacher"


async def test_an_address_that_is_none_names_the_role() -> None:
    machine = Machine.model_validate({"roles": {"judge": {"endpoint": "example.com"}}})
    with pytest.raises(MachineError, match=r"role 'judge': base URL 'example.com'.*expected https"):
        await opened(machine, "judge")


async def test_recorded_solutions_that_are_not_there_are_a_machine_error(tmp_path: Path) -> None:
    machine = Machine.model_validate({"default": {"endpoint": f"recorded:{tmp_path / 'none.jsonl'}"}})
    with pytest.raises(MachineError, match=r"endpoint 'recorded:"):
        await opened(machine, "teacher")


def test_a_base_is_a_folder_with_a_model(tmp_path: Path) -> None:
    (tmp_path / "model").mkdir()
    machine = Machine(students={"own": str(tmp_path / "model")})
    assert machine.base("embedded") == str(EMBEDDED.resolve())
    for name in ("own", "Qwen/unknown", "", str(tmp_path / "nowhere")):
        with pytest.raises(MachineError, match="name its folder in the machine file under `students:`"):
            machine.base(name)
    (tmp_path / "model" / "config.json").write_text("{}")
    assert machine.base("own") == machine.base(str(tmp_path / "model")) == str(tmp_path / "model")


def test_a_price_is_known_only_whole() -> None:
    assert ModelEntry(usd_per_million_prompt=1, usd_per_million_completion=2).price == Price(1, 2)
    assert ModelEntry(usd_per_million_prompt=0, usd_per_million_completion=0).price == Price(0, 0)
    assert ModelEntry(usd_per_million_prompt=1).price is None


async def test_a_cap_in_dollars_needs_a_price_for_every_role(tmp_path: Path, store: Store) -> None:
    recipe = load_recipe("demo", ["budget.usd=5"])
    role = next(iter(recipe.roles))
    machine = Machine.model_validate({"roles": {role: {"endpoint": "http://127.0.0.1:9/v1", "model": "big"}}})
    with pytest.raises(MachineError, match=rf"no price is known for '{role}' \(model 'big'\).*usd_per_million_prompt"):
        async with open_work(recipe, machine, store, tmp_path / "runs"):
            pass
    assert not (tmp_path / "runs").exists()
    free = ModelEntry(usd_per_million_prompt=0, usd_per_million_completion=0)
    assert Machine(default=free).entries(recipe.roles, priced=True)


def test_the_machine_file_of_the_documentation_can_be_used_with_a_cap_in_dollars(tmp_path: Path) -> None:
    text = Path(__file__).parents[2].joinpath("docs/real-data.md").read_text(encoding="utf-8")
    example = text.split("```yaml\n")[1].split("```")[0]
    machine = load_machine(machine_file(tmp_path, example))
    assert machine.entries(["teacher", "referee"], priced=True)["referee"].price == Price(0, 0)
