"""The page's addresses: what each shows, and what each form does. Plain HTML; a script only gives it keys."""

from collections.abc import Callable
from functools import cache, partial
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.datastructures import FormData
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import FileResponse, HTMLResponse, PlainTextResponse, RedirectResponse, Response
from starlette.routing import Route

from flows.review.guard import Access, Guard
from flows.review.judging import NotUnderstood, judge
from flows.review.looking import ROWS, Filter, Looking, at_first, number
from orchestrator.agreement import agreement_of
from orchestrator.blind import SIDES, Blind, Choice, blind, choices, result, verdicts_on
from orchestrator.report.wording import count, percent
from orchestrator.reviewing import unseen, waiting
from orchestrator.standing import recipe_of
from storage.browsing import WantedFailures, choices_of_failures, page_of_failures
from storage.engine import StoreError
from storage.persons import BY_HAND, PERSON, person, said_of, say, take_back
from storage.records import Draft, Run
from storage.store import Store

HERE = Path(__file__).parent
ITEMS = 50
"""Items of a blind comparison, if the exam has as many on which the students differ."""


def make_app(store: Store, run: Run, me: str, access: Access) -> Starlette:
    """The page of one run. `me` is the name under which verdicts are written until a person gives another."""
    pages = Pages(store, run, me, access)
    routes = [
        Route("/", pages.showing(pages.drafts)),
        Route("/failures", pages.showing(pages.failures)),
        Route("/agreement", pages.showing(pages.agreement)),
        Route("/blind", pages.showing(pages.blind)),
        Route("/judge", pages.doing(pages.judge), methods=["POST"]),
        Route("/undo", pages.doing(pages.undo), methods=["POST"]),
        Route("/prefer", pages.doing(pages.prefer), methods=["POST"]),
        Route("/name", pages.doing(pages.name), methods=["POST"]),
        *(Route(f"/{name}", partial(_file, name)) for name in ("page.css", "page.js")),
    ]
    return Starlette(routes=routes, middleware=[Middleware(Guard, access=access)])


async def _file(name: str, _request: Request) -> Response:
    return FileResponse(HERE / name)


@cache
def _environment() -> Environment:
    environment = Environment(
        loader=FileSystemLoader(HERE / "pages"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters.update(count=count, percent=percent, who=lambda judge: judge.removeprefix(PERSON))
    return environment


class Pages:
    """Each method is a page or a form; what is drawn is in `pages/`."""

    def __init__(self, store: Store, run: Run, me: str, access: Access) -> None:
        self._store, self._key, self._me, self._access = store, run.key, me, access
        self._recipe = recipe_of(run)

    def showing(self, page: Callable[[Request], Response]) -> Callable[[Request], Any]:
        """A page is made in a thread, since it asks the store."""

        async def shown(request: Request) -> Response:
            try:
                return await run_in_threadpool(page, request)
            except StoreError as error:
                return PlainTextResponse(str(error), 404)

        return shown

    def doing(self, form: Callable[[Request, FormData], Response]) -> Callable[[Request], Any]:
        """What a form does, if it came from a page of ours."""

        async def done(request: Request) -> Response:
            said = await request.form(max_files=0, max_fields=200)
            if said.get("form_token") != request.scope["form_token"]:
                raise HTTPException(403, "This form is from another time; reload the page and send it again.")
            try:
                return await run_in_threadpool(form, request, said)
            except (NotUnderstood, StoreError, ValueError) as error:
                return PlainTextResponse(f"{error}\n\nNothing was kept. Go back and send it again.", 400)

        return done

    # --- drafts ---

    def drafts(self, request: Request) -> Response:
        gate, me = self._gate(), self._who(request)
        said = Filter.of(request.query_params)
        if not request.query_params:
            said = at_first(said, gate["keys"])
        looking = Looking(self._store, self._run(), me, gate["keys"])
        page = looking.page(said, request.query_params.get("draft", ""), number(request.query_params.get("start", "")))
        return self._html("drafts", request, page=page, rows=ROWS, gate=gate)

    def judge(self, request: Request, form: FormData) -> Response:
        me, said = self._who(request), Filter.of(_texts(form))
        draft = self._store.find_draft(self._key, str(form.get("draft", "")))
        own = next((v for v in said_of(self._store, [draft.key]).get(draft.key, []) if v.judge == me), None)
        judge(self._store, self._run(), draft, me, own, _texts(form))
        following = Looking(self._store, self._run(), me, self._gate()["keys"]).next_after(said, draft)
        return RedirectResponse(f"/?{said.query(draft=following)}", 303)

    def undo(self, request: Request, form: FormData) -> Response:
        said = Filter.of(_texts(form))
        of = list(self._store.by_key(Draft, take_back(self._store, self._key, self._who(request))).values())
        of.sort(key=lambda draft: draft.step == BY_HAND)  # of an edit, the draft that was edited
        back = of[0].key if of else str(form.get("draft", ""))
        return RedirectResponse(f"/?{said.query(draft=back)}", 303)

    def _gate(self) -> dict[str, Any]:
        """What the run waits for: nothing, or a step, a round, the drafts, and how many of them nobody has judged."""
        found = waiting(self._store, self._run(), self._recipe)
        if found is None:
            return {"keys": [], "left": 0, "step": "", "round": 0}
        step, number_, keys = found
        return {"keys": keys, "left": len(unseen(self._store, keys)), "step": step.step, "round": number_}

    # --- failures, agreement ---

    def failures(self, request: Request) -> Response:
        said = {name: request.query_params.get(name, "")[:500] for name in ("round", "exam", "skill", "cause", "text")}
        wanted = WantedFailures(**{**said, "round": number(said["round"])})  # type: ignore[arg-type]
        start = number(request.query_params.get("start", "")) or 0
        found, total = page_of_failures(self._store, self._key, wanted, start, ROWS)
        choices_ = choices_of_failures(self._store, self._key)
        facts = {"found": found, "total": total, "start": start, "rows": ROWS, "said": said, "choices": choices_}
        return self._html("failures", request, **facts)

    def agreement(self, request: Request) -> Response:
        return self._html("agreement", request, rows=agreement_of(self._store, self._run(), self._recipe))

    # --- two students, blindly ---

    def blind(self, request: Request) -> Response:
        students = self._store.students(self._key)
        exams = sorted({card.exam for card in self._store.scorecards(self._key)})
        facts: dict[str, Any] = {"students": students, "exams": exams, "comparison": None}
        if request.query_params.get("one"):
            comparison = self._comparison(request, dict(request.query_params))
            said = choices(self._store, comparison, self._who(request))
            left = [i for i, choice in enumerate(said) if choice is None]
            facts |= {"comparison": comparison, "done": len(said) - len(left), "next": left[0] if left else None}
            facts["result"] = None if left else result(comparison, said)
            facts["asked"] = {name: request.query_params.get(name, "") for name in ("one", "other", "exam")}
        return self._html("blind", request, **facts)

    def prefer(self, request: Request, form: FormData) -> Response:
        asked = _texts(form)
        comparison, me = self._comparison(request, asked), self._who(request)
        back = Filter().query(one=asked.get("one"), other=asked.get("other"), exam=asked.get("exam"))
        if asked.get("do") == "undo":
            take_back(self._store, self._key, me, comparison.step)
            return RedirectResponse(f"/blind?{back}", 303)
        place = number(asked.get("item", ""))
        choice: Choice | None = next((side for side in SIDES if side == asked.get("do")), None)
        if place is None or place >= len(comparison.items) or choice is None:
            raise NotUnderstood(f"expected left, right or same of one of {len(comparison.items)} items")
        say(self._store, *verdicts_on(comparison, place, choice, me))
        return RedirectResponse(f"/blind?{back}", 303)

    def _comparison(self, request: Request, asked: dict[str, str]) -> Blind:
        students = {student.key: student for student in self._store.students(self._key)}
        one, other = students.get(asked.get("one", "")), students.get(asked.get("other", ""))
        if one is None or other is None or one is other:
            raise StoreError("A comparison is of two different students of this run. Choose them on the page.")
        return blind(self._store, one, other, asked.get("exam", ""), ITEMS, self._who(request))

    # --- what all pages share ---

    def name(self, request: Request, form: FormData) -> Response:
        who = person(str(form.get("name", "")).strip())
        answer = RedirectResponse("/", 303)
        answer.set_cookie(f"{self._access.cookie}-name", who, httponly=True, samesite="strict", max_age=31_536_000)
        return answer

    def _who(self, request: Request) -> str:
        said = request.cookies.get(f"{self._access.cookie}-name", "").removeprefix(PERSON)
        try:
            return person(said)
        except ValueError:  # no name was given, or the cookie was meddled with
            return self._me

    def _run(self) -> Run:
        """As it stands now: it may go on while it is looked at."""
        run = self._store.run(self._key)
        if run is None:
            raise StoreError(f"Store {self._store.place}: run {self._key} is gone.")
        return run

    def _html(self, name: str, request: Request, **facts: Any) -> Response:
        template = _environment().get_template(f"{name}.html.jinja")
        shared = {"run": self._run(), "me": self._who(request), "here": name, "form_token": request.scope["form_token"]}
        return HTMLResponse(template.render(shared | facts))


def _texts(form: FormData) -> dict[str, str]:
    return {name: value for name, value in form.items() if isinstance(value, str)}
