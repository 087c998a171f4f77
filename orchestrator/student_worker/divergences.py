"""How far a student's next-token distributions are from a teacher's: pure functions of tensors, in nats per place.

`student` and `teacher` are natural log-probabilities [..., outcomes] over the same outcomes: a vocabulary, or the buckets
that `coarsened` makes of one. The teacher's are constants; whoever computes them keeps gradients away from them.

Where both are equal to the bit the gradient is 0 to the bit: an optimiser that divides gradients by their size, as Adam does,
makes steps of any rounding that is left.
"""

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

FLOOR = -1e4
"""Log-probability of what cannot be: its exponential is 0 and, unlike -inf, no product with it is NaN."""
TINY = 1e-6
"""Probability below which a teacher's rest is rounding."""

Divergence = Callable[[Tensor, Tensor], Tensor]


def log_probabilities(logits: Tensor, temperature: float = 1.0) -> Tensor:
    """Log-softmax in float32 of logits [..., vocabulary] that are divided by the temperature.

    A divergence at temperature T has gradients that shrink with 1 / T²; whoever adds it to a cross-entropy multiplies it by
    T² (Hinton et al. 2015, §2).
    """
    return (logits.float() / temperature).log_softmax(dim=-1)


def forward_kl(student: Tensor, teacher: Tensor) -> Tensor:
    """KL(teacher ‖ student): the student has to cover whatever the teacher may say.

    The difference of both sums, 0 of two distributions, takes their rounding out of the gradient, which is q - p.
    """
    p, q = teacher.exp(), student.exp()
    return (p * (teacher - student) - p + q).sum(dim=-1)


def reverse_kl(student: Tensor, teacher: Tensor) -> Tensor:
    """KL(student ‖ teacher): the student has to say nothing that the teacher would not."""
    return forward_kl(teacher, student)


def generalised_jsd(student: Tensor, teacher: Tensor, beta: float) -> Tensor:
    """β KL(teacher ‖ m) + (1 - β) KL(student ‖ m) with m = β teacher + (1 - β) student (GKD, Agarwal et al. 2024, §2).

    It vanishes at both ends, where JSD / β tends to the forward and JSD / (1 - β) to the reverse KL; at 0 and 1 it is
    these limits themselves.
    """
    if beta in (0.0, 1.0):
        return (reverse_kl if beta else forward_kl)(student, teacher)
    middle = mixed(teacher, student, beta)
    return beta * forward_kl(middle, teacher) + (1 - beta) * forward_kl(middle, student)


def skewed_kl(student: Tensor, teacher: Tensor, skew: float) -> Tensor:
    """KL(teacher ‖ skew · teacher + (1 - skew) · student): bounded by -ln(skew) (DistiLLM, Ko et al. 2024, §3.1)."""
    return forward_kl(mixed(teacher, student, skew), teacher) if skew else forward_kl(student, teacher)


def mixed(one: Tensor, other: Tensor, share: float) -> Tensor:
    """Log-probabilities of the mixture in which `one` has this share, between 0 and 1."""
    first = one >= other
    larger, smaller = torch.where(first, one, other), torch.where(first, other, one)
    weight = torch.where(first, one.new_tensor(1 - share), one.new_tensor(share))
    return larger + (weight * (smaller - larger).expm1()).log1p()  # to the bit what both are where they are equal


def sorted_distance(student: Tensor, teacher: Tensor) -> Tensor:
    """Σ |pᵢ - qᵢ| of both probability vectors in falling order, the shorter padded with zeros (ULD, Boizard et al. 2024).

    The only one here whose two vocabularies may differ: it says how sure each of them is, and not of what.
    """
    p, q = (each.exp().sort(dim=-1, descending=True).values for each in (teacher, student))
    size = max(p.shape[-1], q.shape[-1])
    p, q = (torch.nn.functional.pad(each, (0, size - each.shape[-1])) for each in (p, q))
    return (p - q).abs().sum(dim=-1)


# --- targets of which only the likeliest tokens are known -------------------------------------------------------------


def coarsened(log_probs: Tensor, tokens: Tensor) -> Tensor:
    """Log-probabilities [..., k + 1] of k given tokens, and of all others together in the last bucket.

    `tokens` are ids [..., k], distinct at each place; -1 pads, and has the probability 0. With all of a vocabulary
    given, the last bucket is 0 and any divergence is the dense one.
    """
    known = tokens >= 0
    at = tokens.clamp(min=0)
    chosen = torch.zeros_like(log_probs, dtype=torch.int).scatter_add(-1, at, known.int()) > 0
    rest = log_probs.masked_fill(chosen, FLOOR).logsumexp(dim=-1, keepdim=True)
    return torch.cat([log_probs.gather(-1, at).masked_fill(~known, FLOOR), rest], dim=-1)


def with_rest(top: Tensor) -> Tensor:
    """Log-probabilities [..., k + 1] of a teacher that told the likeliest k: what they leave is one bucket.

    Of all targets made of so much this is the one that claims nothing: by data processing a KL over buckets is at most the
    dense one, and it is 0 for a student that equals the teacher. The temperature has to be 1 by the time a teacher tells:
    how flat the rest would become, its sum does not say.
    """
    left = 1 - top.exp().sum(dim=-1, keepdim=True)
    return torch.cat([top, torch.where(left > TINY, left.clamp(min=TINY).log(), FLOOR)], dim=-1)


def concentrated(top: Tensor, temperature: float = 1.0) -> Tensor:
    """Log-probabilities [..., k + 1] in which the likeliest k share the whole mass and the rest has none.

    What FIRST (Shum et al. 2024) does on purpose, to keep a teacher's noisy tail away from the student. A student that
    equals the teacher is not at its least: it is pushed to give the tail up. k known tokens can be softened by a temperature.
    """
    kept = (top / temperature).log_softmax(dim=-1)
    return torch.cat([kept, torch.full_like(kept[..., :1], FLOOR)], dim=-1).clamp(min=FLOOR)


# --- a target that moves from the student to the teacher --------------------------------------------------------------


def between(student_logits: Tensor, teacher_logits: Tensor, t: float) -> Tensor:
    """Logits (1 - t) · student + t · teacher, the student's held fast (TAID, Shing et al. 2025, eq. 2)."""
    return student_logits.detach().lerp(teacher_logits, t)


@dataclass
class Moving:
    """Where TAID's target stands between student (0) and teacher (1) (Shing et al. 2025, Algorithm 1).

    It moves at least linearly in the steps, and faster while the loss falls: by α · sigmoid(momentum of the relative change
    of the loss) · (1 - t). It never goes back, and ends at 1.
    """

    start: float = 0.4
    alpha: float = 5e-4
    momentum: float = 0.99
    t: float = 0.0
    change: float = 0.0
    """Moving average of the relative change of the loss."""
    loss: float | None = None
    """Of the step before."""

    def __post_init__(self) -> None:
        self.t = max(self.t, self.start)

    def step(self, loss: float, done: float) -> float:
        """t after a step whose loss was this, with `done` of all steps behind it, 0 to 1."""
        if self.loss is not None:
            fall = (self.loss - loss) / (self.loss + 1e-15)
            self.change = self.momentum * self.change + (1 - self.momentum) * fall
            faster = self.alpha * torch.tensor(self.change, dtype=torch.float64).sigmoid().item() * (1 - self.t)
            self.t += faster
        self.loss = loss
        self.t = min(1.0, max(self.t, self.start + (1 - self.start) * done))
        return self.t
