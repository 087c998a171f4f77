"""Agreement of persons and judges: figures that are known, intervals that are honest, and where it is told."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.metrics import cohen_kappa_score

from flows.telling import story_lines
from orchestrator.agreement import agreement_of, kappa_interval, kappa_of
from orchestrator.report.page import write_report
from orchestrator.standing import recipe_of
from orchestrator.summary import summarise
from storage.persons import BY_HAND, say
from storage.records import Outcome, Verdict
from storage.store import Store
from tests.orchestrator.built_run import Built

CELLS = st.lists(st.integers(0, 30), min_size=4, max_size=4).filter(lambda cells: sum(cells) > 0)


@given(CELLS)
def test_kappa_is_that_of_scikit_learn(cells: list[int]) -> None:
    pairs = [pair for pair, n in zip([(1, 1), (1, 0), (0, 1), (0, 0)], cells, strict=True) for _ in range(n)]
    one, other = zip(*pairs, strict=True)
    kappa = kappa_of(cells)
    if len(set(one)) == 1 or len(set(other)) == 1:
        assert kappa is None
    else:
        assert kappa == pytest.approx(cohen_kappa_score(one, other))


@given(CELLS)
def test_the_interval_is_one_and_turning_persons_round_turns_nothing(cells: list[int]) -> None:
    low, high = kappa_interval(cells)
    assert -1 <= low < high <= 1
    both, first, second, neither = cells
    assert kappa_of(cells) == kappa_of([both, second, first, neither])


def test_perfect_agreement_on_few_drafts_is_not_certain_and_more_drafts_say_more() -> None:
    few, many = kappa_interval([5, 0, 0, 5]), kappa_interval([50, 0, 0, 50])
    assert few[0] < 0.75 < 0.9 < many[0]


def test_the_interval_covers_as_often_as_it_says() -> None:
    import numpy as np

    chance = np.random.default_rng(1)
    truth = [0.45, 0.1, 0.1, 0.35]
    true = kappa_of([45, 10, 10, 35]) or 0
    tables = chance.multinomial(40, truth, size=300)
    covered = sum(low <= true <= high for low, high in (kappa_interval(list(map(int, table))) for table in tables))
    assert 0.91 <= covered / 300 <= 0.985


def judged(store: Store, run: str, draft: str, who: str, accepts: bool) -> None:
    outcome = Outcome.ACCEPTED if accepts else Outcome.REJECTED
    say(store, Verdict.new(run=run, draft=draft, step=BY_HAND, judge=who, outcome=outcome))


def test_persons_are_compared_with_each_judge_and_with_each_other(store: Store, tmp_path) -> None:
    built = Built(store).base().lessons(1).trained(1).examined(1, "probe")
    run = built.run
    verdicts = store.verdicts(run.key, "right_answer")
    rejected = store.yields(run.key)
    for draft, verdict in verdicts.items():
        judged(store, run.key, draft, "person:ada", verdict.outcome == Outcome.ACCEPTED)
        judged(store, run.key, draft, "person:ben", verdict.outcome != Outcome.ACCEPTED)
    found = {(each.person, each.step or each.other): each for each in agreement_of(store, run, recipe_of(run))}
    ada, ben = found["person:ada", "right_answer"], found["person:ben", "right_answer"]
    assert (ada.n, ada.raw, ada.kappa) == (len(verdicts), 1, 1)
    assert (ben.raw, ben.both_accepted, ben.both_rejected) == (0, 0, 0)
    assert (ben.kappa or 0) < 0
    assert found["person:ada", "person:ben"].raw == 0
    assert found["person:ada", "sound_steps"].n < ada.n  # it judged fewer
    assert store.yields(run.key) == rejected  # persons are no judges of the run
    summary = summarise(store, run)
    assert len(summary.agreement) == len(found)
    told = "\n".join(story_lines(summary))
    assert "person:ada and right_answer (j@1) agree on 100% [74–100] of 11 drafts; kappa 1.00 [" in told
    assert "Persons and judges" in write_report(store, run, tmp_path).read_text()


def test_without_persons_nothing_is_said(store: Store) -> None:
    run = Built(store).base().lessons(1).run
    assert agreement_of(store, run, recipe_of(run)) == []
