"""A proof told as a chain of thought, and such a chain read back: `Ana is mother of Ben. So Ben is child of Ana.`"""

import re
from dataclasses import dataclass

from agents.horn import Atom, HornError, Proof, Rule, asked_for, follows, prove, read_program, read_query

SO = "So "
"""How a statement begins that follows from those before it."""
_PLAIN = re.compile(r"[\w'-]+(?: [\w'-]+)*")
_OWN = {"is", "of", "holds", "for", "So"}
"""Words of the statements themselves: a name that has one of them stands between quotes."""
_NAME = r"\"(?:[^\"]|\"\")*\"|[^\".,]+?"
_STATEMENT = re.compile(
    rf"(?P<so>{SO})?(?:(?P<a>{_NAME}) is (?P<predicate>[a-z][\w ]*?)(?: of (?P<b>{_NAME}))?"
    rf"|(?P<of_more>[a-z][\w ]*) holds for (?P<names>(?:{_NAME})(?:, (?:{_NAME}))*))\.(?: |$)"
)


@dataclass(frozen=True)
class Trace:
    """What an engine concludes of a query, and its proof."""

    answer: str
    proof: Proof
    program: tuple[Rule, ...]


def traced(facts: str, rules: str, query: str) -> Trace:
    """The one answer that follows. Raises HornError where none does, several do, or something cannot be read."""
    program, asked = read_program(facts, rules), read_query(query)
    proofs = prove(program, asked)
    answers = dict.fromkeys(", ".join(asked_for(asked, proof.said)) or "yes" for proof in proofs)
    if not proofs:
        raise HornError("nothing follows", f"no statement answers {asked}")
    if len(answers) > 1:
        raise HornError("several answers follow", f"{asked} is answered by {'; '.join(answers)}")
    return Trace(next(iter(answers)), proofs[0], tuple(program))


def told(proof: Proof) -> str:
    """Every statement of the proof once, each after its premises, the conclusion last."""
    return " ".join(f"{SO if step.premises else ''}{_sentence(step.said)}." for step in proof.steps())


def read_chain(text: str) -> list[tuple[Atom, bool]]:
    """The statements of a chain, and whether each is said to follow: the inverse of `told`. Raises HornError."""
    found, at = list[tuple[Atom, bool]](), 0
    while at < len(text):
        statement = _STATEMENT.match(text, at)
        if statement is None:
            raise HornError("the chain cannot be read", f"no statement of a chain begins with {text[at : at + 80]!r}")
        found.append((_atom(statement), bool(statement["so"])))
        at = statement.end()
    return found


def holds(chain: list[tuple[Atom, bool]], program: tuple[Rule, ...]) -> bool:
    """Whether a chain is a proof: what is stated is a fact, what follows does so by one rule from statements before it."""
    facts = {rule.head for rule in program if not rule.body}
    before = [atom for atom, _ in chain]
    return bool(chain) and all(
        follows(program, atom, before[:place]) if derived else atom in facts
        for place, (atom, derived) in enumerate(chain)
    )


def _sentence(atom: Atom) -> str:
    name, terms = atom.predicate.replace("_", " "), [_named(str(term)) for term in atom.terms]
    if _OWN & set(name.split()):  # "Ana is mother of of Ben" would be read as something else
        return f"{name} holds for {', '.join(_quoted(str(term)) for term in atom.terms)}"
    match terms:
        case [a]:
            return f"{a} is {name}"
        case [a, b]:
            return f"{a} is {name} of {b}"
    return f"{name} holds for {', '.join(terms)}"


def _named(term: str) -> str:
    plain = _PLAIN.fullmatch(term) and not _OWN & set(term.split())
    return term if plain else _quoted(term)


def _quoted(term: str) -> str:
    return '"' + term.replace('"', '""') + '"'


def _atom(statement: re.Match[str]) -> Atom:
    if statement["of_more"]:
        return _of(statement["of_more"], re.findall(rf"(?:^|, )({_NAME})(?=, |$)", statement["names"]))
    return _of(statement["predicate"], [statement["a"], *([statement["b"]] if statement["b"] else [])])


def _of(predicate: str, names: list[str]) -> Atom:
    terms = (name[1:-1].replace('""', '"') if name.startswith('"') else name for name in names)
    return Atom(predicate.replace(" ", "_"), tuple(terms))
