from functools import cache
from importlib import import_module
from importlib.util import find_spec
from typing import Any, Literal

from pydantic import Field, model_validator

from agents.kinds import Judgement, UnfitDraft, Verifier, accepted, rejected
from agents.registry import register
from storage.records import Draft

EXTRA = "needs py3langid, which is not installed: pip install 'agentic-distillation[language]'"


@register("language")
class Language(Verifier):
    """Keeps a text that is in the language asked for, as py3langid tells it (Lui and Baldwin 2012, langid.py).

    A text is rejected if another language is as probable as `sure`. A text with fewer letters than `letters`, or of which
    no language is so probable, cannot be told; `untold` says what becomes of it, and the reason that it was not told.
    The model comes with the package, knows some hundred languages, and nothing is fetched. The score is the probability
    of the language that was found. Raises UnfitDraft if the package is missing.
    """

    language: str = Field(default="en", pattern=r"^[a-z]{2,3}$")
    """ISO 639 code, such as `en` or `zh`."""
    among: tuple[str, ...] = ()
    """The only languages that it can be, itself among them; fewer are told apart better. Empty: all that are known."""
    fields: tuple[str, ...] = Field(default=("question",), min_length=1)
    """Fields that are judged as one text."""
    letters: int = Field(default=40, ge=1)
    sure: float = Field(default=0.8, gt=0, le=1)
    untold: Literal["accepted", "rejected"] = "accepted"

    @model_validator(mode="after")
    def _is_among_them(self) -> "Language":
        if self.among and (self.language not in self.among or len(set(self.among)) < 2):
            raise ValueError(
                f"`among` names {self.language!r} and at least one other language, e.g. [{self.language}, zh]"
            )
        if find_spec("py3langid") and (strange := {self.language, *self.among} - set(_identifier(()).labels)):
            raise ValueError(
                f"py3langid knows no language {sorted(strange)[0]!r}; give its code in ISO 639, such as en or zh"
            )
        return self

    def missing(self) -> str | None:
        return None if find_spec("py3langid") else EXTRA

    def judge(self, draft: Draft) -> Judgement:
        if lacks := self.missing():
            raise UnfitDraft(f"language: {lacks}")
        text = "\n".join(str(draft.fields.get(name, "")) for name in self.fields)
        letters = sum(sign.isalpha() for sign in text)
        if letters < self.letters:
            return self._untold("too short to tell its language", evidence={"letters": letters})
        found, probability = _identifier(self.among).classify(text)
        said = {"score": round(probability, 4), "evidence": {"found": found, "asked": self.language}}
        if probability < self.sure:
            return self._untold("its language cannot be told", **said)
        return accepted(f"in {found}", **said) if found == self.language else rejected("in another language", **said)

    def _untold(self, reason: str, **said: Any) -> Judgement:
        return (accepted if self.untold == "accepted" else rejected)(reason, **said)


@cache
def _identifier(among: tuple[str, ...]) -> Any:
    langid = import_module("py3langid.langid")
    identifier = langid.LanguageIdentifier.from_model_file(langid.MODEL_FILE, norm_probs=True)
    if among:
        identifier.set_languages(list(among))
    return identifier
