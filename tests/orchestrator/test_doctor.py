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
