"""Rules from a file: what is read of one, and what is said of a file that holds something else."""

from pathlib import Path

import pytest

from agents.kinds import SourceError
from agents.sources.rules import Rules

RULE = "Who can lift the [X: vehicle] can lift the [Y: tool]."
LISTS = "&a0 [x, x], " + ", ".join(f"&a{i} [{', '.join([f'*a{i - 1}'] * 10)}]" for i in range(1, 10))
"""A billion entries, by references."""


def source(folder: Path, content: str, name: str = "rules.yaml") -> Rules:
    path = folder / name
    path.write_text(content, encoding="utf-8")
    return Rules(use="rules", path=str(path))


def test_what_a_rule_says_besides_goes_on_as_fields(tmp_path: Path) -> None:
    found = source(tmp_path, f"- {{rule: '{RULE}', domain: home, sure: yes, often: .5, since: null}}")
    [material] = [m for part in ("train", "probe", "test") for m in found.materials(part, "", 0)]
    besides = {"domain": "home", "sure": True, "often": 0.5, "since": None}
    assert material.fields == {"rule": RULE, "template": RULE, **besides}


@pytest.mark.parametrize(
    ("content", "name", "said"),
    [
        (f"- [{LISTS}]", "rules.yaml", "rule 1 is no rule, found"),
        (f"- {{rule: '{RULE}', lists: [{LISTS}]}}", "rules.yaml", "in the field 'lists'; expected a text"),
        (f"- &a {{rule: '{RULE}', itself: *a}}", "rules.yaml", "in the field 'itself'; expected a text"),
        (f"- {{rule: '{RULE}', since: 2024-02-01}}", "rules.yaml", "put a date between quotes"),
        (f"- {{rule: '{RULE}', since: 2024-13-01}}", "rules.yaml", "is not YAML"),
        ("[" * 5000, "rules.yaml", "is not YAML"),
        ("[" * 200_000, "rules.jsonl", "rules.jsonl:1 is not JSON"),
        ('{"rule": "Boats float."}', "rules.jsonl", "has no variable"),
    ],
)
def test_what_is_no_file_of_rules_is_said_at_once(tmp_path: Path, content: str, name: str, said: str) -> None:
    with pytest.raises(SourceError, match=said):
        source(tmp_path, content, name).skills()
