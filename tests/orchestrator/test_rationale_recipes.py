"""What the rationale recipes teach: chains that are filtered, several teachers' tasks, long and short ones in shares."""

import re
from collections import Counter

import pytest

from agents.rehearsal.faults import known
from orchestrator.recipe import load_recipe
from storage.records import Draft
from storage.store import Store
from tests.conftest import Loop

SMALL = (
    "sources.basics.choose=[add, copy]",
    "exams.probe.per_skill=2",
    "exams.test.per_skill=2",
    "exams.retention.per_skill=2",
)
ERRS = "roles.teacher.rehearsal=rehearsal-teacher?error_rate=.6"


async def lessons(loop: Loop, store: Store, name: str, *edits: str) -> list[tuple[Draft, str, str]]:
    """The draft of each row, what the student is shown and what it is to write."""
    run, _ = await loop.teach(loop.recipe(*edits, place=name, small=SMALL), store)
    rows = [row for dataset in store.datasets(run) for row in store.dataset_rows(dataset.key)]
    drafts = store.by_key(Draft, [row.draft for row in rows])
    texts = [(row.content["prompt"][-1]["content"], row.content["completion"][0]["content"]) for row in rows]
    return [(drafts[row.draft], *text) for row, text in zip(rows, texts, strict=True)]


def wrong(found: list[tuple[Draft, str, str]]) -> float:
    return sum(draft.fields["answer"] != draft.fields["gold"] for draft, *_ in found) / len(found)


# --- Teaching Small Language Models to Reason ------------------------------------------------------------------------

TEACHING = ("sources.tasks.choose=[change, trip]", "seeds={tasks: 100, basics: 4}", ERRS)


async def test_only_chains_that_end_in_the_known_answer_are_taught_unless_the_filter_is_off(
    loop: Loop, store: Store
) -> None:
    kept = await lessons(loop, store, "teaching-small-models", *TEACHING)
    unfiltered = await lessons(loop, store, "teaching-small-models", *TEACHING, "lessons.once.from=solutions")
    assert wrong(kept) == 0 < wrong(unfiltered)
    assert len(kept) < len(unfiltered)


async def test_a_teacher_that_is_shown_the_answer_is_right_more_often(loop: Loop, store: Store) -> None:
    unfiltered = (*TEACHING, "lessons.once.from=solutions")
    shown = await lessons(loop, store, "teaching-small-models", *unfiltered)
    assert sum("<gold>" in sent for sent in loop.sent) == len(loop.sent)
    hidden = await lessons(loop, store, "teaching-small-models", *unfiltered, "lessons.solve.shows=[question]")
    assert wrong(shown) + 0.2 < wrong(hidden)


# --- TinyLLM ---------------------------------------------------------------------------------------------------------

TINY = ("sources.tasks.choose=[event_want, event_react, tallest]", "seeds={tasks: 60, basics: 20}")
PREFIXES = {"first": "first explains: ", "second": "second explains: ", "third": "third explains: "}


async def test_each_teacher_has_a_task_of_its_own_and_answers_have_theirs(loop: Loop, store: Store) -> None:
    found = await lessons(loop, store, "tinyllm", *TINY)
    counts = Counter(draft.fields["task"] for draft, *_ in found)
    assert set(counts) == {"answer", "basics", *PREFIXES}
    assert counts["first"] == counts["second"] == counts["third"]
    assert counts["answer"] == pytest.approx(3 * counts["first"], abs=3)
    for draft, shown, written in found:
        task, question = draft.fields["task"], draft.fields["question"]
        assert shown == f"{PREFIXES.get(task, '')}{question}"
        if task in PREFIXES:
            assert draft.step == task
            assert "####" not in written
        elif task == "answer":
            assert written == f"#### {draft.fields['gold']}"


async def test_its_exams_ask_for_the_answer_without_a_prefix(loop: Loop, store: Store) -> None:
    run, _ = await loop.teach(loop.recipe(*TINY, place="tinyllm", small=SMALL), store)
    assert all(known(attempt.question) for attempt in store.attempts_of(run, ["test"]))
    prompts = (loop.runs / "store").rglob("questions.jsonl")
    assert not [path for path in prompts if "explains" in path.read_text(encoding="utf-8")]


async def test_one_teacher_alone_and_none_at_all_are_shares(loop: Loop, store: Store) -> None:
    for shares, tasks in (
        ("{answer: 3, first: 3, basics: 1}", {"answer", "first", "basics"}),
        ("{answer: 3, basics: 1}", {"answer", "basics"}),
    ):
        found = await lessons(loop, store, "tinyllm", *TINY, f"datasets.lessons.mixture.shares={shares}")
        assert {draft.fields["task"] for draft, *_ in found} == tasks


async def test_its_teachers_explain_the_answer_they_are_given_and_err_more_where_they_are_not(
    loop: Loop, store: Store
) -> None:
    everything = "datasets.lessons.mixture=everything"
    given = await lessons(loop, store, "tinyllm", *TINY, everything)
    hidden = [f"lessons.{step}.shows=[question]" for step in PREFIXES]
    alone = await lessons(loop, store, "tinyllm", *TINY, everything, *hidden)
    of_teachers = [[row for row in found if row[0].step in PREFIXES] for found in (given, alone)]
    assert wrong(of_teachers[0]) < wrong(of_teachers[1])


def test_no_two_teachers_of_it_are_weak_in_one_skill() -> None:
    recipe = load_recipe("tinyllm")
    weak = [skill for role in recipe.roles.values() for skill in re.findall(r"weak\.(\w+)", role.rehearsal or "")]
    assert sorted(weak) == sorted(recipe.sources["tasks"].skills())


# --- Mix Distillation ------------------------------------------------------------------------------------------------

MIX = ("sources.tasks.choose=[change, trip]", "seeds={tasks: 60, basics: 20}")
COLUMNS = re.compile(r"\d: ")


async def test_one_row_in_five_is_long_and_nothing_in_the_prompt_says_which(loop: Loop, store: Store) -> None:
    found = await lessons(loop, store, "mix-distillation", *MIX)
    counts = Counter(draft.fields["task"] for draft, *_ in found)
    assert counts["short"] == pytest.approx(4 * counts["long"], abs=4)
    for draft, shown, written in found:
        assert shown == draft.fields["question"]
        if draft.fields["task"] != "basics":
            assert bool(COLUMNS.search(written)) == (draft.fields["task"] == "long")


@pytest.mark.parametrize(("share", "task"), [("long", "long"), ("short", "short")])
async def test_only_long_and_only_short_differ_in_nothing_else(loop: Loop, store: Store, share: str, task: str) -> None:
    shares = f"datasets.lessons.mixture.shares={{{share}: 5, basics: 1.5}}"
    found = await lessons(loop, store, "mix-distillation", *MIX, "datasets.lessons.mixture.size=40", shares)
    mixed = await lessons(loop, store, "mix-distillation", *MIX, "datasets.lessons.mixture.size=40")
    counts = Counter(draft.fields["task"] for draft, *_ in found)
    assert len(found) == len(mixed) == 40
    assert counts == {task: counts[task], "basics": sum(draft.fields["task"] == "basics" for draft, *_ in mixed)}


def test_its_other_mixture_of_a_large_and_a_small_teacher_is_a_recipe() -> None:
    edits = [
        "roles.teacher.rehearsal=rehearsal-weak",
        "roles.large={rehearsal: rehearsal-expert}",
        "lessons.long.role=large",
        "lessons.short.generate.style=Write every step and every calculation out.",
    ]
    recipe = load_recipe("mix-distillation", edits)
    assert [getattr(step, "role", None) for step in recipe.lessons[:2]] == [["large"], ["teacher"]]
