"""Three drafts judged with the keyboard alone, in a real browser, end in the store; a hostile draft does nothing there."""

import socket
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
import uvicorn

from flows.review.app import make_app
from flows.review.guard import Access
from orchestrator.reviewing import waiting
from orchestrator.standing import recipe_of
from storage.persons import BY_HAND, said_in
from storage.records import Outcome, Run
from storage.store import Store
from tests.flows.review.browser import Tab, installed, tab, until
from tests.flows.review.conftest import ME
from tests.orchestrator.built_run import Built

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(installed() is None, reason="no Chromium here; Debian's package is `chromium`"),
]


@pytest.fixture
def address(store: Store, run: Run) -> Iterator[str]:
    listening = socket.create_server(("127.0.0.1", 0))
    port = listening.getsockname()[1]
    server = uvicorn.Server(uvicorn.Config(make_app(store, run, ME, Access.at("127.0.0.1", port)), log_level="warning"))
    thread = threading.Thread(target=server.run, args=([listening],), daemon=True)
    thread.start()
    yield f"http://127.0.0.1:{port}/"
    server.should_exit = True
    thread.join(timeout=30)


@pytest.fixture
def run(request: pytest.FixtureRequest) -> Run:
    return request.getfixturevalue(getattr(request, "param", "waiting_run"))


@pytest.fixture
def browser(tmp_path: Path) -> Iterator[Tab]:
    with tab(tmp_path / "profile") as opened:
        yield opened


def test_three_drafts_are_judged_with_the_keyboard(address: str, browser: Tab, store: Store, run: Run) -> None:
    def judged(count: int) -> None:
        until(lambda: len(said_in(store, run.key)) == count)
        until(lambda: browser.says("document.readyState") == "complete")

    found = waiting(store, run, recipe_of(run))
    assert found
    browser.open(address)
    browser.press("a")
    judged(1)
    browser.press("n")
    browser.type("says nothing")
    browser.press("Escape")
    browser.press("r")
    judged(2)
    browser.press("4")
    judged(3)
    browser.press("a")
    judged(4)
    browser.press("u")
    judged(3)
    said = said_in(store, run.key)
    assert [(v.outcome, v.score, v.reason) for v in said] == [
        (Outcome.ACCEPTED, None, ""),
        (Outcome.REJECTED, None, "says nothing"),
        (Outcome.ACCEPTED, 4.0, ""),
    ]
    assert {v.draft for v in said} < set(found[2])

    browser.press("/")
    browser.type("k")  # into the search, and no step back
    assert browser.says("document.activeElement.value") == "k"
    browser.press("Escape")
    browser.press("e")
    until(lambda: browser.says("document.activeElement.tagName") == "TEXTAREA")
    browser.type("by hand ")
    browser.do("Input.dispatchKeyEvent", type="keyDown", key="Enter", modifiers=2)
    until(lambda: store.drafts(run.key, BY_HAND))


@pytest.fixture
def hostile(store: Store) -> Run:
    bad = "<script>document.title='owned'</script><img src=x onerror=\"document.title='owned'\">"
    return Built(store, bad).base().lessons(1).run


@pytest.mark.parametrize("run", ["hostile"], indirect=True)
def test_a_hostile_draft_runs_nothing(address: str, browser: Tab, run: Run) -> None:
    browser.open(address)
    assert "owned" not in browser.says("document.title")
    assert browser.says("document.body.innerText.includes('onerror')")
    # and if it came through after all, the policy would stop it
    browser.says("document.body.insertAdjacentHTML('beforeend', \"<img src=x onerror=document.title='owned'>\")")
    browser.says(
        "const s = document.createElement('script'); s.text = \"document.title='owned'\"; document.body.append(s)"
    )
    browser.press("v")
    assert "owned" not in browser.says("document.title")
