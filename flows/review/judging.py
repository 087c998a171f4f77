"""What a person does with a draft, as records: he accepts, rejects, rates or edits it."""

from collections.abc import Mapping
from typing import Any

import orjson

from flows.review.looking import as_text
from orchestrator.reviewing import EDITED
from storage.keyed import utc_now
from storage.persons import BY_HAND, say
from storage.records import Draft, Outcome, Run, Verdict
from storage.store import Store

BEST, PASSES = 5, 3
"""Grades are 1 to 5. Of a draft that was neither accepted nor rejected, this one and better accept."""


class NotUnderstood(Exception):
    """A form that says what cannot be done; the message says what was expected."""


def judge(store: Store, run: Run, draft: Draft, me: str, own: Verdict | None, form: Mapping[str, str]) -> None:
    """Do what a form of the page says. Raises NotUnderstood."""
    action, note = form.get("do", ""), form.get("note", "").strip()
    facts: dict[str, Any] = {"run": run.key, "draft": draft.key, "step": BY_HAND, "judge": me, "reason": note}
    score = own.score if own else None
    if action == "accept":
        say(store, Verdict.new(**facts, outcome=Outcome.ACCEPTED, score=score))
    elif action == "reject":
        say(store, Verdict.new(**facts, outcome=Outcome.REJECTED, score=score))
    elif action in map(str, range(1, BEST + 1)):
        outcome = Outcome.ACCEPTED if int(action) >= PASSES else Outcome.REJECTED
        facts["reason"] = note or (own.reason if own else "")
        evidence = {name: value for name, value in (own.evidence if own else {}).items() if name == EDITED}
        outcome = own.outcome if own else outcome
        say(store, Verdict.new(**facts, outcome=outcome, score=float(action), evidence=evidence))
    elif action == "edit":
        edit(store, run, draft, me, form)
    else:
        raise NotUnderstood(f"{action!r} cannot be done with a draft; expected accept, reject, edit, or a grade 1 to 5")


def edit(store: Store, run: Run, draft: Draft, me: str, form: Mapping[str, str]) -> None:
    """A new draft in the place of this one, which is rejected for it. Raises NotUnderstood."""
    fields = _edited(draft, form)
    if fields == draft.fields:
        raise NotUnderstood("nothing was changed, so there is nothing to keep; accept or reject the draft as it is")
    same = {name: getattr(draft, name) for name in ("round", "kind", "skill", "language", "split_key")}
    new = Draft.new(run=run.key, step=BY_HAND, producer=me, fields=fields, parents=[draft.key], **same)
    facts, when = {"run": run.key, "step": BY_HAND, "judge": me}, utc_now()
    old = Verdict.new(
        **facts,
        draft=draft.key,
        outcome=Outcome.REJECTED,
        reason=form.get("note", "").strip() or "a person wrote it otherwise",
        evidence={EDITED: new.key},
        created_at=when,
    )
    kept = Verdict.new(**facts, draft=new.key, outcome=Outcome.ACCEPTED, reason="written by hand", created_at=when)
    say(store, old, kept, drafts=[new])  # at the same moment, so that they are taken back together


def _edited(draft: Draft, form: Mapping[str, str]) -> dict[str, Any]:
    """The draft's fields with what the form says of them; what is not text is written as JSON."""
    found: dict[str, Any] = {}
    for name, before in as_text(draft):
        said = form.get(f"field.{name}", before).replace("\r\n", "\n")
        if said == before.replace("\r\n", "\n"):
            found[name] = draft.fields[name]
        elif isinstance(draft.fields[name], str):
            found[name] = said
        else:
            try:
                found[name] = orjson.loads(said)
            except orjson.JSONDecodeError as error:
                raise NotUnderstood(
                    f"field {name!r} is no text, so it is written as JSON, and this is none: {error}"
                ) from error
    return found
