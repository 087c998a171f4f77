"""Who is let in, and what a hostile draft can do on the page: nothing."""

from html.parser import HTMLParser
from urllib.parse import quote

import pytest
from starlette.testclient import TestClient

from flows.review.app import make_app
from flows.review.guard import LONGEST, Access
from storage.persons import said_in
from storage.records import Run
from storage.store import Store
from tests.flows.review.conftest import HERE, ME, Served, client_of
from tests.orchestrator.built_run import Built

HOSTILE = """</textarea></script><script>alert(1)</script><img src=x onerror=alert(2)>"' onfocus=alert(3) autofocus {{ 7*7 }}"""
ABROAD = "http://10.0.0.5:8600"


@pytest.fixture
def hostile(store: Store) -> Run:
    """Whatever teachers and students wrote is HTML, and so is the skill."""
    built = Built(store, HOSTILE, skills=("addition", "<script>skill</script>", "want"))
    return built.base().lessons(1).trained(1).examined(1, "probe").run


class Seen(HTMLParser):
    """The elements and attributes of a page."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.scripts: list[str | None] = []
        self.names: set[str] = set()
        self.attributes: set[str] = set()
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.names.add(tag)
        self.attributes |= {name for name, _ in attrs}
        if tag == "script":
            self.scripts.append(dict(attrs).get("src"))


def test_hostile_text_is_text_on_every_page(store: Store, hostile: Run) -> None:
    with client_of(store, hostile) as client:
        served = Served(client, store, hostile)
        draft = store.drafts(hostile.key, "solve")[0]
        served.send("/judge", draft=draft.key, do="reject", note=HOSTILE)
        one, other = (student.key for student in store.students(hostile.key))
        pages = [
            "/",
            f"/?draft={draft.key}&text={quote(HOSTILE)}",
            f"/?text={quote(HOSTILE)}&step={quote(HOSTILE)}",
            "/failures",
            f"/failures?text={quote(HOSTILE)}",
            "/agreement",
            "/blind",
            f"/blind?one={one}&other={other}&exam=probe",
        ]
        for address in pages:
            reply = client.get(address)
            seen = Seen(reply.text)
            assert reply.status_code == 200, address
            assert seen.scripts == ["/page.js"], address
            assert "img" not in seen.names
            assert not {name for name in seen.attributes if name.startswith("on") or name == "autofocus"}
        assert "&lt;script&gt;alert(1)" in client.get(f"/?draft={draft.key}").text


def test_errors_are_told_as_plain_text(served: Served) -> None:
    reply = served.client.get("/", params={"draft": "<script>"})
    assert (reply.status_code, reply.headers["content-type"].partition(";")[0]) == (404, "text/plain")
    assert reply.headers["x-content-type-options"] == "nosniff"


def test_no_script_but_our_own_may_run_and_nobody_may_frame_the_page(served: Served) -> None:
    for address in ("/", "/page.js", "/nowhere", "/failures"):
        headers = served.client.get(address).headers
        policy = dict(rule.strip().split(" ", 1) for rule in headers["content-security-policy"].split(";"))
        assert (policy["default-src"], policy["script-src"], policy["frame-ancestors"]) == (
            "'none'",
            "'self'",
            "'none'",
        )
        assert "unsafe" not in headers["content-security-policy"]


def test_the_page_answers_to_no_other_name(served: Served) -> None:
    for name in ("evil.example:8600", "127.0.0.1:9999", "127.0.0.1", "127.0.0.1:8600.evil.example", ""):
        assert served.client.get("/", headers={"host": name}).status_code == 421, name
    assert served.client.get("/", headers={"host": "localhost:8600"}).status_code == 200


def test_a_form_from_elsewhere_changes_nothing(served: Served) -> None:
    token = served.token()
    draft = served.store.drafts(served.run.key, "solve")[0].key
    form = {"form_token": token, "draft": draft, "do": "accept"}

    def refused(form: dict[str, str], **headers: str) -> int:
        return served.client.post("/judge", data=form, headers=headers).status_code

    assert refused(form) == 403  # a browser says where a form was sent from
    assert refused(form, origin="http://evil.example") == 403
    assert refused(form, origin="null") == 403
    assert refused(form, origin="https://127.0.0.1:8600") == 403
    assert refused({**form, "form_token": "0" * 64}, origin=HERE) == 403
    assert refused({"draft": draft, "do": "accept"}, origin=HERE) == 403
    assert served.client.get("/judge").status_code == 405
    fresh = TestClient(served.client.app, base_url=HERE)  # without the cookie that the token belongs to
    assert fresh.post("/judge", data=form, headers={"origin": HERE}).status_code == 403
    assert refused({**form, "note": "x" * LONGEST}, origin=HERE) == 413
    assert said_in(served.store, served.run.key) == []
    assert refused(form, origin=HERE) == 200


def test_a_token_belongs_to_one_session(served: Served) -> None:
    other = TestClient(served.client.app, base_url=HERE)
    other.get("/")
    form = {"form_token": served.token(), "draft": "x", "do": "accept"}
    assert other.post("/judge", data=form, headers={"origin": HERE}).status_code == 403


def test_cookies_stay_with_this_page(served: Served) -> None:
    fresh = TestClient(served.client.app, base_url=HERE)
    said = fresh.get("/").headers["set-cookie"]
    assert "HttpOnly" in said
    assert "SameSite=Strict" in said


def test_others_need_the_token_once(store: Store) -> None:
    access = Access.at("10.0.0.5", 8600)
    run = Built(store).run
    client = TestClient(make_app(store, run, ME, access), base_url=ABROAD)
    assert len(access.token) >= 32
    assert client.get("/").status_code == 401
    assert client.get("/page.js").status_code == 401
    assert client.get("/", params={"token": "wrong"}).status_code == 401
    let_in = client.get(access.url, follow_redirects=False)
    assert (let_in.status_code, let_in.headers["location"]) == (303, "/")
    assert access.token not in let_in.headers["set-cookie"]
    assert client.get("/").status_code == 200
    forged = TestClient(client.app, base_url=ABROAD, cookies={access.cookie: "abc.def"})
    assert forged.get("/").status_code == 401


def test_this_machine_needs_no_token_and_any_other_address_has_one() -> None:
    assert [bool(Access.at(host, 1).token) for host in ("127.0.0.1", "localhost", "0.0.0.0", "10.0.0.5", "::")] == [
        False,
        False,
        True,
        True,
        True,
    ]


@pytest.mark.parametrize(
    "path", ["/../app.py", "/%2e%2e/app.py", "/pages/frame.html.jinja", "/page.css/../app.py", "//etc/passwd"]
)
def test_no_other_file_is_served(served: Served, path: str) -> None:
    assert served.client.get(f"{HERE}{path}").status_code == 404
