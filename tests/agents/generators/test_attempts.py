"""What becomes of a student's own replies: drafts, if they have the form of lessons, and pairs of right and wrong ones."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agents.generators.own_reply import OwnReply
from agents.generators.pair_attempts import PairAttempts, likeness
from agents.kinds import Nobody, UnfitDraft, UnreadableReply


async def own(**fields: Any) -> list[dict[str, Any]]:
    return [writing.fields for writing in await OwnReply(use="own_reply").write(fields, Nobody(), 0)]


async def test_a_reply_of_the_form_is_a_draft_as_it_was_read() -> None:
    assert await own(reply_fields={"rationale": "2+3=5", "answer": "5"}) == [{"rationale": "2+3=5", "answer": "5"}]


async def test_a_reply_of_another_form_is_unreadable_and_never_a_draft() -> None:
    with pytest.raises(UnreadableReply, match="has not the form"):
        await own(reply_fields={})


async def test_what_is_no_attempt_is_refused_with_the_way_out() -> None:
    with pytest.raises(UnfitDraft, match="stream `attempts`"):
        await own(question="How many?")


async def pairs(right: list[str], wrong: list[str], **options: Any) -> list[tuple[str, str]]:
    said = [{"student_reply": reply, "right": "yes"} for reply in right]
    said += [{"student_reply": reply, "right": "no"} for reply in wrong]
    written = await PairAttempts(use="pair_attempts", **options).write({"candidates": said}, Nobody(), 0)
    return [(writing.fields["chosen"], writing.fields["rejected"]) for writing in written]


async def test_the_pairs_that_are_least_alike_are_taken() -> None:
    found = await pairs(["a b c", "x y z"], ["a b d", "p q r"], most=3)
    assert found == [("a b c", "p q r"), ("x y z", "a b d"), ("x y z", "p q r")]
    assert await pairs(["a b c", "x y z"], ["a b d", "p q r"], most=1) == found[:1]


async def test_replies_that_are_nearly_the_same_are_one() -> None:
    assert len(await pairs(["a b c d e f g h", "a b c d e f g i", "A B, c d e f g h!"], ["z"], most=9)) == 1
    assert len(await pairs(["a b c d e f g h", "a b c d e f g i"], ["z"], most=9, at_most=0.9)) == 2


async def test_what_is_paired_may_be_a_part_that_another_field_calls_right() -> None:
    said = [{"recalled": "who breaks is sorry", "label": "right"}, {"recalled": "who breaks is glad", "label": "wrong"}]
    generator = PairAttempts(use="pair_attempts", text="recalled", truth="label")
    [written] = await generator.write({"candidates": said}, Nobody(), 0)
    assert written.fields == {"chosen": "who breaks is sorry", "rejected": "who breaks is glad"}


async def test_a_text_that_came_to_both_ends_says_nothing() -> None:
    assert await pairs(["a b c"], ["a b c"]) == []
    assert await pairs(["a b c", "d"], ["a b c "]) == []


@pytest.mark.parametrize(("right", "wrong"), [([], ["a"]), (["a"], []), (["a"], [" ", ""]), ([], [])])
async def test_without_a_right_and_a_wrong_reply_there_is_no_pair(right: list[str], wrong: list[str]) -> None:
    assert await pairs(right, wrong) == []


async def test_one_attempt_alone_makes_no_pair_and_says_what_is_missing() -> None:
    with pytest.raises(UnfitDraft, match=r"`together: \{by: "):
        await PairAttempts(use="pair_attempts").write({"student_reply": "a", "right": "yes"}, Nobody(), 0)


texts = st.lists(st.text("abcd ", min_size=1, max_size=12), max_size=5)


@given(texts, texts, st.integers(1, 4))
async def test_every_pair_has_a_right_reply_before_a_wrong_one_and_none_left_out_is_less_alike(
    right: list[str], wrong: list[str], most: int
) -> None:
    found = await pairs(right, wrong, most=most)
    assert found == await pairs(right[::-1], wrong[::-1], most=most)
    assert len(found) <= most
    assert len(set(found)) == len(found)
    every = await pairs(right, wrong, most=100)
    for chosen, rejected in found:
        assert chosen in {text.strip() for text in right} - {text.strip() for text in wrong}
        assert rejected in {text.strip() for text in wrong} - {text.strip() for text in right}
    assert [likeness(*pair) for pair in found] == sorted(likeness(*pair) for pair in every)[:most]


@given(st.text(), st.text())
def test_likeness_is_a_share_that_goes_both_ways(one: str, other: str) -> None:
    assert 0 <= likeness(one, other) == likeness(other, one) <= 1
    assert likeness(one, one) == 1
