"""Whether programs can be run here: tests that need it are skipped where they cannot, but never in CI."""

import os

import pytest

from agents.sandbox import trouble

TROUBLE = trouble()
needs_isolation = pytest.mark.skipif(
    TROUBLE is not None and not os.environ.get("CI"), reason=f"programs cannot be run on this machine: {TROUBLE}"
)
