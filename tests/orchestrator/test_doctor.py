"""What the doctor says of programs that models write: whether they can be run here, and if not, what to install."""

import sys
from pathlib import Path

import pytest

from orchestrator import doctor
from orchestrator.doctor import Finding, examine_machine
from tests.contracts.isolated import needs_isolation


def finding(home: Path, monkeypatch: pytest.MonkeyPatch) -> Finding:
    monkeypatch.setattr(doctor, "_teachers", lambda _: [])
    (found,) = [each for each in examine_machine(None, home, str(home / "store.sqlite")) if each.what == "programs"]
    return found


@needs_isolation
def test_the_doctor_has_carried_out_a_program(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    assert finding(tmp_path, monkeypatch) == Finding("programs", "ok", "programs of models run in bubblewrap, isolated")


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere no installing helps")
def test_the_doctor_says_what_to_install(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    found = finding(tmp_path, monkeypatch)
    assert found.state == "warn"
    assert "apt-get install bubblewrap libseccomp2" in found.found
    assert found.do == "only recipes that carry programs out need it"


@pytest.mark.parametrize(
    ("script", "torch", "state", "said"),
    [
        (None, "2.13.0+cpu", "ok", "none; students are trained on"),
        ("echo 'H100, 70000 MiB, 81559 MiB'", "2.13.0", "ok", "H100, 70000 MiB free of 81559 MiB"),
        ("echo 'H100, 70000 MiB, 81559 MiB'", "2.13.0+cpu", "warn", "torch 2.13.0+cpu uses none"),
        ("echo 'driver mismatch' >&2; exit 9", "2.13.0", "warn", "driver mismatch"),
    ],
)
def test_the_doctor_looks_for_a_gpu(
    script: str | None, torch: str, state: str, said: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setattr(doctor, "_version", lambda _: torch)
    if script:
        (tmp_path / "nvidia-smi").write_text(f"#!/bin/sh\n{script}\n")
        (tmp_path / "nvidia-smi").chmod(0o755)
    (found,) = doctor._gpu()
    assert (found.what, found.state) == ("gpu", state)
    assert said in found.found
    assert bool(found.do) == (state != "ok")
