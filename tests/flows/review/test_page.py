"""The page as a person uses it: he looks, filters, judges, edits and undoes, and the store has what he said."""

from typing import Any

import pytest

from orchestrator.reviewing import EDITED, unseen, waiting
from orchestrator.standing import recipe_of
from storage.keyed import canonical_json
from storage.persons import BY_HAND, said_in, said_of
from storage.records import Draft, Outcome, Run, Verdict
from storage.store import Store
from tests.flows.review.conftest import ME, Served, client_of
from tests.orchestrator.built_run import Built


def awaited(served: Served) -> list[Draft]:
    found = waiting(served.store, served.run, recipe_of(served.run))
    assert found
    return list(served.store.by_key(Draft, found[2]).values())


def own(served: Served, draft: Draft) -> Verdict:
    [verdict] = said_of(served.store, [draft.key])[draft.key]
    assert verdict.judge == ME
    return verdict


def machine(served: Served) -> list[Verdict]:
    steps = [step.step for step in recipe_of(served.run).lessons]
    return [v for step in steps for _, v in sorted(served.store.verdicts(served.run.key, step).items())]


def test_the_page_opens_on_what_the_run_waits_for(served: Served) -> None:
    page = served.client.get("/").text
    assert "0 of 4 drafts judged" in page
    assert all(draft.key in page.replace("%3A", ":") for draft in awaited(served))


def test_a_draft_is_shown_with_its_source_its_prompt_the_raw_reply_and_what_it_cost(served: Served) -> None:
    draft = awaited(served)[0]
    call = served.store.call(draft.call or "")
    assert call
    page = served.client.get("/", params={"draft": draft.key}).text
    assert "person:" not in page
    for text in ("Source", "tokens · price unknown", "reply, read", call.model, "&#34;rationale&#34;"):
        assert text in page, text
    assert all(name in page for name in draft.fields)


def test_verdicts_of_judges_are_folded_until_one_has_judged_oneself(served: Served) -> None:
    draft = awaited(served)[0]
    assert '<details class="judges">' in served.client.get("/", params={"draft": draft.key}).text
    served.send("/judge", draft=draft.key, do="accept")
    assert '<details class="judges" open>' in served.client.get("/", params={"draft": draft.key}).text


@pytest.mark.parametrize(
    ("do", "outcome", "score"),
    [("accept", "accepted", None), ("reject", "rejected", None), ("2", "rejected", 2.0), ("3", "accepted", 3.0)],
)
def test_a_verdict_is_kept_beside_the_machines_with_who_and_when(
    served: Served, do: str, outcome: str, score: float | None
) -> None:
    draft, before = awaited(served)[0], machine(served)
    went = served.send("/judge", draft=draft.key, do=do, note="so it is", gate="1")
    assert went.status_code == 303
    assert draft.key not in went.headers["location"].replace("%3A", ":")  # the next one
    said = own(served, draft)
    assert (said.outcome, said.score, said.reason, said.step) == (outcome, score, "so it is", BY_HAND)
    assert machine(served) == before
    assert served.store.verify() == []


def test_a_grade_leaves_what_was_said_outright(served: Served) -> None:
    draft = awaited(served)[0]
    served.send("/judge", draft=draft.key, do="accept")
    served.send("/judge", draft=draft.key, do="1")
    assert (own(served, draft).outcome, own(served, draft).score) == (Outcome.ACCEPTED, 1.0)


def test_what_is_said_again_counts_and_undo_gives_back_what_was_said_before(served: Served) -> None:
    draft = awaited(served)[0]
    served.send("/judge", draft=draft.key, do="accept", note="first")
    first = own(served, draft)
    served.send("/judge", draft=draft.key, do="reject", note="second")
    assert (own(served, draft).outcome, own(served, draft).reason) == (Outcome.REJECTED, "second")
    assert [told["reason"] for told in own(served, draft).evidence["before"]] == ["first"]
    assert draft.key in served.send("/undo").headers["location"].replace("%3A", ":")
    assert own(served, draft) == first
    served.send("/undo")
    assert said_in(served.store, served.run.key) == []
    assert served.send("/undo").status_code == 303  # nothing left to undo


def test_an_edit_is_a_new_draft_of_the_old_one_and_undo_takes_both_verdicts_back(served: Served) -> None:
    draft = awaited(served)[0]
    drafts = len(served.store.drafts(served.run.key, draft.step))
    served.send("/judge", **{"draft": draft.key, "do": "edit", "field.rationale": "Better said.\r\nSo 4"})
    [new] = served.store.drafts(served.run.key, BY_HAND)
    assert (new.parents, new.producer, new.round, new.split_key) == ([draft.key], ME, draft.round, draft.split_key)
    assert new.fields == {**draft.fields, "rationale": "Better said.\nSo 4"}
    assert served.store.by_key(Draft, [draft.key])[draft.key] == draft
    assert len(served.store.drafts(served.run.key, draft.step)) == drafts
    assert own(served, draft).outcome == Outcome.REJECTED
    assert own(served, draft).evidence[EDITED] == new.key
    assert own(served, new).outcome == Outcome.ACCEPTED
    assert new.key in served.client.get("/", params={"draft": new.key}).text.replace("%3A", ":")
    served.send("/undo")
    assert said_in(served.store, served.run.key) == []


def test_an_edit_that_changes_nothing_or_is_no_json_keeps_nothing(served: Served) -> None:
    draft = awaited(served)[0]
    assert "nothing was changed" in served.send("/judge", draft=draft.key, do="edit").text
    assert served.send("/judge", draft=draft.key, do="explode").status_code == 400
    assert said_in(served.store, served.run.key) == []


def test_fields_that_are_no_text_are_edited_as_json(store: Store) -> None:
    built = Built(store)
    draft = Draft.new(
        run=built.run.key,
        round=1,
        step="s",
        kind="k",
        fields={"steps": [1, 2]},
        parents=["x"],
        split_key="k",
        producer="p",
    )
    built.add(draft)
    with client_of(store, built.run) as client:
        served = Served(client, store, built.run)
        refused = served.send("/judge", **{"draft": draft.key, "do": "edit", "field.steps": "[1, 2"})
        assert (refused.status_code, "written as JSON" in refused.text) == (400, True)
        served.send("/judge", **{"draft": draft.key, "do": "edit", "field.steps": "[1, 3]"})
    assert [one.fields for one in store.drafts(built.run.key, BY_HAND)] == [{"steps": [1, 3]}]


def test_two_persons_judge_side_by_side_and_see_that_the_other_did(served: Served) -> None:
    draft = awaited(served)[0]
    served.send("/judge", draft=draft.key, do="accept")
    served.send("/name", name="ben")
    served.send("/judge", draft=draft.key, do="reject")
    assert {v.judge: v.outcome for v in said_in(served.store, served.run.key)} == {
        ME: Outcome.ACCEPTED,
        "person:ben": Outcome.REJECTED,
    }
    assert "1 other" in served.client.get("/?gate=1").text
    assert served.send("/name", name="<b>").status_code == 400


def shown(served: Served, **filters: Any) -> int:
    page = served.client.get("/", params={"step": "", **filters}).text
    return int(page.partition('<p class="soft">')[2].split()[0].replace(",", ""))


def test_the_filters_count_what_the_store_holds(served: Served) -> None:
    store, run = served.store, served.run.key
    steps = [step.step for step in recipe_of(served.run).lessons]
    drafts = [draft for step in steps for draft in store.drafts(run, step)]
    rejected = {d.key for d in drafts if any(v.outcome == "rejected" for v in store.verdicts_of(d.key))}
    assert 0 < len(rejected) < len(drafts) == shown(served)
    assert shown(served, outcome="rejected") == len(rejected)
    by_outcome = [shown(served, outcome=each) for each in ("accepted", "rejected", "unreadable", "unjudged")]
    assert sum(by_outcome) == len(drafts)
    skill = drafts[0].skill
    assert shown(served, skill=skill, round=1) == sum(draft.skill == skill for draft in drafts)
    word = str(drafts[0].fields["question"]).split()[0]
    found = sum(word.lower() in canonical_json(draft.fields).decode().lower() for draft in drafts)
    assert shown(served, text=word) == found > 0
    assert shown(served, text="100%_sure") == 0
    served.send("/judge", draft=drafts[0].key, do="accept")
    assert (shown(served, seen="me"), shown(served, seen="nobody")) == (1, len(drafts) - 1)
    assert shown(served, outcome="nonsense", round="x") == len(drafts)


def test_next_and_before_walk_through_every_draft_once(served: Served) -> None:
    def link(page: str, key: str) -> str:
        before = page.partition(f'data-key="{key}"')[0]
        return before.rpartition('href="')[2].partition('"')[0].replace("&amp;", "&") if key in page else ""

    address, walked = "/?gate=1", []
    for _ in range(4):
        page = served.client.get(address).text
        walked.append(page.partition('name="draft" value="')[2].partition('"')[0])
        address = link(page, "j")
    assert sorted(walked) == sorted(draft.key for draft in awaited(served))
    assert "/?gate=1&draft=" in link(page, "k")


def test_a_draft_that_is_not_there_says_so(served: Served) -> None:
    assert "which draft is" in served.client.get("/?draft=ffffffffffff").text
    assert served.client.get("/?draft=ffffffffffff").status_code == 404


def test_the_gate_counts_down(served: Served) -> None:
    for draft in awaited(served):
        served.send("/judge", draft=draft.key, do="accept")
    assert unseen(served.store, [draft.key for draft in awaited(served)]) == []
    assert "All 4 drafts of step <b>look</b> are judged" in served.client.get("/").text


@pytest.fixture
def examined(store: Store) -> Run:
    return Built(store).base().lessons(1).trained(1).examined(1, "probe").run


def test_failures_are_listed_filtered_and_searched(store: Store, examined: Run) -> None:
    with client_of(store, examined) as client:

        def count(**said: Any) -> int:
            return client.get("/failures", params=said).text.count('<details class="failure">')

        assert count() == len(store.failures(examined.key)) > count(round=1) == len(store.failures(examined.key, 1))
        assert count(skill="want", round=1, exam="probe") == 5
        assert (count(text="probe want 7"), count(text="nowhere")) == (2, 0)


def test_agreement_is_shown_once_there_is_some(store: Store, examined: Run) -> None:
    with client_of(store, examined) as client:
        served = Served(client, store, examined)
        assert "Nobody has judged" in client.get("/agreement").text
        for draft in store.drafts(examined.key, "solve"):
            served.send("/judge", draft=draft.key, do="accept")
        page = client.get("/agreement").text
        assert "ada" in page
        assert "right_answer" in page
