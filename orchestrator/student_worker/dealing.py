"""The order of rows that are good or bad, where a trainer reads them in the order that it is given."""

import random
from collections.abc import Sequence
from typing import Any

Row = dict[str, Any]


def dealt(rows: Sequence[Row], batch: int, seed: int) -> list[Row]:
    """The rows in an order in which every full batch has both labels: each label shuffled, and spread evenly.

    TRL's KTO reads in order, so that good rows first and bad rows last would make batches of one label, which teach
    to say everything more and then everything less. It pairs each row with the reply of another of its batch, which a last
    row that is left over alone has not: one row of the other label is read again beside it. Raises ValueError where one
    label is too rare for the batch.
    """
    good, bad = [row for row in rows if row["label"]], [row for row in rows if not row["label"]]
    chance = random.Random(seed)
    places = []
    for rank, label in enumerate((good, bad)):
        chance.shuffle(label)
        places += [((i + 0.5) / len(label), rank, row) for i, row in enumerate(label)]
    order = [row for _, _, row in sorted(places, key=lambda place: place[:2])]
    whole = range(0, max(len(order) - batch, 0) + 1, batch)
    if any(len({row["label"] for row in order[start : start + batch]}) < 2 for start in whole):
        raise ValueError(
            f"{len(good)} rows are good and {len(bad)} bad, so a batch of {batch} cannot always have both; "
            "raise `batch`, or even the labels out in the dataset"
        )
    alone = order[-1:] if len(order) % batch == 1 else []
    return order + [next(row for row in order if row["label"] != last["label"]) for last in alone]
