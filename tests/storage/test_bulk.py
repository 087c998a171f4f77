"""Rows arrive once, whatever the back end and however many."""

import pytest
from sqlalchemy.exc import IntegrityError

from storage.bulk import COPY_FROM, insert_new
from storage.records import Draft, Run
from storage.store import Store, StoreError
from tests.storage.lessons import a_draft, a_run


def rows(first: int, last: int) -> list[dict]:
    return [a_draft(number).model_dump() for number in range(first, last)]


@pytest.mark.parametrize("many", [1, 3, COPY_FROM + 3])
def test_rows_are_inserted_once(store: Store, many: int) -> None:
    with store.writing() as connection:
        assert insert_new(connection, Draft, rows(0, many)) == many
        assert insert_new(connection, Draft, rows(0, many)) == 0
        assert insert_new(connection, Draft, rows(1, many + 2)) == 2
    assert len(store.drafts(a_run().key, "write")) == many + 2


@pytest.mark.parametrize("many", [2, COPY_FROM])
def test_a_key_given_twice_at_once_is_inserted_once(store: Store, many: int) -> None:
    with store.writing() as connection:
        assert insert_new(connection, Draft, rows(0, many) + rows(0, many)) == many


def test_nothing_to_insert_is_nothing(store: Store) -> None:
    with store.writing() as connection:
        assert insert_new(connection, Draft, []) == 0


def test_both_paths_store_the_same(store: Store) -> None:
    odd = {"n": 1e16, "zero": -0.0, "text": 'tab\t"quote" \\N \n ü 漢 🙂', "none": None, "list": [True, {"a": 1}]}
    few, many = a_draft(0, fields=odd), [a_draft(n, fields=odd) for n in range(1, COPY_FROM + 1)]
    with store.writing() as connection:
        insert_new(connection, Draft, [few.model_dump()])
        insert_new(connection, Draft, [draft.model_dump() | {"key": f"k{n}"} for n, draft in enumerate(many)])
    found = store.by_key(Draft, [few.key, "k0"])
    first, second = (draft.model_dump() | {"key": "", "created_at": ""} for draft in found.values())
    assert first["fields"] == second["fields"] == odd
    assert str(first["fields"]) == str(second["fields"])


def test_a_missing_value_is_an_error_and_not_ignored(store: Store) -> None:
    row = a_run().model_dump() | {"recipe_name": None}
    with pytest.raises(StoreError) as caught, store.writing() as connection:
        insert_new(connection, Run, [row])
    assert isinstance(caught.value.__cause__, IntegrityError)
    assert store.runs() == []
