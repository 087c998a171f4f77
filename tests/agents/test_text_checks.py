"""What can be told of a text by rule: its length, its form, what it must not hold, and its language."""

from importlib.util import find_spec
from typing import Any

import pytest

from agents.kinds import Judgement, UnfitDraft, Verifier
from agents.registry import build, import_components
from agents.verifiers import language
from storage.records import Outcome
from tests.contracts.whole import a_draft

import_components("agents.verifiers")


def said(use: str, text: str, **options: Any) -> Judgement:
    judge: Any = build({"use": use, "fields": ["question"], **options}, Verifier)
    return judge.judge(a_draft(0, question=text))


# --- length and form ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("options", "text", "reason"),
    [
        ({"words": [2, 4]}, "one two three four", "within the limits"),
        ({"words": [2, 4]}, "one", "too few words"),
        ({"words": [2, 4]}, "one two three four five", "too many words"),
        ({"sentences": [1, 2]}, "It rains. Ann has 3.5 apples.", "within the limits"),
        ({"sentences": [1, 1]}, "It rains. Ann stays at home.", "too many sentences"),
        ({"sentences": [1, 1]}, "", "too few sentences"),
        ({"characters": [0, 5]}, "123456", "too many characters"),
        ({"form": "[0-9]+"}, "123", "within the limits"),
        ({"form": "[0-9]+"}, "123 apples", "not of the form asked for"),
        ({}, "Well.<|IM_END|>", "holds a forbidden text"),
        ({"forbidden": ["as an AI"]}, "As an ai, I cannot.", "holds a forbidden text"),
        ({"forbidden": []}, "<|im_end|>", "within the limits"),
    ],
)
def test_a_text_is_held_to_its_limits(options: dict[str, Any], text: str, reason: str) -> None:
    found = said("text_limits", text, **options)
    assert found.reason == reason
    assert (found.outcome == Outcome.ACCEPTED) == (reason == "within the limits")


def test_every_field_is_held_to_them_and_the_one_that_fails_is_named() -> None:
    judge: Any = build({"use": "text_limits", "fields": ["question", "answer"], "words": [1, 5]}, Verifier)
    assert judge.judge(a_draft(0, question="How many?", answer="")).evidence == {"field": "answer", "found": 0}


@pytest.mark.parametrize(
    ("options", "found"),
    [
        ({"words": [5, 2]}, "least, most"),
        ({"words": [-1, 2]}, "least, most"),
        ({"forbidden": [""]}, "empty text"),
        ({"form": "("}, "no regular expression"),
    ],
)
def test_limits_that_nothing_can_meet_are_refused(options: dict[str, Any], found: str) -> None:
    with pytest.raises(ValueError, match=found):
        build({"use": "text_limits", **options}, Verifier)


# --- language -------------------------------------------------------------------------------------------------------

ENGLISH = "The children walked home along the river because the last bus had already left."
GERMAN = "Die Kinder gingen am Fluss entlang nach Hause, weil der letzte Bus schon abgefahren war."
CHINESE = "孩子们沿着河边走回家，因为最后一班公共汽车已经开走了，他们不想在车站等到第二天早上，所以决定一起慢慢走回去。"
known = pytest.mark.skipif(not find_spec("py3langid"), reason="the extra `language` is not installed")


@known
@pytest.mark.parametrize(("text", "code"), [(ENGLISH, "en"), (GERMAN, "de"), (CHINESE, "zh")])
def test_a_text_in_the_language_asked_for_is_kept_and_any_other_rejected(text: str, code: str) -> None:
    for asked in ("en", "de", "zh"):
        found = said("language", text, language=asked)
        assert found.outcome == (Outcome.ACCEPTED if asked == code else Outcome.REJECTED)
        assert found.evidence == {"found": code, "asked": asked}


@known
@pytest.mark.parametrize("text", ["", "7", "Ann", "3, 5, 7, 9, 11, 13, 15, 17, 19, 21, 23, 25, 27, 29, 31, 33, 35"])
def test_what_is_too_short_to_tell_is_said_to_be(text: str) -> None:
    lenient, strict = said("language", text, language="de"), said("language", text, language="de", untold="rejected")
    assert (lenient.outcome, strict.outcome) == (Outcome.ACCEPTED, Outcome.REJECTED)
    assert lenient.reason == strict.reason == "too short to tell its language"


@known
def test_nothing_is_rejected_that_no_language_is_sure_to_be() -> None:
    mixed = f"{ENGLISH} {GERMAN}"
    found = said("language", mixed, language="fr", sure=1.0)
    assert (found.outcome, found.reason) == (Outcome.ACCEPTED, "its language cannot be told")


@known
def test_a_language_that_nobody_knows_is_refused() -> None:
    with pytest.raises(ValueError, match="knows no language 'xx'"):
        build({"use": "language", "language": "xx"}, Verifier)


def test_a_choice_without_the_language_asked_for_is_refused() -> None:
    with pytest.raises(ValueError, match="names 'en' and at least one other"):
        build({"use": "language", "among": ["de", "zh"]}, Verifier)


def test_without_its_package_it_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(language, "find_spec", lambda name: None)
    judge: Any = build({"use": "language"}, Verifier)
    assert "pip install 'agentic-distillation[language]'" in judge.missing()
    with pytest.raises(UnfitDraft, match="py3langid"):
        judge.judge(a_draft(0))
