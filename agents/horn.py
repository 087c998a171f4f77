"""Facts and rules of Horn logic, what follows from them, and why: Datalog in the manner of writing of Prolog.

    mother('Ana', 'Ben').
    grandmother(X, Z) :- mother(X, Y), parent(Y, Z).

Words that begin with a small letter, numbers and what stands between single quotes are constants; words that begin with
a capital letter or `_` are variables. There are no functions, lists, negation or arithmetic, so that everything that
follows is found and every search ends. What a model wrote is read here and never handed to an interpreter of a language.
"""

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

MOST_MATCHES = 200_000
"""Ways to match premises that are tried; more is a mistake in a rule rather than a proof."""
LONGEST = 20_000
"""Characters of a program that is read."""
MOST_PREMISES = 50
"""Of one rule."""
_TOKEN = re.compile(
    r"\s+|%[^\n]*|(?P<sign>:-|\?-|[(),.])|(?P<quoted>'(?:[^'\n]|'')*')|(?P<word>[^\W\d]\w*)|(?P<number>-?\d+(?:\.\d+)?)"
)


class HornError(ValueError):
    """A program cannot be read or carried out; `cause` says why in few words, of which there are few."""

    def __init__(self, cause: str, message: str) -> None:
        super().__init__(message)
        self.cause = cause


@dataclass(frozen=True)
class Variable:
    name: str


Term = str | Variable


@dataclass(frozen=True)
class Atom:
    """A predicate and what it is said of."""

    predicate: str
    terms: tuple[Term, ...]

    def __str__(self) -> str:
        return f"{self.predicate}({', '.join(_written(term) for term in self.terms)})"


@dataclass(frozen=True)
class Rule:
    """The head follows wherever the body holds; a rule without a body is a fact."""

    head: Atom
    body: tuple[Atom, ...] = ()


@dataclass(frozen=True)
class Proof:
    """A statement without variables, and the proofs of the premises from which one rule derives it; none for a fact."""

    said: Atom
    premises: tuple["Proof", ...] = ()

    def steps(self) -> list["Proof"]:
        """Every statement once, each after its premises; the last is this one."""
        found: dict[Atom, Proof] = {}
        self._enter(found)
        return list(found.values())

    def _enter(self, found: dict[Atom, "Proof"]) -> None:
        """A premise that several steps rest on is entered once: with each of them, its own would be entered twice as often."""
        for premise in self.premises:
            if premise.said not in found:
                premise._enter(found)
        found[self.said] = self


# --- reading --------------------------------------------------------------------------------------------------------


def read_program(*texts: str) -> list[Rule]:
    """Facts and rules, in their order. Raises HornError."""
    rules = [rule for text in texts for rule in _clauses(_tokens(text))]
    for rule in rules:
        if loose := _variables([rule.head]) - _variables(rule.body):
            told = f"in {rule.head}, no premise says what {', '.join(sorted(loose))} is"
            raise HornError("a variable stands for nothing", told)
    return rules


def read_query(text: str) -> Atom:
    """One atom, perhaps behind `?-` and before a full stop. Raises HornError."""
    tokens = [token for token in _tokens(text) if token != "?-"]
    found = _atom(tokens)
    if tokens not in ([], ["."]):
        told = f"expected one statement such as mother(Who, 'Ben'), found {text[:80]!r}"
        raise HornError("the query is not one statement", told)
    return found


def _clauses(tokens: list[str]) -> Iterator[Rule]:
    while tokens:
        head, body, sign = _atom(tokens), list[Atom](), ":-"
        while tokens[:1] == [sign]:
            tokens.pop(0)
            body.append(_atom(tokens))
            sign = ","
        _take(tokens, ".")
        if len(body) > MOST_PREMISES:
            raise HornError(
                "too much to try", f"the rule of {head} has {len(body):,} premises, of at most {MOST_PREMISES}"
            )
        yield Rule(head, tuple(body))


def _tokens(text: str) -> list[str]:
    if len(text) > LONGEST:
        raise HornError("the program is too long", f"{len(text):,} characters, at most {LONGEST:,} are read")
    found, at = list[str](), 0
    while at < len(text):
        match = _TOKEN.match(text, at)
        if match is None:
            raise HornError("the program cannot be read", f"nothing known begins with {text[at : at + 20]!r}")
        if match.lastgroup:  # a `_` is another variable each time
            found.append(f"_{len(found)}" if match[0] == "_" else match[0])
        at = match.end()
    return found


def _atom(tokens: list[str]) -> Atom:
    predicate = tokens.pop(0) if tokens else ""
    if not re.match(r"[a-z]", predicate):
        raise HornError("the program cannot be read", f"expected a predicate in small letters, found {predicate!r}")
    _take(tokens, "(")
    terms = [_term(tokens)]
    while tokens[:1] == [","]:
        tokens.pop(0)
        terms.append(_term(tokens))
    _take(tokens, ")")
    return Atom(predicate, tuple(terms))


def _term(tokens: list[str]) -> Term:
    token = tokens.pop(0) if tokens else ""
    if token.startswith("'"):
        return token[1:-1].replace("''", "'")
    if not re.match(r"\w|-\d", token):
        raise HornError("the program cannot be read", f"expected a constant or a variable, found {token!r}")
    return Variable(token) if token[0] == "_" or token[0].isupper() else token


def _take(tokens: list[str], sign: str) -> None:
    if tokens[:1] != [sign]:
        raise HornError(
            "the program cannot be read", f"expected {sign!r}, found {tokens[0] if tokens else 'the end'!r}"
        )
    tokens.pop(0)


def _written(term: Term) -> str:
    if isinstance(term, Variable):
        return term.name
    return term if re.fullmatch(r"[a-z]\w*|-?\d+(?:\.\d+)?", term) else "'" + term.replace("'", "''") + "'"


def _variables(atoms: Iterable[Atom]) -> set[str]:
    return {term.name for atom in atoms for term in atom.terms if isinstance(term, Variable)}


# --- what follows ---------------------------------------------------------------------------------------------------


def prove(program: Sequence[Rule], query: Atom) -> list[Proof]:
    """A proof of everything that answers the query, in the order in which it was found; of each a shortest by rounds.

    Forward chaining, round by round until nothing new follows (Abiteboul et al. 1995, §12.2). Raises HornError.
    """
    known = {rule.head: Proof(rule.head) for rule in program if not rule.body}
    rules, tried, fresh = [rule for rule in program if rule.body], [0], True
    while fresh:
        found: dict[Atom, Proof] = {}
        for rule in rules:
            for bound in _matches(rule.body, known, {}, tried):
                said = _bound(rule.head, bound)
                if said not in known and said not in found:
                    found[said] = Proof(said, tuple(known[_bound(premise, bound)] for premise in rule.body))
        known |= found
        fresh = bool(found)
    return [proof for said, proof in known.items() if _match(query, said, {}) is not None]


def asked_for(query: Atom, said: Atom) -> list[str]:
    """What stands at the places of the query's variables, each variable once; nothing for a query without any."""
    bound = _match(query, said, {}) or {}
    return list(bound.values())


def follows(program: Sequence[Rule], said: Atom, premises: Sequence[Atom]) -> bool:
    """Whether one rule derives a statement from some of these premises."""
    known = {premise: Proof(premise) for premise in premises}
    candidates = ((rule, _match(rule.head, said, {})) for rule in program if rule.body)
    found = (_matches(rule.body, known, bound, [0]) for rule, bound in candidates if bound is not None)
    return any(next(matches, None) is not None for matches in found)


def _matches(
    body: Sequence[Atom], known: Mapping[Atom, Proof], bound: Mapping[str, str], tried: list[int]
) -> Iterator[Mapping[str, str]]:
    if not body:
        yield bound
        return
    for said in known:
        tried[0] += 1
        if tried[0] > MOST_MATCHES:
            raise HornError("too much to try", f"more than {MOST_MATCHES:,} ways to match the premises of a rule")
        if (more := _match(body[0], said, bound)) is not None:
            yield from _matches(body[1:], known, more, tried)


def _match(pattern: Atom, said: Atom, bound: Mapping[str, str]) -> dict[str, str] | None:
    if (pattern.predicate, len(pattern.terms)) != (said.predicate, len(said.terms)):
        return None
    found = dict(bound)
    for term, value in zip(pattern.terms, said.terms, strict=True):
        if (found.setdefault(term.name, str(value)) if isinstance(term, Variable) else term) != value:
            return None
    return found


def _bound(atom: Atom, bound: Mapping[str, str]) -> Atom:
    terms = tuple(bound[term.name] if isinstance(term, Variable) else term for term in atom.terms)
    return Atom(atom.predicate, terms)
