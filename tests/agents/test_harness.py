"""Tasks of lm-evaluation-harness: which can be asked, how they ask, and what is said of those that cannot be."""

import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

from agents import harness
from agents.harness import Document, Task, load, task_of
from agents.kinds import SourceError

ROOT = Path(__file__).parents[2]
OWN = ROOT / "tests" / "data" / "harness"
needs_harness = pytest.mark.usefixtures("_installed")


@pytest.fixture
def _installed() -> None:
    pytest.importorskip("lm_eval", reason="the extra `harness` is not installed")


@pytest.fixture(autouse=True)
def _at_the_root(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(ROOT)
    monkeypatch.setattr(harness, "_known", {})


def loaded(folder: Path, of: str = "sums", **changed: Any) -> Task:
    """A task of the test data, some of it changed."""
    said = yaml.safe_load((OWN / f"{of}.yaml").read_text())
    (folder / "own.yaml").write_text(yaml.safe_dump(said | changed))
    harness._manager.cache_clear()
    [task] = load(of, str(folder))
    return task


@needs_harness
def test_a_task_has_its_documents_in_their_order(tmp_path: Path) -> None:
    task = loaded(tmp_path)
    assert task.splits() == ["training", "validation", "test"]
    doc = task.docs("test")[1]
    assert task.question(doc) == "Question: Ben has 1006 pears and gets 1012 more. How many are there?\nAnswer:"
    assert task.target(doc) == "1006+1012=2018\n#### 2018"
    assert (task.choices(doc), task.chooses) == ([], False)


@needs_harness
def test_choices_are_what_may_follow_and_the_target_is_one_of_them(tmp_path: Path) -> None:
    task = loaded(tmp_path, "picks")
    assert (task.splits(), list(task.docs("test")), task.chooses) == (["validation"], [], True)
    [asked] = task.asked("validation", [1], None)
    assert asked.choices == ("hot", "cold", "loud")
    assert asked.prompt == [{"role": "user", "content": "Ice is"}]
    assert task.target(task.docs("validation")[1]) == "cold"


@needs_harness
def test_examples_are_turns_of_their_own_and_the_same_whenever_asked(tmp_path: Path) -> None:
    task = loaded(tmp_path)
    first = task.asked("test", [0, 1, 2], None)
    roles = ["system", "user", "assistant", "user", "assistant", "user"]
    assert [[turn["role"] for turn in asked.prompt] for asked in first] == [roles] * 3
    assert [len(asked.prompt) for asked in task.asked("test", [0], 0)] == [2]
    task._asked.clear()
    assert task.asked("test", [0, 1, 2], None) == first
    assert task.asked("test", [0], 2) == first[:1]
    with pytest.raises(SourceError, match="'sums' cannot be asked with 9 examples: Sample larger than population"):
        task.asked("test", [0], 9)


@needs_harness
def test_a_reply_ends_where_the_task_says(tmp_path: Path) -> None:
    task = loaded(tmp_path)
    at = Document(task="sums", include_path=str(tmp_path), split="test", number=0)
    assert task.graded(at, "#### 2013\nQuestion: one more? 5", "last-number", "exact_match") == ("2013", 1.0)
    assert task.graded(at, "#### 2013\nAnother one? 5", "last-number", "exact_match") == ("5", 0.0)
    assert task.graded(at, "2013", "strict-match", "exact_match") == (None, 0.0)
    assert task_of(at) is task


@needs_harness
def test_choices_are_compared_by_their_sum_or_by_their_length(tmp_path: Path) -> None:
    task = loaded(tmp_path, "picks")
    at = Document(task="picks", include_path=str(tmp_path), split="validation", number=0)
    said = "[[-2.0, false], [-4.0, true]]"
    assert task.graded(at, said, "none", "acc") == ("blue", 1.0)
    assert task.graded(at, said, "none", "acc_norm") == ("made of green cheese", 0.0)


@needs_harness
@pytest.mark.parametrize(
    ("of", "changed", "said"),
    [
        ("sums", {"output_type": "loglikelihood", "metric_list": [{"metric": "acc"}]}, "`output_type` is loglikelihood"),
        ("sums", {"repeats": 8}, r"grades 8 replies together .*ask for `samples`"),
        ("sums", {"gen_prefix": "Let me see."}, r"begins the student's reply \(`gen_prefix`\)"),
        ("sums", {"unsafe_code": True}, "runs what the student wrote"),
        ("picks", {"metric_list": [{"metric": "acc_mutual_info"}]}, "needs choices without a question"),
        ("picks", {"doc_to_text": "{{gold}}"}, "choices are in the question"),
    ],
)  # fmt: skip
def test_a_task_that_cannot_be_asked_is_refused(tmp_path: Path, of: str, changed: Any, said: str) -> None:
    with pytest.raises(SourceError, match=rf"{said}.*; what can be asked are YAML tasks of text with `output_type`"):
        loaded(tmp_path, of, **changed)


@needs_harness
def test_a_metric_of_all_replies_together_and_unknown_names_are_refused(tmp_path: Path) -> None:
    more = [{"metric": name, "aggregation": "mean", "higher_is_better": True} for name in ("acc", "f1", "brier_score")]
    task = loaded(tmp_path, "picks", metric_list=more)
    assert task.measures("", "") == ("none", "acc")
    with pytest.raises(
        SourceError, match=r"'f1' does not count one reply as right or wrong; choose another .* acc, f1"
    ):
        task.measures("", "f1")
    with pytest.raises(SourceError, match="'picks' has no metric 'accuracy'; it has: acc, f1, brier_score"):
        task.measures("", "accuracy")
    with pytest.raises(SourceError, match="'picks' has no filter 'strict-match'; it has: none"):
        task.measures("strict-match", "")


@needs_harness
def test_an_unknown_task_and_one_without_its_data_are_refused(tmp_path: Path) -> None:
    with pytest.raises(SourceError, match="has no task or group 'sum'; it has: picks, sums"):
        load("sum", str(OWN))
    with pytest.raises(
        SourceError, match=r"cannot load its task 'sums': .*none.jsonl.*Check its YAML and `dataset_path`"
    ):
        loaded(tmp_path, dataset_kwargs={"data_files": {"test": str(tmp_path / "none.jsonl")}})


def test_without_the_extra_it_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    harness._manager.cache_clear()
    monkeypatch.setitem(sys.modules, "lm_eval.tasks", None)
    with pytest.raises(SourceError, match=r"not installed: pip install 'agentic-distillation\[harness\]'"):
        load("sums", str(OWN))
