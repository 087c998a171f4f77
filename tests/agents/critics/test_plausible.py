"""Whether a statement holds: by a word, and by the probability of the word."""

from math import log
from typing import Any

import pytest

from agents.critics.yes_probability import yes_in
from agents.kinds import Critic, Reply, Token
from agents.registry import build, import_components
from storage.records import Outcome
from tests.conftest import ScriptedTeacher
from tests.contracts.whole import a_draft

import_components("agents.critics")
TRIPLE = a_draft(question="Ann buys the bike. How does Ann feel?", tail="happy", gold="sad")


class Sure(ScriptedTeacher):
    """Says a word, and how likely what else there was to say."""

    def __init__(self, tokens: tuple[Token, ...], word: str = "yes") -> None:
        super().__init__(lambda *_: {"yes_or_no": word})
        self.tokens, self.sampling = tokens, None

    async def ask(self, prompt: str, form: Any, *, sample: int = 0, sampling: Any = None) -> Reply[Any]:
        self.sampling = sampling
        reply = await super().ask(prompt, form, sample=sample, sampling=sampling)
        return Reply(reply.value, reply.call, tokens=self.tokens)


def token(text: str, p: float, *top: tuple[str, float]) -> Token:
    return Token(text, log(p), tuple((other, log(q)) for other, q in top))


async def test_it_shows_what_the_recipe_names_and_gives_the_reason() -> None:
    teacher = ScriptedTeacher(lambda *_: {"reason": "Buying pleases.", "plausible": False})
    verdict = await build({"use": "plausible"}, Critic).judge(TRIPLE, teacher)
    assert (verdict.outcome, verdict.reason) == (Outcome.REJECTED, "Buying pleases.")
    assert "How does Ann feel?" in teacher.asked[0]
    assert "happy" in teacher.asked[0]
    assert "sad" not in teacher.asked[0]


async def test_a_field_that_is_not_there_is_named() -> None:
    teacher = ScriptedTeacher(lambda *_: {"reason": "", "plausible": True})
    with pytest.raises(KeyError, match="nowhere"):
        await build({"use": "plausible", "shows": ["nowhere"]}, Critic).judge(TRIPLE, teacher)


def test_all_spellings_of_a_word_add_up() -> None:
    said = token('yes"', 0.5, ('yes"', 0.5), (" Yes", 0.1), ("no", 0.2), ("NO", 0.1), ("maybe", 0.05))
    assert yes_in([token('{"', 0.9, ("no", 0.1)), said, token("}", 0.9)]) == pytest.approx(0.6 / 0.9)


def test_what_is_said_counts_though_it_is_not_among_the_alternatives() -> None:
    assert yes_in([token("no", 0.6, ("yes", 0.3))]) == pytest.approx(1 / 3)
    assert yes_in([token("no", 0.6)]) == 0


def test_the_key_of_the_form_is_not_the_word() -> None:
    key = [token("yes", 0.99, ("no", 0.01)), token("_or_", 1.0), token("no", 0.99)]
    assert yes_in([*key, token("no", 0.8, ("yes", 0.2))]) == pytest.approx(0.2)
    assert yes_in([token("{", 1.0)]) is None
    assert yes_in([]) is None


@pytest.mark.parametrize(("at_least", "outcome"), [(0.5, Outcome.ACCEPTED), (0.9, Outcome.REJECTED)])
async def test_the_probability_of_yes_is_the_score(at_least: float, outcome: Outcome) -> None:
    teacher = Sure((token("yes", 0.8, ("no", 0.2)),))
    verdict = await build({"use": "yes_probability", "at_least": at_least}, Critic).judge(TRIPLE, teacher)
    assert verdict.outcome == outcome
    assert verdict.score == pytest.approx(0.8)
    assert verdict.evidence == {"said": "yes", "probabilities": True}
    assert teacher.sampling
    assert teacher.sampling.top_logprobs == 20


async def test_without_probabilities_the_word_counts_and_the_evidence_says_so() -> None:
    verdict = await build({"use": "yes_probability"}, Critic).judge(TRIPLE, Sure((), "no"))
    assert (verdict.outcome, verdict.score) == (Outcome.REJECTED, 0)
    assert verdict.evidence == {"said": "no", "probabilities": False}
