"""What follows from facts and rules, and that a proof told in words can be read back."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agents.chains import holds, read_chain, told, traced
from agents.horn import Atom, HornError, Proof, prove, read_program, read_query
from agents.verifiers.rule_trace import RuleTrace
from tests.contracts.whole import a_draft

FAMILY = "mother('Ana', 'Ben'). father('Ben', 'Kai'). sister('Zoe', 'Ana').  % a small one"
RULES = """parent(X, Y) :- mother(X, Y).
parent(X, Y) :- father(X, Y).
grandmother(X, Z) :- mother(X, Y), parent(Y, Z).
ancestor(X, Y) :- parent(X, Y).
ancestor(X, Z) :- ancestor(X, Y), ancestor(Y, Z)."""
AUNT = "aunt(X, Z) :- sister(X, Y), father(Y, Z)."
NAMES = st.text(st.characters(codec="utf-8", exclude_categories=["Cs", "Cc", "Zl", "Zp"]), min_size=1, max_size=12)
PREDICATES = st.from_regex(r"[a-z]{1,5}(?:_[a-z]{1,3})?", fullmatch=True) | st.lists(
    st.sampled_from("is of holds for so mother".split()), min_size=1, max_size=3
).map("_".join)
ATOMS = st.builds(Atom, PREDICATES, st.lists(NAMES, min_size=1, max_size=4).map(tuple))


def answers(query: str, rules: str = RULES) -> list[str]:
    return sorted(str(proof.said) for proof in prove(read_program(FAMILY, rules), read_query(query)))


def test_what_follows_by_several_rules_is_proved_from_its_premises() -> None:
    trace = traced(FAMILY, RULES, "?- grandmother(Who, 'Kai').")
    assert trace.answer == "Ana"
    assert told(trace.proof) == (
        "Ana is mother of Ben. Ben is father of Kai. So Ben is parent of Kai. So Ana is grandmother of Kai."
    )


def test_a_rule_that_speaks_of_itself_comes_to_an_end() -> None:
    assert answers("ancestor('Ana', Who)") == ["ancestor('Ana', 'Ben')", "ancestor('Ana', 'Kai')"]
    assert answers("p(X)", "p(X) :- p(X). q(X) :- mother(X, _), r(_, X). r(Y, X) :- sister(Y, X).") == []
    assert answers("q(X)", "q(X) :- mother(X, _), r(_, X). r(Y, X) :- sister(Y, X).") == ["q('Ana')"]


def test_a_variable_that_is_said_twice_stands_for_one_thing() -> None:
    assert answers("mother(X, X)") == []
    assert answers("same(X, X)", "same(X, X) :- mother(X, Y).") == ["same('Ana', 'Ana')"]


def test_a_question_without_a_variable_is_answered_yes_or_not_at_all() -> None:
    assert traced(FAMILY, RULES, "grandmother('Ana', 'Kai')").answer == "yes"
    with pytest.raises(HornError, match="no statement answers"):
        traced(FAMILY, RULES, "grandmother('Zoe', 'Kai')")


@pytest.mark.parametrize(
    ("facts", "query", "cause"),
    [
        ("mother('Ana', 'Ben')", "mother(X, Y)", "the program cannot be read"),
        ("Mother('Ana', 'Ben').", "mother(X, Y)", "the program cannot be read"),
        ("mother('Ana', 'Ben') :- .", "mother(X, Y)", "the program cannot be read"),
        ("a('b). c('d').", "a(X)", "the program cannot be read"),
        ("import os; os.system('x')", "a(X)", "the program cannot be read"),
        ("likes(X, 'Ben').", "likes(X, Y)", "a variable stands for nothing"),
        ("a(b).", "a(b), a(b)", "the query is not one statement"),
        ("a(b). a(c).", "a(X)", "several answers follow"),
        ("a(b).", "a(c)", "nothing follows"),
        ("a(b). " * 5000, "a(b)", "the program is too long"),
        (f"a(b). p(X) :- {', '.join(['a(X)'] * 2000)}.", "p(X)", "too much to try"),
    ],
)
def test_what_cannot_be_carried_out_is_refused_with_one_of_few_causes(facts: str, query: str, cause: str) -> None:
    with pytest.raises(HornError) as caught:
        traced(facts, "", query)
    assert caught.value.cause == cause


def test_rules_that_would_be_tried_for_ever_are_given_up() -> None:
    facts = " ".join(f"n({i})." for i in range(100))
    with pytest.raises(HornError, match="ways to match") as caught:
        traced(facts, "p(A, B, C, D) :- n(A), n(B), n(C), n(D).", "p(1, 2, 3, 4)")
    assert caught.value.cause == "too much to try"


def test_a_proof_whose_steps_share_their_premises_is_told_once() -> None:
    rules = "\n".join(f"p{i}(X) :- p{i - 1}(X), p{i - 1}(X)." for i in range(1, 40))
    trace = traced("p0(a).", rules, "p39(X)")
    assert told(trace.proof).count(" is ") == 40


def test_predicates_as_models_write_them_are_read_back_too() -> None:
    facts, rule = "mother_of('Ana', 'Ben'). is_wise('Ana').", "is_parent_of(X, Y) :- mother_of(X, Y), is_wise(X)."
    trace = traced(facts, rule, "is_parent_of(Who, 'Ben')")
    chain = read_chain(told(trace.proof))
    assert holds(chain, trace.program)
    assert chain[-1] == (trace.proof.said, True)


def test_a_capital_of_any_alphabet_begins_a_variable() -> None:
    assert answers("old(Äh, Ö)", "old(Ä, Ä) :- mother(Ä, _).") == ["old('Ana', 'Ana')"]


@pytest.mark.parametrize(
    ("facts", "rules", "options", "reason"),
    [
        ("sister('Ana', 'Ben'). father('Ben', 'Kai').", AUNT, {}, "the conclusion is right"),
        ("aunt('Ana', 'Kai').", "", {}, "the conclusion is stated as a fact"),
        ("aunt('Ana', 'Kai').", "", {"stated": True}, "the conclusion is right"),
        ("sister('Zoe', 'Ben'). father('Ben', 'Kai').", AUNT, {}, "wrong conclusion"),
    ],
)
def test_what_the_translator_concluded_itself_is_no_proof(
    facts: str, rules: str, options: dict[str, bool], reason: str
) -> None:
    draft = a_draft(0, facts=facts, rules=rules, query="aunt(Who, 'Kai')", gold="Ana")
    assert RuleTrace.model_validate({"use": "rule_trace", **options}).judge(draft).reason == reason


@given(st.lists(ATOMS, min_size=1, max_size=5), ATOMS)
def test_a_proof_told_in_words_reads_back_as_the_same_statements(premises: list[Atom], said: Atom) -> None:
    proof = Proof(said, tuple(map(Proof, dict.fromkeys(atom for atom in premises if atom != said))))
    steps = [(step.said, bool(step.premises)) for step in proof.steps()]
    assert read_chain(told(proof)) == steps


@given(ATOMS)
def test_a_statement_is_written_as_it_is_read(atom: Atom) -> None:
    assert [rule.head for rule in read_program(f"{atom}.")] == [atom]


def test_a_chain_with_a_step_that_does_not_follow_is_no_proof() -> None:
    trace = traced(FAMILY, RULES, "grandmother(Who, 'Kai')")
    chain = read_chain(told(trace.proof))
    assert holds(chain, trace.program)
    assert not holds(chain[1:], trace.program), "a premise is missing"
    assert not holds([chain[-1], *chain[:-1]], trace.program), "a premise comes too late"
    assert not holds([(chain[0][0], True), *chain[1:]], trace.program), "a fact follows from nothing"
    assert not holds([*chain, (Atom("mother", ("Ana", "Kai")), False)], trace.program), "no such fact"
    assert not holds([], trace.program)
    with pytest.raises(HornError, match="no statement of a chain"):
        read_chain("Ana likes Ben.")
