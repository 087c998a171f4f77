"""Teachers' terms: one's own table first, of several teachers the most restrictive, and what nobody knows is unknown."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orchestrator.terms import Bound, Terms, TermsClass, TermsError, terms_of


def of(kind: TermsClass) -> Terms:
    return Terms.model_validate({"model": "m", "class": kind, "says": "so", "source": "there"})


@given(st.lists(st.sampled_from(list(TermsClass)), min_size=1))
def test_the_most_restrictive_wins(kinds: list[TermsClass]) -> None:
    bound = Bound({str(i): of(kind) for i, kind in enumerate(kinds)})
    order = list(TermsClass)
    assert all(order.index(bound.kind) >= order.index(kind) for kind in kinds)
    assert bound.kind in kinds


@pytest.mark.parametrize(
    ("model", "kind"),
    [
        ("rehearsal-teacher", "free"),
        ("gpt-4o-mini", "no_competition"),
        ("openai/gpt-oss-20b", "free"),
        ("meta-llama/Llama-3.1-8B-Instruct", "named"),
        ("a-model-of-ours", "unknown"),
    ],
)
def test_a_model_is_found_by_pattern_whoever_resells_it(model: str, kind: str) -> None:
    assert terms_of([model]).kind == kind


def test_one_model_that_nobody_knows_makes_the_whole_unknown() -> None:
    assert terms_of(["rehearsal-teacher", "a-model-of-ours"]).kind == TermsClass.UNKNOWN


def test_ones_own_table_comes_first(tmp_path: Path) -> None:
    own = tmp_path / "terms.yaml"
    own.write_text(
        "- {model: gpt-4o*, class: free, says: We have a contract., source: the contract, read: 2026-01-02}\n"
    )
    assert terms_of(["gpt-4o"], own).as_json()["class"] == "free"
    assert terms_of(["gpt-5"], own).kind == TermsClass.NO_COMPETITION


@pytest.mark.parametrize("text", ["- {model: m, class: harmless, says: a, source: b}", "- {model: m}", "m: free", "["])
def test_a_table_that_cannot_be_used_is_named(tmp_path: Path, text: str) -> None:
    own = tmp_path / "terms.yaml"
    own.write_text(text)
    with pytest.raises(TermsError, match=r"terms\.yaml"):
        terms_of(["m"], own)
