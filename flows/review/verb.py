"""`orchestrator review`: serves the page on which a person judges drafts."""

import getpass
import json
import re
from typing import Annotated

import typer

from flows.verbs import HOME, AsJson, Home, RunName, StoreUrl, explained, opened_run, out


@explained
def review(
    name: RunName = None,
    port: Annotated[int, typer.Option(min=1, max=65535)] = 8600,
    host: Annotated[
        str, typer.Option(help="Address to listen at. Any other than this machine's own needs the token it prints.")
    ] = "127.0.0.1",
    by: Annotated[str | None, typer.Option("--as", help="Your name in verdicts; default: that of the account.")] = None,
    home: Home = HOME,
    store: StoreUrl = None,
    as_json: AsJson = False,
) -> None:
    """Look at drafts and failures in a browser, judge them, and compare two students blindly. Ctrl-C ends it."""
    import uvicorn

    from flows.mistakes import Misnamed
    from flows.review.app import make_app
    from flows.review.guard import Access
    from storage.persons import person

    try:
        me = person(by or _account())
    except ValueError as error:
        raise Misnamed(f"{error}; give one with --as") from error
    access = Access.at(host, port)
    with opened_run(home, store, name) as (opened, run):
        told = f"drafts of run {run.recipe_name}, judged as {me}: {access.url}"
        if as_json:
            typer.echo(json.dumps({"url": access.url, "run": run.key, "judge": me}))
        else:
            out.print(told, markup=False, soft_wrap=True)
        app = make_app(opened, run, me, access)
        uvicorn.run(app, host=host, port=port, log_level="warning", access_log=False, server_header=False)


def _account() -> str:
    return re.sub(r"[^\w.-]", "-", getpass.getuser())[:40] or "reviewer"


def add_to(app: typer.Typer) -> None:
    app.command()(review)
