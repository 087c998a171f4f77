"""What a model costs is what somebody said of it, the nearest first; and what nobody said is unknown."""

import json
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from agents.endpoint import Price
from flows.cli import app
from orchestrator.doctor import examine_machine
from orchestrator.machine import Machine, MachineError, ModelEntry, load_machine
from orchestrator.prices import SHIPPED, Prices, Tariff, open_prices, read_prices
from tests.flows.test_mistakes import answering

HOSTED = "https://api.example.com/v1"
TODAY = date(2030, 6, 1)


def tariff(model: str, prompt: float, since: str = "2030-01-01", **more: Any) -> Tariff:
    facts = {"model": model, "since": since, "prompt": prompt, "completion": 2 * prompt, "source": "here"}
    return Tariff.model_validate({**facts, **more})


def machine_with(folder: Path, table: str | None = None, **entry: Any) -> Machine:
    if table is not None:
        (folder / "my-prices.yaml").write_text(table)
    data = {"default": {"endpoint": HOSTED, **entry}} | ({"prices": "my-prices.yaml"} if table is not None else {})
    (folder / "machine.yaml").write_text(json.dumps(data))
    return load_machine(folder / "machine.yaml")


def price_of(machine: Machine) -> Price | None:
    return machine.price(machine.entries(["teacher"])["teacher"])


# Which entry counts


@pytest.mark.parametrize(
    ("own", "shipped", "prompt"),
    [
        ([], [], None),
        ([], [tariff("gpt-x-mini-audio", 1)], None),
        ([], [tariff("gpt-x", 1), tariff("gpt-x-mini", 2)], 2),
        (
            [],
            [tariff("gpt-x-mini", 1, "2029-01-01"), tariff("gpt-x-mini", 2), tariff("gpt-x-mini", 3, "2030-07-01")],
            2,
        ),
        ([], [tariff("gpt-x-mini", 3, "2030-06-01")], 3),
        ([], [tariff("gpt-x-mini", 1, "2029-01-01"), tariff("gpt-x-mini*", 2)], 1),
        ([], [tariff("gpt-*", 1), tariff("gpt-x-m*", 2), tariff("gpt-*i", 3, "2029-01-01")], 2),
        ([tariff("gpt-*", 9, "2020-01-01")], [tariff("gpt-x-mini", 1)], 9),
        ([tariff("gpt-x-mini", 9, "2031-01-01")], [tariff("gpt-x-mini", 1)], 1),
    ],
)
def test_the_newest_entry_that_holds_counts_and_the_nearest_table(own: Any, shipped: Any, prompt: float | None) -> None:
    found = Prices(tuple(own), tuple(shipped)).of("gpt-x-mini", TODAY)
    assert (found and found.prompt) == prompt


def test_the_shipped_table_can_be_read_and_holds_today() -> None:
    shipped = read_prices(SHIPPED)
    assert 15 <= len(shipped) <= 25
    assert len({one.model for one in shipped}) == len(shipped)
    assert all(one.since <= datetime.now(UTC).date() and "litellm" in one.source for one in shipped)
    assert not any(sign in one.model for one in shipped for sign in "*?[")


def test_an_entry_beats_ones_own_table_and_that_the_shipped_one(tmp_path: Path) -> None:
    own = "- {model: gpt-4o, since: 2020-01-01, prompt: 7, completion: 8, source: my contract}"
    assert price_of(machine_with(tmp_path, model="gpt-4o")) == open_prices(None).of("gpt-4o").price
    assert price_of(machine_with(tmp_path, own, model="gpt-4o")) == Price(7, 8)
    said = {"usd_per_million_prompt": 0, "usd_per_million_completion": 0}
    assert price_of(machine_with(tmp_path, own, model="gpt-4o", **said)) == Price(0, 0)
    assert price_of(machine_with(tmp_path, own, model="gpt-4o-of-my-own")) is None


def test_what_a_run_serves_itself_has_the_price_that_its_user_says(tmp_path: Path) -> None:
    own = "- {model: gpt-4o, since: 2020-01-01, prompt: 0, completion: 0, source: a program}"
    assert price_of(Machine()) is None
    assert price_of(machine_with(tmp_path, endpoint="recorded:some.jsonl", model="gpt-4o")) is None
    assert price_of(machine_with(tmp_path, own, endpoint="recorded:some.jsonl", model="gpt-4o")) == Price(0, 0)
    assert price_of(machine_with(tmp_path, model="rehearsal-teacher?error_rate=0")) is None


def test_a_batch_costs_its_part_and_caching_is_not_counted_on(tmp_path: Path) -> None:
    own = "- {model: m, since: 2020-01-01, prompt: 4, completion: 8, cached_prompt: 1, batch: 0.5, source: s}"
    assert price_of(machine_with(tmp_path, own, model="m")) == Price(4, 8, 1, 0.5)
    assert price_of(machine_with(tmp_path, own, model="m", batch=True)) == Price(2, 4)
    said = {"usd_per_million_prompt": 4, "usd_per_million_completion": 8}
    assert price_of(machine_with(tmp_path, own, model="m", batch=True, **said)) == Price(4, 8)


def test_a_cap_in_dollars_is_content_with_a_price_of_a_table(tmp_path: Path) -> None:
    assert machine_with(tmp_path, model="gpt-4o").entries(["teacher"], priced=True)
    with pytest.raises(MachineError, match=r"no price is known for 'teacher' \(model 'nobody'\).*`prices:`"):
        machine_with(tmp_path, model="nobody").entries(["teacher"], priced=True)


# What is wrong with a table is said


BAD = {
    "{model: m}": "expected a list of entries, each with model, since",
    "[1": "cannot read the price table .*my-prices.yaml: while parsing",
    "- 5": "entry 1: Input should be",
    "- {model: m, since: 2020-01-01, prompt: 1, completion: 2}": r"entry 1 \(m\): source: Field required",
    "- {model: m, since: then, prompt: 1, completion: 2, source: s}": r"entry 1 \(m\): since: Input should be a valid date",
    "- {model: m, since: 2020-01-01, prompt: -1, completion: 2, source: s}": r"prompt: Input should be greater",
    "- {model: m, since: 2020-01-01, prompt: .inf, completion: 2, source: s}": r"prompt: Input should be a finite",
    "- {model: m, since: 2020-01-01, prompt: 1, completion: 2, cached_prompt: 3, source: s}": "cached_prompt is more than",
    "- {model: m, since: 2020-01-01, prompt: 1, completion: 2, batch: 50, source: s}": "batch: Input should be less than",
    "- {model: m, since: 2020-01-01, promt: 1, completion: 2, source: s}": "prompt: Field required",
}


@pytest.mark.parametrize("table", BAD)
def test_a_table_that_cannot_be_used_is_refused_with_the_place(tmp_path: Path, table: str) -> None:
    with pytest.raises(MachineError, match=BAD[table]):
        machine_with(tmp_path, table)


def test_a_table_that_is_not_there_is_refused(tmp_path: Path) -> None:
    (tmp_path / "machine.yaml").write_text("{default: {}, prices: nowhere.yaml}")
    with pytest.raises(MachineError, match=rf"cannot read the price table {tmp_path}/nowhere.yaml: .*No such file"):
        load_machine(tmp_path / "machine.yaml")


# What a person sees


def prices(*words: str | Path) -> Any:
    return CliRunner().invoke(app, ["prices", *map(str, words)], catch_exceptions=False)


def test_the_table_is_listed_and_the_entry_of_one_model(tmp_path: Path) -> None:
    listed = json.loads(prices("--json").stdout)
    assert len(listed) == len(read_prices(SHIPPED))
    (found,) = json.loads(prices("gpt-4o", "--json").stdout)
    assert (found["table"], found["model"], found["since"]) == ("shipped", "gpt-4o", "2026-10-21")
    machine_with(tmp_path, "- {model: 'gpt-4*', since: 2020-01-01, prompt: 7, completion: 8, source: my contract}")
    (found,) = json.loads(prices("gpt-4o", "--machine", tmp_path / "machine.yaml", "--json").stdout)
    assert (found["table"], found["model"], found["source"]) == ("yours", "gpt-4*", "my contract")
    assert "my contract" in " ".join(prices("gpt-4o", "--machine", tmp_path / "machine.yaml").stdout.split())


def test_a_price_that_nobody_said_is_said_to_be_unknown() -> None:
    assert prices("nobody", "--json").stdout.strip() == "[]"
    assert "the price of nobody is unknown" in prices("nobody").stdout


def test_the_doctor_says_the_price_and_its_date_or_that_it_is_unknown(tmp_path: Path) -> None:
    message = {"choices": [{"message": {"content": "true"}, "finish_reason": "stop"}]}
    with answering(200, json.dumps(message)) as url:
        for model, said in {"gpt-4o": "2.5 and 10 USD per million tokens (2026-10-21, ", "m": "price unknown"}.items():
            machine_with(tmp_path, endpoint=url, model=model)
            findings = examine_machine(tmp_path / "machine.yaml", tmp_path, str(tmp_path / "store.sqlite"))
            assert said in findings[-1].found
    own = ModelEntry(endpoint=url, usd_per_million_prompt=1, usd_per_million_completion=2)
    assert Machine().told_price(own) == "1 and 2 USD per million tokens (machine file)"
