"""What a run came to, from stores that are made by hand."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from orchestrator.examination.items import CANARY
from orchestrator.recipe import load_recipe
from orchestrator.story import bought
from orchestrator.summary import Summary, summarise
from storage.accounts import Spending
from storage.records import Attempt, Call, Entry
from storage.store import Store, open_store
from tests.orchestrator.built_run import Built

PRACTICE = [
    "exams.practice.use=final_answer",
    "exams.practice.source=tasks",
    "exams.practice.part=train",
]


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    with open_store(tmp_path / "store.sqlite") as opened:
        yield opened


def summary_of(built: Built) -> Summary:
    return summarise(built.store, built.run)


def test_a_whole_run_is_summed_up_by_its_test(store: Store) -> None:
    found = summary_of(Built(store).whole())
    assert (found.exam, found.tested, found.questions) == ("test", True, 30)
    assert found.accuracy == {"before": pytest.approx(4 / 30), "after": pytest.approx(25 / 30)}
    assert found.retention == {"before": pytest.approx(27 / 30), "after": pytest.approx(26 / 30)}
    assert (found.finished, found.ended, found.unchecked) == (True, "all 2 rounds are done", [])
    assert found.best == found.last
    assert found.best
    assert found.best["round"] == 2


def test_the_story_tells_cost_gain_and_trend_of_each_round(store: Store) -> None:
    base, first, second = summary_of(Built(store).whole(usd=0.25)).story
    assert (base.round, base.why, base.before, base.points) == (0, "", None, None)
    assert (first.calls, first.tokens, first.usd, first.training, first.examining) == (12, 840, 3.0, 40.0, 3.5)
    assert first.points == pytest.approx(40)
    assert first.per_usd == pytest.approx(40 / 3)
    assert first.per_100_calls == pytest.approx(100 * 40 / 12)
    assert (second.targets, second.seeds, second.quotas) == (5, 1, dict.fromkeys(("addition", "change", "want"), 7))
    assert (base.probe.wrong, first.probe.wrong, second.probe.wrong) == (27, 15, 6)
    largest = second.probe.clusters[0]
    assert (largest.label, largest.size, largest.before) == ("want: wrong answer", 3, 5)
    assert (largest.said.split()[-1], largest.gold) == ("-1", largest.question.split(":")[0].split()[-1])


def test_a_price_that_is_unknown_promises_nothing_for_a_dollar(store: Store) -> None:
    story = summary_of(Built(store).whole()).story
    assert [(one.usd, one.unpriced, one.per_usd) for one in story] == [
        (0.0, 0, None),
        (None, 12, None),
        (None, 12, None),
    ]


def test_what_only_computes_makes_no_unknown_price_known() -> None:
    free, dear = Spending(0, 0, 0, 0.0, 0, 9.0), Spending(2, 5, 5, None, 2, 1.0)
    assert bought([free, dear]) == dear
    assert bought([free]).usd == 0.0


def test_a_student_that_got_worse_leaves_the_base_the_best_and_is_told_all_the_same(store: Store) -> None:
    built = Built(store)
    built.right[1, "probe"] = (0, 0, 1)
    found = summary_of(built.base().lessons(1).trained(1).examined(1, "probe"))
    assert found.best
    assert found.last
    assert (found.best["round"], found.last["round"]) == (0, 1)
    assert found.accuracy == {"before": pytest.approx(3 / 30), "after": pytest.approx(1 / 30)}
    assert (found.exam, found.tested) == ("probe", False)


def test_of_a_run_without_a_test_the_best_student_counts_and_not_the_last(store: Store) -> None:
    built = Built(store)
    built.right[2, "probe"] = (1, 1, 1)
    built.base().trained(1).examined(1, "probe").trained(2).examined(2, "probe")
    found = summary_of(built)
    assert found.accuracy["after"] == pytest.approx(15 / 30)
    assert found.last
    assert found.last["accuracy"] == pytest.approx(3 / 30)


def test_practice_is_told_beside_the_probe_and_counts_for_none_of_its_figures(store: Store) -> None:
    built = Built(store, recipe=load_recipe("demo", PRACTICE))
    built.right[1, "practice"] = built.right[0, "practice"] = (0, 0, 0)
    found = summary_of(built.base().trained(1).examined(1, "practice").examined(1, "probe"))
    assert found.accuracy["after"] == pytest.approx(15 / 30)
    assert (found.story[1].probe.wrong, found.story[1].practice.wrong) == (15, 30)
    assert {exam["part"] for exam in found.exams} == {"probe", "train"}
    assert found.retention == {"before": None, "after": None}


def test_a_recipe_that_tests_nothing_says_so(store: Store) -> None:
    recipe = load_recipe("demo", ["exams.test.part=probe", "exams.retention.part=probe"])
    assert len(summary_of(Built(store, recipe=recipe)).unchecked) == 2


def test_canaries_are_counted_by_themselves(store: Store) -> None:
    recipe = load_recipe("demo", ["exams.test.canaries=4"])
    built = Built(store, recipe=recipe).whole()
    facts: dict[str, Any] = {**built.of, "round": 2, "student": built.students[2].key, "exam": "test", "skill": CANARY}
    for i in range(4):
        built.add(Attempt.new(**facts, question=f"c{i}", gold="red", reply="red", right=i < 3, split_key=f"canary:{i}"))
    (planted,) = summary_of(built).canaries
    assert planted == {"exam": "test", "round": 2, "n": 4, "right": 3, "by_chance": 1.0}


def test_the_ruling_is_told_as_it_was_made(store: Store) -> None:
    built = Built(store).whole()
    assert summary_of(built).ruling is None
    found = summary_of(built.ruled("promote", "promote: it is better")).ruling
    assert found
    assert (found["outcome"], found["why"], found["figures"][0]["exam"]) == ("promote", "promote: it is better", "test")


def test_a_summary_is_json(store: Store) -> None:
    told = json.loads(json.dumps(summary_of(Built(store).whole().ruled("hold", "hold: no gain")).as_json()))
    assert [one["round"] for one in told["story"]] == [0, 1, 2]
    assert told["story"][1]["probe"]["clusters"][0]["size"] == 6


def test_a_run_of_which_only_calls_are_known_has_a_story(store: Store) -> None:
    built = Built(store)
    call = Call.new(model="m", request={"prompt": "x"}, prompt_tokens=3, completion_tokens=4)
    built.add(
        call, Entry.new(**built.of, round=1, stage="solve", subject=call.key, prompt_tokens=3, completion_tokens=4)
    )
    (one,) = summary_of(built).story
    assert (one.round, one.calls, one.tokens, one.after, one.per_100_calls) == (1, 1, 7, None, None)
