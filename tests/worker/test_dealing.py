"""KTO's batches hold both labels, or the dataset is refused."""

from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orchestrator.student_worker.dealing import dealt


@given(st.integers(1, 60), st.integers(1, 60), st.integers(2, 16), st.integers(0, 3))
def test_every_full_batch_has_both_labels_or_the_rows_are_refused(good: int, bad: int, batch: int, seed: int) -> None:
    rows = [{"label": True, "n": i} for i in range(good)] + [{"label": False, "n": i} for i in range(bad)]
    try:
        order = dealt(rows, batch, seed)
    except ValueError:
        assert min(good, bad) * batch < 2 * (good + bad)  # a batch is shorter than two turns of the rarer label
        return
    read_twice = Counter(map(str, order)) - Counter(map(str, rows))
    assert set(map(str, order)) == set(map(str, rows))
    assert read_twice.total() == (len(rows) % batch == 1)
    assert len(order) % batch != 1  # or the last row would be compared with itself
    assert order == dealt(rows, batch, seed)
    for start in range(0, max(len(order) - batch, 0) + 1, batch):
        assert len({row["label"] for row in order[start : start + batch]}) == 2


def test_rows_of_one_label_are_refused_with_the_way_out() -> None:
    with pytest.raises(ValueError, match="raise `batch`, or even the labels out"):
        dealt([{"label": True}] * 8, 4, 0)
