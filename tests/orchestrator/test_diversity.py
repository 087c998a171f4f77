"""How varied lessons are: measured on texts whose sameness is known, and told of each round."""

import time
from collections.abc import Iterator
from itertools import islice
from pathlib import Path
from typing import Any, cast

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agents.rehearsal import world
from orchestrator.diversity import SAMPLE, Diversity, different, diversity_of, varied_in_words
from orchestrator.report.page import write_report
from orchestrator.summary import summarise
from storage.records import Dataset, DatasetRow, Draft
from storage.store import Store, open_store
from tests.orchestrator.built_run import Built


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    with open_store(tmp_path / "store.sqlite") as opened:
        yield opened


class Rows:
    """Stands in for a store: the lessons of each round."""

    def __init__(self, *rounds: list[str]) -> None:
        self.rounds = rounds

    def lesson_rows(self, run: str, number: int, most: int) -> list[dict[str, Any]]:
        turns = [[{"role": "user", "content": text}] for text in self.rounds[number - 1][:most]]
        return [{"prompt": prompt, "completion": []} for prompt in turns]


def measured(*rounds: list[str]) -> dict[int, Diversity]:
    return diversity_of(cast(Store, Rows(*rounds)), "run", range(1, len(rounds) + 1))


def test_what_is_said_again_and_again_is_not_varied_and_not_new() -> None:
    first, again, new = measured(["a b c d", "a b c d"], ["a b c d"], ["a b c e", "f g h i"]).values()
    assert (first.lessons, first.distinct_1, first.distinct_2, first.new_trigrams) == (2, 4 / 8, 3 / 6, None)
    assert again.new_trigrams == 0
    assert new.new_trigrams == 3 / 4  # a b c was there before
    assert (first.different, new.different > first.different) == (pytest.approx(1), True)


def test_a_round_without_lessons_has_no_diversity() -> None:
    assert list(measured(["a b c"], [], ["d e f"])) == [1, 3]


@given(st.lists(st.text(max_size=30), max_size=12))
def test_any_texts_can_be_measured(texts: list[str]) -> None:
    for found in measured(texts, texts).values():
        assert 0 <= found.distinct_1 <= 1
        assert 0 <= found.distinct_2 <= 1
        assert 1 <= found.different <= 100
        assert found.new_trigrams in (None, 0)


@given(st.integers(2, 8), st.integers(2, 8))
def test_the_effective_number_is_that_of_groups_with_nothing_in_common(groups: int, each: int) -> None:
    """n texts in k groups of equal size have a Vendi score of k; brought to a hundred texts it stays below that of k."""
    texts = [f"word{group} only{group}" for group in range(groups) for _ in range(each)]
    alike = (each - 1) / (groups * each - 1)
    assert different(texts) == pytest.approx(100 / (1 + 99 * alike))


def test_three_thousand_lessons_take_less_than_half_a_second() -> None:
    texts = [item.question for skill in world.SKILLS for item in islice(world.items(skill, 3), 120)][:SAMPLE]
    assert len(texts) == SAMPLE
    measured(texts[:100])
    start = time.process_time()
    measured(texts)
    assert time.process_time() - start < 0.5


# --- of a run -------------------------------------------------------------------------------------------------------


def taught(built: Built, number: int, texts: list[str]) -> None:
    """Lessons of a round, in one dataset, the first of them there twice."""
    drafts = [
        Draft.new(
            **built.of, round=number, step=f"s{number}", kind="k", fields={"t": t}, split_key=t, producer="w", sample=i
        )
        for i, t in enumerate(texts)
    ]
    rows = [
        DatasetRow(dataset="", position=i, draft=draft.key, content={"prompt": draft.fields["t"]})
        for i, draft in enumerate([*drafts, drafts[0]])
    ]
    dataset = Dataset.new(**built.of, round=number, name="some", format="f", digest=f"some{number}", size=len(rows))
    for row in rows:
        row.dataset = dataset.key
    built.add(*drafts, *rows, dataset)


def test_the_story_and_the_report_tell_it_of_each_round(store: Store, tmp_path: Path) -> None:
    built = Built(store).whole()
    taught(built, 1, ["one two three four", "one two three five"])
    taught(built, 2, ["one two three four", "six seven eight nine"])
    base, first, second = summarise(store, built.run).story
    assert base.diversity is None
    assert first.diversity
    assert second.diversity
    assert (first.diversity.lessons, second.diversity.new_trigrams) == (2, 0.5)
    words = varied_in_words(second.diversity)
    assert "50% of the trigrams are new" in words
    assert words in write_report(store, built.run, tmp_path).read_text(encoding="utf-8")
