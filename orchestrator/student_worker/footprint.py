"""What a training will take: bytes and seconds, predicted from the shapes of a base's weights. No weight is read."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from math import prod
from pathlib import Path
from typing import Any

from safetensors import safe_open

from orchestrator.student_worker.checks import Finding

NO_LINEAR = ("embed", "wte", "wpe", "lm_head", "norm", "rotary")
"""What of the two-dimensional weights carries no LoRA."""
RUNTIME = {"cpu": 900 << 20, "cuda": 600 << 20}
"""Bytes of a process that has only imported what it trains with, or of a CUDA context."""
QUANTISED = 0.52
"""Bytes of a weight in four bits."""
SLACK = 1.3
"""Activations by the formula times this: what backward holds for a moment, and what an allocator cannot give out."""
WAITING = 2.5
"""Time by arithmetic alone times this: norms, softmax, the optimizer, small matrices."""
TIGHT = 0.7
"""Share of the free memory above which the prediction is worth a warning."""
FACTOR = 2.0
"""The prediction of memory is within this factor of the peak, which a test measures."""
TIME_FACTOR = 4.0
"""The same of time, which other processes of the machine change."""


@dataclass(frozen=True)
class Shapes:
    """What the arithmetic needs of a base."""

    parameters: int
    linear: tuple[tuple[int, int], ...]
    """Of each weight matrix that carries a LoRA."""
    layers: int
    vocabulary: int
    hidden: int
    """Width of an embedding."""


@dataclass(frozen=True)
class Load:
    """One training."""

    rank: int
    batch: int
    """Rows of an optimizer step."""
    length: int
    """Tokens of the longest row: a batch is padded to the longest of its own."""
    tokens: int
    """Of the whole training, all epochs."""
    device: str = "cpu"
    replies: int = 1
    """Replies of a row: a preference has two."""
    quantised: bool = False
    """Whether the frozen weights are held in four bits."""

    @property
    def on_gpu(self) -> bool:
        return self.device == "cuda"


def shapes_of(folder: Path) -> Shapes | None:
    """From the headers of the safetensors files; None if there are none."""
    found: dict[str, list[int]] = {}
    for path in sorted(folder.glob("*.safetensors")):
        with safe_open(path, "np") as tensors:
            found |= {name: tensors.get_slice(name).get_shape() for name in tensors.keys()}  # noqa: SIM118 - no dict
    return shapes_from(found) if found else None


def shapes_from(weights: Mapping[str, Any]) -> Shapes | None:
    """From name → shape; None without an embedding."""
    table = next((s for name, s in weights.items() if len(s) == 2 and ("embed_tokens" in name or "wte" in name)), None)
    if table is None:
        return None
    linear = {n: (s[0], s[1]) for n, s in weights.items() if len(s) == 2 and not any(part in n for part in NO_LINEAR)}
    layers = {part for name in linear for part in name.split(".") if part.isdigit()}
    total = sum(prod(shape) for shape in weights.values())
    return Shapes(total, tuple(linear.values()), max(1, len(layers)), table[0], table[1])


def memory(shapes: Shapes, load: Load) -> dict[str, int]:
    """Bytes by what holds them.

    - weights: parameters × 4 on a CPU (float32), × 2 on a GPU (bfloat16); of those in matrices × 0.52 in four bits, with
      a scale of 8 bits for each 64 of them (Dettmers et al. 2023, §3);
    - adapter: rank × Σ(in + out) × 16: weights, gradients and the two moments of AdamW, each in float32;
    - activations: batch × length × w × Σ(in + out), w = 4 or 2 as above. A frozen matrix keeps nothing for itself, but its
      LoRA keeps the input and what follows it the output (cf. Korthikanti et al. 2022, §4, who count 34 × hidden bytes a
      token and layer where the weights are learned too). On a GPU, where checkpointing is on, one layer of these and the
      hidden state of each;
    - logits: four float32 of tokens × vocabulary, of 1,024 tokens at a time where the head is fused, as with SFT, and of
      all where two replies are compared;
    - runtime: what the process takes before it has a model.
    """
    width = 2 if load.on_gpu else 4
    ends = sum(rows + columns for rows, columns in shapes.linear)
    at_once = load.batch * load.replies * load.length
    kept = at_once * width * ends
    if load.on_gpu:
        kept = kept // shapes.layers + at_once * width * shapes.hidden * shapes.layers
    return {
        "weights": _weights(shapes, load, width),
        "adapter": load.rank * ends * 16,
        "activations": round(kept * SLACK),
        "logits": 16 * shapes.vocabulary * (at_once if load.replies > 1 else min(at_once, 1024)),
        "runtime": RUNTIME[load.device],
    }


def _weights(shapes: Shapes, load: Load, width: int) -> int:
    packed = sum(rows * columns for rows, columns in shapes.linear) if load.quantised else 0
    return (shapes.parameters - packed) * width + round(packed * QUANTISED)


def fits(shapes: Shapes, load: Load, free: int) -> Finding:
    """Whether the training has room. Refused is what would not fit if it took as little as the prediction allows: what does
    run out of memory does so in its first steps, and says so."""
    needed = sum(memory(shapes, load).values())
    what = f"about {needed / 2**30:.1f} GiB needed, {free / 2**30:.1f} GiB free on the {load.device}"
    room = largest_batch(shapes, load, free)
    fix = f"set the objective's batch to {room}" if room else "choose a smaller base, or a larger device"
    if needed > FACTOR * free:
        return Finding("memory", "refuse", what, fix)
    return (
        Finding("memory", "warn", what, fix if needed > free else "")
        if needed > TIGHT * free
        else Finding("memory", "ok", what)
    )


def largest_batch(shapes: Shapes, load: Load, free: int) -> int:
    """Rows of a step that would fit; 0 if one does not."""
    fits = [n for n in range(1, load.batch + 1) if sum(memory(shapes, _with_batch(load, n)).values()) <= free]
    return max(fits, default=0)


def _with_batch(load: Load, batch: int) -> Load:
    return replace(load, batch=batch)


def flops(shapes: Shapes, load: Load) -> int:
    """Multiplications and additions: 4 for each frozen weight and token, 6 where it is recomputed, 6 for each of the LoRA.

    Forward 2, backward to the input 2 and to a learned weight 2 (Kaplan et al. 2020, §2.1); the head counts, the embedding
    is looked up.
    """
    frozen = sum(rows * columns for rows, columns in shapes.linear) + shapes.vocabulary * shapes.hidden
    learned = load.rank * sum(rows + columns for rows, columns in shapes.linear)
    return load.tokens * load.replies * ((6 if load.on_gpu else 4) * frozen + 6 * learned)


def seconds(shapes: Shapes, load: Load, speed: float) -> float:
    """`speed` is in operations a second, of a matrix product of the size that the training does."""
    return WAITING * flops(shapes, load) / speed
