"""KARD: rationales of known answers find passages, a reranker learns to, and what each of them finds."""

from collections import Counter
from statistics import fmean

from agents.generators.label_passages import LabelPassages
from agents.generators.look_up import LookUp
from agents.kinds import Nobody
from agents.quoting import hold
from agents.rehearsal.library import read_statement
from orchestrator.recipe import load_recipe
from storage.records import Draft, Outcome
from storage.store import Store
from tests.conftest import Loop

SMALL = (
    "sources.basics.choose=[add, copy]",
    "seeds={tasks: {memorised: 30, rephrased: 30, updated: 10}, passages: 640, basics: 4}",
    "exams.probe.per_skill=4",
    "exams.test.per_skill=4",
    "exams.retention.per_skill=2",
)


def hits(drafts: list[Draft]) -> float:
    return fmean(hold(draft.fields["knowledge"], draft.fields["gold"]) for draft in drafts)


async def test_lessons_show_what_the_rationale_finds_which_the_question_finds_less_often(
    loop: Loop, store: Store
) -> None:
    """Oracle ≥ BM25 by the question ≥ nothing, of the same questions: the parts that hold by rule."""
    by_rationale, by_question = [
        store.drafts((await loop.teach(loop.recipe(*edits, place="kard", small=SMALL), store))[0], "look_up")
        for edits in ([], ["lessons.look_up.shows=[question]"])
    ]
    assert len(by_rationale) == len(by_question) >= 50
    assert hits(by_rationale) > 0.95 > hits(by_question) + 0.1 > 0.4
    rephrased, memorised = (hits([d for d in by_question if d.skill == view]) for view in ("rephrased", "memorised"))
    assert memorised > rephrased + 0.2


async def test_a_rationale_is_kept_if_another_model_comes_to_the_answer_from_it(loop: Loop, store: Store) -> None:
    recipe = loop.recipe("roles.teacher.rehearsal=rehearsal-teacher?wrong_reason_rate=.4", place="kard", small=SMALL)
    run, _ = await loop.teach(recipe, store)
    said = store.verdicts(run, "leads_there")
    drafts = {draft.key: draft for draft in store.drafts(run, "explain")}
    true = {key: drafts[key].fields["gold"] in drafts[key].fields["rationale"] for key in said}
    outcomes = Counter((true[key], verdict.outcome) for key, verdict in said.items())
    assert outcomes[False, Outcome.REJECTED] > 20
    assert outcomes[True, Outcome.ACCEPTED] > 60
    assert outcomes[False, Outcome.ACCEPTED] + outcomes[True, Outcome.REJECTED] < 0.1 * len(said)
    sent = [prompt for prompt in loop.sent if "read_answer" in prompt]
    assert sent
    assert not any("<gold>" in prompt or "<answer>" in prompt for prompt in sent)


async def test_the_reranker_learns_one_passage_as_right_and_others_of_both_queries_as_wrong(
    loop: Loop, store: Store
) -> None:
    run, _ = await loop.teach(loop.recipe(place="kard", small=SMALL), store)
    [dataset] = [one for one in store.datasets(run) if one.name == "rankings"]
    rows = [row.content for row in store.dataset_rows(dataset.key)]
    counts = Counter(row["completion"][-1]["content"] for row in rows)
    assert set(counts) == {"yes", "no"}
    assert counts["yes"] < counts["no"] <= 3.5 * counts["yes"]
    for row in rows:
        passage, question, helps = row["prompt"][-1]["content"].split("\n")
        assert read_statement(passage)
        assert question.endswith("?")
        assert helps == "Helps?"


async def test_exams_look_up_what_is_asked_of_documents_and_say_how_often_it_held_the_answer(
    loop: Loop, store: Store
) -> None:
    run, _ = await loop.teach(loop.recipe(place="kard", small=SMALL), store)
    cards = {(card.exam, card.round): card.measures for card in store.scorecards(run)}
    assert 0.3 < cards["test", 1]["retrieval_hits"] < 1
    assert "retrieval_hits" not in cards["retention", 1] | cards["test", 0]
    attempts = [a for a in store.attempts_of(run, ["test", "retention"]) if a.round == 1]
    assert {bool(a.shown) for a in attempts if a.exam == "test"} == {True}
    assert {bool(a.shown) for a in attempts if a.exam == "retention"} == {False}
    exam_questions = {a.question for a in attempts if a.exam == "test"}
    assert not exam_questions & {draft.fields["question"] for draft in store.drafts(run, "look_up")}


async def test_candidates_are_of_both_queries_and_the_best_for_the_rationale_is_the_right_one() -> None:
    recipe = load_recipe("kard")
    among = recipe.sources["passages"].model_dump()
    rank = LabelPassages.model_validate({"use": "label_passages", "among": among, "others": 4})
    find = LookUp.model_validate({"use": "look_up", "among": among})
    material = next(iter(recipe.sources["tasks"].materials("train", "rephrased", 1)))
    fields = {
        "question": material.fields["question"],
        "rationale": f"It is {material.fields['gold']}, of {material.fields['document']}.",
    }
    labelled = [writing.fields for writing in await rank.write(fields, Nobody(), 0)]
    [found] = await find.write({"rationale": fields["rationale"]}, Nobody(), 0)
    assert [one["label"] for one in labelled] == ["yes", "no", "no", "no", "no"]
    assert labelled[0]["knowledge"] == found.fields["knowledge"]
    assert len({one["knowledge"] for one in labelled}) == 5
    assert await rank.write({"question": "Xyz?", "rationale": "Qrs."}, Nobody(), 0) == []
