"""LINK and NeuroComparatives, each taught whole with a stand-in student: what their sets of drafts come to."""

from collections import defaultdict
from statistics import fmean

from agents.rehearsal import comparisons, triples
from storage.records import Draft, Outcome
from storage.store import Store
from tests.conftest import Loop

SMALL = (
    "sources.basics.choose=[add, copy]",
    "seeds.basics=8",
    "exams.probe.per_skill=3",
    "exams.test.per_skill=3",
    "exams.retention.per_skill=2",
)


def judged(store: Store, run: str, step: str, outcome: Outcome = Outcome.ACCEPTED) -> list[Draft]:
    keys = [key for key, found in store.judged(run, step, 1).items() if found == outcome]
    return list(store.by_key(Draft, keys).values())


def share(truths: list[bool | None]) -> float:
    assert truths
    return fmean(map(bool, truths))


# --- LINK -----------------------------------------------------------------------------------------------------------

LINK = (*SMALL, "seeds.rules=12")


async def test_link_fills_one_variable_after_another_and_its_verifiers_raise_what_is_right(
    loop: Loop, store: Store
) -> None:
    run, _ = await loop.teach(loop.recipe(place="link", small=LINK), store)
    searched, sure = store.drafts(run, "search_y"), judged(store, run, "sure_y")
    assert all("statement" not in draft.fields for draft in store.drafts(run, "search_x"))
    assert all("[" not in draft.fields["statement"] for draft in searched)
    assert share([comparisons.follows(draft.fields["said"]) for draft in sure]) > 0.9
    assert share([comparisons.follows(d.fields["said"]) for d in searched]) < 0.9
    typed = judged(store, run, "type_x")
    assert share([triples.is_a(draft.fields["value"], draft.fields["type"]) for draft in typed]) > 0.9


async def test_later_calls_of_a_search_are_told_what_is_known_and_bring_something_else(
    loop: Loop, store: Store
) -> None:
    run, _ = await loop.teach(loop.recipe(place="link", small=LINK), store)
    assert any("<known>" in sent for sent in loop.sent)
    values = defaultdict[str, list[str]](list)
    for draft in store.drafts(run, "search_x"):
        values[draft.parents[0]].append(draft.fields["value"])
    assert all(len(set(found)) == len(found) for found in values.values())
    assert max(map(len, values.values())) > 4  # more than one call gives


async def test_the_tail_of_a_rule_is_what_the_student_finds_least_likely(loop: Loop, store: Store) -> None:
    run, _ = await loop.teach(loop.recipe(place="link", small=LINK), store)
    verdicts = store.verdicts(run, "rare", 1)
    drafts, ranks = store.by_key(Draft, list(verdicts)), defaultdict[str, dict[Outcome, list[float]]](dict)
    for key, verdict in verdicts.items():
        assert verdict.score is not None
        ranks[drafts[key].fields["template"]].setdefault(verdict.outcome, []).append(verdict.score)
    both = [rule for rule in ranks.values() if len(rule) == 2]
    assert both
    assert all(max(rule[Outcome.ACCEPTED]) <= min(rule[Outcome.REJECTED]) for rule in both)
    taught = {draft.key for draft in judged(store, run, "rare")}
    rows = {row.draft for d in store.datasets(run) for row in store.dataset_rows(d.key)}
    assert rows & taught
    assert not rows & (verdicts.keys() - taught)


# --- NeuroComparatives ----------------------------------------------------------------------------------------------

NEURO = (*SMALL, "seeds.pairs=90")


async def test_of_what_is_kept_nothing_contradicts_anything_in_either_order(loop: Loop, store: Store) -> None:
    """The paper's cheap check: no A above B and B above A on one attribute."""
    run, _ = await loop.teach(loop.recipe(place="neurocomparatives", small=NEURO), store)
    said = [comparisons.compared_in(draft.fields["statement"]) for draft in judged(store, run, "five")]
    found = {(each.attribute, each.more, each.less) for each in said if each}
    assert len(found) > 20
    assert [one for one in found if (one[0], one[2], one[1]) in found] == []


async def test_the_vote_rejects_what_is_wrong_and_the_form_what_is_none(loop: Loop, store: Store) -> None:
    run, _ = await loop.teach(loop.recipe(place="neurocomparatives", small=NEURO), store)
    related, agreed = store.drafts(run, "relate"), judged(store, run, "vote")
    before = share([comparisons.is_so(draft.fields["statement"]) for draft in related])
    assert share([comparisons.is_so(draft.fields["statement"]) for draft in agreed]) > max(0.9, before + 0.1)
    assert {draft.fields["predicate"].split()[-1] for draft in judged(store, run, "form")} <= {
        word for pair in comparisons.MORE_LESS.values() for word in pair
    }


async def test_a_cluster_stands_for_all_that_was_written(loop: Loop, store: Store) -> None:
    run, _ = await loop.teach(loop.recipe(place="neurocomparatives", small=NEURO), store)
    clusters, written = store.drafts(run, "merge"), judged(store, run, "form")
    assert sum(draft.fields["size"] for draft in clusters) == sum(draft.fields["size"] for draft in written)
    assert len(clusters) < len(written) / 2
