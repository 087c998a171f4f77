"""Putting a question about a family into facts, rules and a query."""

from typing import Any

from agents.rehearsal import kinship

CANNOT = "unknown('problem')."


def write_rules(writer: Any) -> dict[str, Any]:
    """All facts that are told, the rules of what is asked, and the query. At its rates it mistakes who is asked about, or
    turns a rule round; or it forgets a full stop."""
    asked = kinship.read(writer.question)
    if asked is None:
        return {"facts": CANNOT, "rules": "", "query": "known(What)"}
    facts = [f"{relation}('{one}', '{other}')." for one, relation, other in asked.facts]
    rules, person = kinship.RULES[asked.relation], asked.person
    luck, errs = writer.rng.random(), writer.profile.error_in(asked.relation)
    if luck < errs / 2:
        person = writer.rng.choice([other for _, _, other in asked.facts if other != person])
    elif luck < errs:
        rules = tuple(rule.replace("(Y, Z)", "(Z, Y)") for rule in rules)
    elif luck < errs + writer.profile.wrong_reason_rate:
        facts[0] = facts[0].rstrip(".")
    return {"facts": "\n".join(facts), "rules": "\n".join(rules), "query": f"{asked.relation}(Who, '{person}')"}
