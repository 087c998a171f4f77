"""How many threads a model is worth on a CPU."""

from typing import Any

import torch

SMALL = 20_000_000
"""Parameters below which one thread does it. Measured with the embedded base, 0.9 million: 93 training steps take 14.7 s with one
thread and 16.1 s with two, and the second core is free for others."""


def fit_threads(model: Any) -> None:
    if not torch.cuda.is_available() and model.num_parameters() < SMALL:
        torch.set_num_threads(1)
