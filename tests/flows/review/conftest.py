"""A run that waits for a person, and the page of it."""

from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import pytest
import yaml
from starlette.testclient import TestClient

from flows.review.app import make_app
from flows.review.guard import Access
from orchestrator.recipe import SHIPPED, Recipe
from orchestrator.reviewing import WaitingForReview
from storage.records import Run
from storage.store import Store
from tests.conftest import Loop

HERE = "http://127.0.0.1:8600"
ME = "person:ada"


@pytest.fixture
def gated(loop: Loop, tmp_path: Path) -> Recipe:
    """The small demo, with a gate before its lessons at which four drafts are looked at."""
    told = yaml.safe_load((SHIPPED / "demo.yaml").read_text())
    last = told["lessons"][-1]
    gate = {"step": "look", "review": {"drafts": 4}, "from": "unseen", "to": last["to"], "rejected_to": "refused"}
    told["lessons"] = [*told["lessons"][:-1], {**last, "to": "unseen"}, gate]
    path = tmp_path / "gated.yaml"
    path.write_text(yaml.safe_dump({**told, "name": "gated"}))
    return loop.recipe(place=path)


@pytest.fixture
async def waiting_run(loop: Loop, store: Store, gated: Recipe) -> Run:
    with pytest.raises(WaitingForReview):
        await loop.teach(gated, store)
    return store.runs()[0]


class Served(NamedTuple):
    client: TestClient
    store: Store
    run: Run

    def token(self, page: str = "/") -> str:
        text = self.client.get(page).text
        return text.partition('name="form_token" value="')[2].partition('"')[0]

    def send(self, where: str, **said: str):
        form = {"form_token": self.token(), **said}
        return self.client.post(where, data=form, headers={"origin": HERE}, follow_redirects=False)


@pytest.fixture
def served(store: Store, waiting_run: Run) -> Iterator[Served]:
    with client_of(store, waiting_run) as client:
        yield Served(client, store, waiting_run)


def client_of(store: Store, run: Run, host: str = "127.0.0.1") -> TestClient:
    return TestClient(make_app(store, run, ME, Access.at(host, 8600)), base_url=HERE)
