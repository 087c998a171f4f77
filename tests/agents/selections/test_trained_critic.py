"""The trained critic: what it learns, where it cuts, and what it must not look at."""

import random
from collections.abc import Sequence
from functools import cache
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agents.kinds import Judgement, Selection, UnfitDraft
from agents.registry import build
from agents.rehearsal import triples
from agents.selections.trained_critic import cut_at
from storage.records import Draft, Outcome
from tests.contracts.whole import a_draft

Example = tuple[Draft, bool]


def critic(**options: Any) -> Any:
    return build({"use": "trained_critic", "fields": ["question", "tail"], **options}, Selection)


@cache
def examples(count: int = 900, wrong: float = 0.3, seed: int = 0) -> list[Example]:
    """Triples of the world, some of them wrong, and whether they hold."""
    chance, found = random.Random(seed), list[Example]()
    for i in range(count):
        slots = triples.event_in(triples.drawn_head(chance))
        assert slots
        relation = chance.choice(["need", "effect", "react", "want"])
        good = chance.random() >= wrong
        tail = chance.choice((triples.tails if good else triples.wrong_tails)(slots, relation))
        question = triples.question_of(slots, relation)
        draft = a_draft(i, question=question, tail=tail)
        found.append((draft.model_copy(update={"split_key": triples.split_key(question)}), good))
    return found


LABELLED, REST = examples()[:300], examples()[300:]


def kept(judgements: Sequence[Judgement], among: Sequence[Example] = REST) -> set[str]:
    pairs = zip(among, judgements, strict=True)
    return {draft.key for (draft, _), judgement in pairs if judgement.outcome == Outcome.ACCEPTED}


def choose(recall: float, labelled: Sequence[Example] = LABELLED, among: Sequence[Example] = REST) -> list[Judgement]:
    return critic(recall=recall).choose([draft for draft, _ in among], [], labelled)


def right(keys: set[str], among: Sequence[Example] = REST) -> float:
    return sum(good for draft, good in among if draft.key in keys) / len(keys)


def test_it_raises_the_share_of_right_triples_the_more_the_lower_the_recall() -> None:
    shares = [right(kept(choose(recall))) for recall in (0.9, 0.5)]
    raw = right({draft.key for draft, _ in REST})
    assert raw + 0.1 < shares[0] <= shares[1]
    assert shares[1] > 0.9


def test_a_lower_recall_keeps_a_part_of_what_a_higher_one_keeps() -> None:
    sets = [kept(choose(recall)) for recall in (0.5, 0.6, 0.7, 0.8, 0.9, 1.0)]
    assert all(lower <= higher for lower, higher in pairwise(sets))
    assert len(sets[0]) < len(sets[3])


@given(
    scored=st.lists(st.tuples(st.floats(0, 1), st.booleans()), min_size=1).filter(lambda s: any(good for _, good in s)),
    recalls=st.tuples(st.floats(0.01, 1), st.floats(0.01, 1)),
)
def test_the_cut_is_the_highest_that_keeps_the_recall_and_falls_with_it(
    scored: list[tuple[float, bool]], recalls: tuple[float, float]
) -> None:
    scores, good = [score for score, _ in scored], [label for _, label in scored]
    cuts = [cut_at(scores, good, recall) for recall in sorted(recalls)]
    assert cuts[0] >= cuts[1]
    of_good = [score for score, label in scored if label]
    for cut, recall in zip(cuts, sorted(recalls), strict=True):
        assert sum(score >= cut for score in of_good) >= recall * len(of_good) - 1e-6
        assert sum(score > cut for score in of_good) < recall * len(of_good)


def test_the_cut_rests_on_the_labels_of_validation_alone() -> None:
    """In the authors' code it is the mean of the cuts on validation and on test."""
    others = [draft.model_copy(update={"fields": {**draft.fields, "tail": "to sleep"}}) for draft, _ in REST]
    drafts = [draft for draft, _ in REST]
    with_these = critic(recall=0.7).choose(drafts, [], LABELLED)
    with_others = critic(recall=0.7).choose([*drafts, *others], [], LABELLED)[: len(drafts)]
    assert with_these == with_others
    told = with_these[0].evidence
    assert told["labelled_for_it"] + told["fitted_to"] == len(LABELLED)


def test_what_is_about_one_thing_is_not_on_both_sides() -> None:
    fitted, held = critic()._parted(LABELLED)
    assert not {draft.split_key for draft, _ in fitted} & {draft.split_key for draft, _ in held}
    assert 0.1 < len(held) / len(LABELLED) < 0.5


def test_the_evidence_says_how_it_came_out_on_validation() -> None:
    told = choose(0.8)[0].evidence
    assert told["recall"]["share"] >= 0.8
    for name in ("precision", "recall", "good_before"):
        assert 0 <= told[name]["low"] <= told[name]["share"] <= told[name]["high"] <= 1
    assert told["precision"]["share"] > told["good_before"]["share"]
    assert 0 <= told["brier"] < 0.25
    drafts = {judgement.evidence["threshold"] for judgement in choose(0.8)}
    assert len(drafts) == 1


def test_a_labelled_draft_keeps_its_label() -> None:
    labels = [(draft, not good) if i < 5 else (draft, good) for i, (draft, good) in enumerate(LABELLED)]
    judgements = choose(0.5, labels, labels)
    assert [judgement.outcome == Outcome.ACCEPTED for judgement in judgements] == [label for _, label in labels]
    assert all(judgement.evidence["label"] == label for judgement, (_, label) in zip(judgements, labels, strict=True))


def test_the_order_of_labels_and_drafts_changes_nothing() -> None:
    assert choose(0.8, LABELLED[::-1]) == choose(0.8)
    assert choose(0.8, LABELLED, REST[::-1])[::-1] == choose(0.8)


@pytest.mark.parametrize(
    ("labelled", "said"),
    [
        ([], r"learns from 40 labelled drafts or more, and has 0; let the step that `labels` names"),
        (LABELLED[:39], r"has 39"),
        ([(draft, True) for draft, _ in LABELLED], r"needs good and bad drafts to fit to, and has (\d+) good of \1;"),
        ([(draft, False) for draft, _ in LABELLED], r"has 0 good of"),
    ],
)
def test_too_few_labels_or_those_of_one_kind_are_refused(labelled: list[Example], said: str) -> None:
    with pytest.raises(UnfitDraft, match=said):
        choose(0.8, labelled)
