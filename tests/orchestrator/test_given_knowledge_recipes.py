"""COMET, MechGPT and FineTuneBench: triples, passages and facts as they are given, and what is asked of them."""

import json
from pathlib import Path
from typing import Any

from agents.quoting import altered
from agents.rehearsal import triples
from agents.rehearsal.library import read_question, statements_in
from storage.records import Draft, Outcome
from storage.store import Store
from tests.conftest import Loop, StandInWorker
from tests.orchestrator.triple_writer import TripleWriter

BASICS = ("sources.basics.choose=[add, copy]", "exams.retention.per_skill=2")


class Parrot(StandInWorker):
    """Says what it was taught to exactly these words, and nothing to others."""

    def _train(self, job: dict[str, Any], folder: Path) -> dict[str, Any]:
        result = super()._train(job, folder)
        rows = [json.loads(line) for line in Path(job["rows"]).read_text(encoding="utf-8").splitlines()]
        learned = {row["prompt"][-1]["content"]: row["completion"][-1]["content"] for row in rows}
        (folder / "adapter" / "memory.json").write_text(json.dumps(learned))
        return result

    def _reply(self, question: str, memory: dict[str, Any]) -> dict[str, Any]:
        return {**super()._reply(question, {}), "reply": memory.get(question, "I cannot tell")}


def rows(store: Store, run: str) -> list[tuple[Draft, str, str]]:
    """The draft of each row, what the student is shown and what it is to write."""
    found = [row for dataset in store.datasets(run) for row in store.dataset_rows(dataset.key)]
    drafts = store.by_key(Draft, [row.draft for row in found])
    texts = [(row.content["prompt"][-1]["content"], row.content["completion"][-1]["content"]) for row in found]
    return [(drafts[row.draft], *text) for row, text in zip(found, texts, strict=True)]


# --- COMET ----------------------------------------------------------------------------------------------------------

COMET = (*BASICS, "seeds={events: 40, basics: 4}", "exams.probe.per_skill=3", "exams.test.per_skill=6")


async def test_triples_are_taught_as_they_are_given_and_no_teacher_is_asked_for_them(loop: Loop, store: Store) -> None:
    run, _ = await loop.teach(loop.recipe(place="comet", small=COMET), store)
    found = [row for row in rows(store, run) if row[0].fields["task"] == "tail"]
    assert len(found) == 40
    for draft, shown, written in found:
        assert shown == draft.fields["question"]
        assert written == f"#### {draft.fields['tail']}"
        assert triples.holds(shown, draft.fields["tail"])
    assert not any(draft.fields["head"] in sent for draft, *_ in found for sent in loop.sent)


async def test_heads_of_its_exams_are_no_lesson_s_and_new_tails_are_counted(loop: Loop, store: Store) -> None:
    loop.worker = TripleWriter()
    run, _ = await loop.teach(loop.recipe(place="comet", small=COMET), store)
    asked = {attempt.split_key for attempt in store.attempts_of(run, ["probe", "test"])}
    assert asked
    assert not asked & {draft.split_key for draft, *_ in rows(store, run)}
    card = next(card for card in store.scorecards(run) if card.exam == "test" and card.round)
    assert card.accuracy > 0.5
    assert 0 <= card.measures["novelty"] <= 1


async def test_a_knowledge_base_of_a_file_is_taught_alike(loop: Loop, store: Store, tmp_path: Path) -> None:
    path = tmp_path / "train.tsv"
    lines = [f"Ann {verb}s the {thing}\txWant\tto keep it" for verb in ("buy", "find", "see", "get", "want")
             for thing in ("kite", "drum", "boat", "cart", "lamp")]  # fmt: skip
    path.write_text("\n".join(lines), encoding="utf-8")
    edits = [f"sources.events={{use: knowledge_triples, path: {path}, probe: 0.2, test: 0.2}}", "seeds.events=10"]
    bare = 'sources.events.phrases={xWant: "{head} <xWant>"}'
    for more, said in (([], "As a result, PersonX wants …"), ([bare], "<xWant> …")):
        run, _ = await loop.teach(loop.recipe(*edits, *more, place="comet", small=COMET), store)
        found = [shown for draft, shown, _ in rows(store, run) if draft.fields["task"] == "tail"]
        assert found
        assert all(shown.endswith(said) for shown in found)


# --- MechGPT --------------------------------------------------------------------------------------------------------

MECH = (
    *BASICS,
    "sources.passages.companies=10",
    "sources.facts.companies=10",
    "seeds={passages: 12, basics: 4}",
    "exams.probe.facts=4",
    "exams.test.facts=6",
)


async def test_questions_are_asked_of_the_distilled_text_and_the_passage_is_not_shown(loop: Loop, store: Store) -> None:
    run, _ = await loop.teach(loop.recipe(place="mechgpt", small=MECH), store)
    asked = [sent for sent in loop.sent if '"instruction"' in sent]
    assert asked
    assert not any("<text>" in sent for sent in asked)
    distilled = store.drafts(run, "distil")
    assert any(draft.fields["distilled"] != draft.fields["text"] for draft in distilled)
    assert max(len(statements_in(draft.fields["distilled"])) for draft in distilled) >= 3


async def test_pairs_are_grounded_in_it_several_to_a_passage_and_none_is_an_exam_s(loop: Loop, store: Store) -> None:
    run, _ = await loop.teach(loop.recipe(place="mechgpt", small=MECH), store)
    found = [row for row in rows(store, run) if row[0].fields["task"] == "tell"]
    assert len(found) > 12
    for draft, shown, written in found:
        assert read_question(shown)
        assert written == f"#### {draft.fields['answer']}"
        assert not altered(draft.fields["answer"], draft.fields["distilled"])
    exam = {attempt.question for attempt in store.attempts_of(run, ["probe", "test"])}
    assert not exam & {shown for _, shown, _ in found}
    assert len({(shown, written) for _, shown, written in found}) == len(found)


async def test_what_is_not_in_the_text_is_rejected(loop: Loop, store: Store) -> None:
    errs = "roles.teacher.rehearsal=rehearsal-teacher?error_rate=.9"
    run, _ = await loop.teach(loop.recipe(errs, place="mechgpt", small=MECH), store)
    reasons = [v.reason for v in store.verdicts(run, "grounded").values() if v.outcome == Outcome.REJECTED]
    assert set(reasons) == {"not word for word"}


# --- FineTuneBench --------------------------------------------------------------------------------------------------

BENCH = (*BASICS, "seeds.basics=4", "exams.probe.facts=4", "exams.test.facts=6")


async def test_a_parrot_is_right_in_what_it_memorised_and_in_nothing_else(loop: Loop, store: Store) -> None:
    loop.worker = Parrot()
    run, _ = await loop.teach(loop.recipe(place="finetunebench", small=BENCH), store)
    card = next(card for card in store.scorecards(run) if card.exam == "practice")
    shares = {view: score["accuracy"] for view, score in card.skills.items()}
    assert shares.pop("memorised") == 1
    assert set(shares.values()) == {0}
    assert set(shares) == {"rephrased", "derived", "updated"}


async def test_facts_of_probe_and_test_are_no_pair_s_and_stand_in_the_documents(loop: Loop, store: Store) -> None:
    run, _ = await loop.teach(loop.recipe(place="finetunebench", small=BENCH), store)
    found = rows(store, run)
    pairs = [row for row in found if row[0].fields["task"] == "tell"]
    guarded = {attempt.split_key for attempt in store.attempts_of(run, ["probe", "test"])}
    assert pairs
    assert not guarded & {draft.split_key for draft, *_ in pairs}
    assert {draft.skill for draft, *_ in pairs} == {"memorised"}
    assert sum(draft.fields["task"] == "text" for draft, *_ in found) == 12
    assert not any("<text>" in sent or "fact" in sent for sent in loop.sent)
