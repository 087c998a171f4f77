"""Divergences as their papers define them: identities that hold for any student and teacher."""

import math
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

torch = pytest.importorskip("torch")

from orchestrator.student_worker.divergences import (  # noqa: E402
    Moving,
    between,
    coarsened,
    concentrated,
    forward_kl,
    generalised_jsd,
    log_probabilities,
    reverse_kl,
    skewed_kl,
    sorted_distance,
    with_rest,
)

pytestmark = pytest.mark.slow
VOCABULARY = 7
logits = arrays("float32", (3, VOCABULARY), elements=st.floats(-6, 6, width=32)).map(torch.tensor)
shares = st.floats(0.01, 0.99)
PURE = {
    "forward": forward_kl,
    "reverse": reverse_kl,
    "jsd": lambda q, p: generalised_jsd(q, p, 0.3),
    "skewed": lambda q, p: skewed_kl(q, p, 0.1),
    "sorted": sorted_distance,
}
every = pytest.mark.parametrize("divergence", PURE.values(), ids=PURE)


def known(values: Any, temperature: float = 1.0) -> Any:
    return log_probabilities(values, temperature)


def close(one: Any, other: Any, within: float = 1e-4) -> bool:
    return bool(torch.allclose(one, other, atol=within, rtol=1e-3))


@every
@given(logits)
def test_a_student_that_equals_its_teacher_is_at_zero_and_stays_there(divergence: Any, teacher: Any) -> None:
    student = teacher.clone().requires_grad_()
    found = divergence(known(student), known(teacher))
    assert close(found, torch.zeros(3), 1e-5)
    found.sum().backward()
    assert not student.grad.any()  # to the bit: Adam makes a step of any gradient


@every
@given(logits, logits)
def test_it_is_never_negative_and_always_a_number(divergence: Any, student: Any, teacher: Any) -> None:
    found = divergence(known(student), known(teacher))
    assert found.isfinite().all()
    assert (found > -1e-5).all()


@given(logits, logits)
def test_jsd_is_forward_kl_at_one_end_and_reverse_kl_at_the_other(student: Any, teacher: Any) -> None:
    q, p = known(student.double()).double(), known(teacher.double()).double()
    assert close(generalised_jsd(q, p, 0.0), forward_kl(q, p))
    assert close(generalised_jsd(q, p, 1.0), reverse_kl(q, p))
    near = 1e-8  # far below the smallest probability, e^-12
    assert close(generalised_jsd(q, p, near) / near, forward_kl(q, p), 1e-2)
    assert close(generalised_jsd(q, p, 1 - near) / near, reverse_kl(q, p), 1e-2)


@given(logits, logits, shares)
def test_jsd_of_exchanged_distributions_is_that_of_the_other_share(one: Any, other: Any, beta: float) -> None:
    a, b = known(one), known(other)
    assert close(generalised_jsd(a, b, beta), generalised_jsd(b, a, 1 - beta))


@given(logits, logits, shares)
def test_a_skewed_kl_is_bounded_by_its_skew(student: Any, teacher: Any, skew: float) -> None:
    assert (skewed_kl(known(student), known(teacher), skew) <= -math.log(skew) + 1e-4).all()
    assert close(skewed_kl(known(student), known(teacher), 0.0), forward_kl(known(student), known(teacher)))


@given(logits, logits, st.permutations(range(VOCABULARY)))
def test_sorted_distance_does_not_heed_what_tokens_are_called(student: Any, teacher: Any, order: list[int]) -> None:
    found = sorted_distance(known(student), known(teacher))
    assert close(found, sorted_distance(known(student[:, order]), known(teacher)))
    longer = torch.cat([known(teacher), torch.full((3, 4), -1e4)], dim=1)
    assert close(found, sorted_distance(known(student), longer))


@given(logits, logits)
def test_a_temperature_times_its_square_keeps_gradients_of_one_size(student: Any, teacher: Any) -> None:
    """For flat distributions the gradient at T, times T², is that of half the squared distance of the centred logits."""
    sizes = []
    for temperature in (50.0, 100.0):
        q = (student / 10).clone().requires_grad_()
        found = forward_kl(known(q, temperature), known(teacher / 10, temperature)) * temperature**2
        found.sum().backward()
        sizes.append(q.grad)
    assert close(sizes[0], sizes[1], 1e-3)


# --- of the likeliest tokens alone ------------------------------------------------------------------------------------


@given(logits, logits, st.permutations(range(VOCABULARY)))
def test_all_tokens_told_is_the_dense_divergence(student: Any, teacher: Any, order: list[int]) -> None:
    q, p, tokens = known(student), known(teacher), torch.tensor([order] * 3)
    for divergence in PURE.values():
        dense = divergence(q, p)
        for target in (with_rest(p.gather(1, tokens)), concentrated(p.gather(1, tokens))):
            assert close(divergence(coarsened(q, tokens), target), dense, 2e-4)


@given(logits, logits, st.integers(1, VOCABULARY))
def test_what_is_told_in_part_says_no_more_than_the_whole(student: Any, teacher: Any, k: int) -> None:
    q, p = known(student), known(teacher)
    top, tokens = p.topk(k)
    assert (forward_kl(coarsened(q, tokens), with_rest(top)) <= forward_kl(q, p) + 1e-4).all()
    assert close(forward_kl(coarsened(p, tokens), with_rest(top)), torch.zeros(3), 1e-4)


@given(logits, st.integers(1, VOCABULARY - 1))
def test_a_concentrated_target_pushes_the_tail_away_from_a_student_that_equals_the_teacher(
    teacher: Any, k: int
) -> None:
    p = known(teacher)
    top, tokens = p.topk(k)
    lost = -top.exp().sum(dim=-1).log()
    assert close(forward_kl(coarsened(p, tokens), concentrated(top)), lost, 1e-3)


@given(logits, logits)
def test_padding_tells_nothing_and_gives_no_gradient_that_is_no_number(student: Any, teacher: Any) -> None:
    p = known(teacher)
    top, tokens = p.topk(3)
    padded = torch.cat([tokens, torch.full((3, 2), -1)], dim=1)
    shown = torch.cat([top, torch.full((3, 2), -1e4)], dim=1)
    q = student.clone().requires_grad_()
    for target in (with_rest, concentrated):
        found = forward_kl(coarsened(known(q), padded), target(shown))
        assert close(found, forward_kl(coarsened(known(student), tokens), target(top)))
        found.sum().backward()
    assert q.grad.isfinite().all()


# --- a moving target --------------------------------------------------------------------------------------------------


@given(logits, logits)
def test_a_moving_target_begins_at_the_student_and_ends_at_the_teacher(student: Any, teacher: Any) -> None:
    assert close(between(student, teacher, 0.0), student)
    assert close(between(student, teacher, 1.0), teacher)
    q = student.clone().requires_grad_()
    forward_kl(known(q), known(between(q, teacher, 0.0))).sum().backward()
    assert not q.grad.any()


@given(st.lists(st.floats(0, 1e6), min_size=1, max_size=60), st.floats(0, 1), st.floats(0, 1))
def test_it_never_goes_back_is_at_least_linear_and_ends_at_one(losses: list[float], start: float, alpha: float) -> None:
    moving, at = Moving(start=start, alpha=alpha), [start]
    for number, loss in enumerate(losses, start=1):
        at.append(moving.step(loss, number / len(losses)))
        assert start + (1 - start) * number / len(losses) <= at[-1] + 1e-9
    assert at == sorted(at)
    assert at[-1] == 1.0


def test_it_moves_faster_while_the_loss_falls() -> None:
    falling, rising = Moving(alpha=0.5, momentum=0.5), Moving(alpha=0.5, momentum=0.5)
    for number in range(1, 6):
        falling.step(2.0**-number, 0.0)
        rising.step(2.0**number, 0.0)
    assert rising.t < falling.t < 1
