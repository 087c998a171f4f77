"""Two students, blindly: the coin is fair and steady, no name is seen before the end, and the interval is exact."""

import pytest
from scipy.stats import beta

from flows.review.app import ITEMS
from orchestrator.blind import Blind, blind, choices, result, verdicts_on
from storage.persons import say, take_back
from storage.records import Student
from storage.store import Store
from tests.flows.review.conftest import Served, client_of
from tests.orchestrator.built_run import Built

ME = "person:ada"


@pytest.fixture
def built(store: Store) -> Built:
    """Right and wrong replies differ; where both are right or both wrong they are alike."""
    return Built(store).base().trained(1).examined(1, "probe")


def pair(built: Built, who: str = ME) -> Blind:
    return blind(built.store, built.students[1], built.students[0], "probe", ITEMS, who)


def prefer(built: Built, comparison: Blind, better: Student | None) -> None:
    for number, item in enumerate(comparison.items):
        side = "same" if better is None else "left" if item.left.student == better.key else "right"
        say(built.store, *verdicts_on(comparison, number, side, ME))


def test_only_what_differs_is_shown_and_the_rest_is_counted(built: Built) -> None:
    comparison = pair(built)
    assert all(item.left.reply != item.right.reply for item in comparison.items)
    assert len(comparison.items) + comparison.alike == 30


def test_the_coin_is_the_same_each_time_another_for_each_person_and_lands_on_both_sides(built: Built) -> None:
    def sides(who: str) -> list[tuple[str, bool]]:
        return [(i.question, i.left.student == built.students[1].key) for i in pair(built, who).items]

    assert sides(ME) == sides(ME) != sides("person:ben")
    assert {side for _, side in sides(ME)} == {True, False}
    turned = blind(built.store, built.students[0], built.students[1], "probe", ITEMS, ME)
    assert [item.left.key for item in turned.items] == [item.left.key for item in pair(built).items]
    assert turned.step == pair(built).step


def test_the_result_counts_the_student_wherever_it_stood(built: Built) -> None:
    comparison = pair(built)
    n = len(comparison.items)
    prefer(built, comparison, built.students[1])
    said = choices(built.store, comparison, ME)
    found = result(comparison, said)
    assert (found.wins, found.losses, found.same, found.share) == (n, 0, 0, 1)
    assert found.low == pytest.approx(beta.ppf(0.025, n, 1))
    assert (found.high, found.p) == (1, pytest.approx(2 * 0.5**n))
    turned = blind(built.store, built.students[0], built.students[1], "probe", ITEMS, ME)
    assert (result(turned, said).wins, result(turned, said).losses) == (0, n)


def test_draws_say_nothing_of_who_is_better(built: Built) -> None:
    comparison = pair(built)
    prefer(built, comparison, None)
    found = result(comparison, choices(built.store, comparison, ME))
    assert (found.share, found.same, found.low, found.high, found.p) == (None, len(comparison.items), 0, 1, 1)


def test_undo_takes_one_item_back(built: Built) -> None:
    comparison = pair(built)
    prefer(built, comparison, built.students[0])
    take_back(built.store, built.run.key, ME, comparison.step)
    assert choices(built.store, comparison, ME).count(None) == 1
    assert not [each for each in built.store.verify() if each.startswith("Verdict")]


def test_the_page_names_nobody_before_the_end(built: Built) -> None:
    comparison, hidden = pair(built), [built.students[0].key, built.students[1].key]
    with client_of(built.store, built.run) as client:
        served = Served(client, built.store, built.run)
        asked = {"one": hidden[1], "other": hidden[0], "exam": "probe"}
        for number, item in enumerate(comparison.items):
            page = client.get("/blind", params=asked).text
            seen = page.partition("</header>")[2].replace(f'name="one" value="{hidden[1]}"', "")
            seen = seen.replace(f'name="other" value="{hidden[0]}"', "")
            assert not [word for word in (*hidden, "the base", "round 1", "preferred") if word in seen]
            assert item.left.key not in page
            side = "left" if item.left.student == hidden[1] else "right"
            served.send("/prefer", **asked, item=str(number), do=side)
        page = client.get("/blind", params=asked).text
        assert f"was preferred {len(comparison.items)} times of {len(comparison.items)}" in page
        assert "It is the better one to you" in page
        served.send("/prefer", **asked, do="undo")
        assert "Left is better" in client.get("/blind", params=asked).text
        assert served.send("/prefer", **asked, item="999", do="left").status_code == 400
        assert client.get("/blind", params={**asked, "other": hidden[1]}).status_code == 404
