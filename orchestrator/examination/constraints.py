"""What a student may not say while it writes, so that even an unfit student writes what can be used."""

from typing import Annotated, Any

from pydantic import BeforeValidator, Field, model_validator

from agents.registry import as_list
from orchestrator.clause import Clause

Words = Annotated[tuple[str, ...], BeforeValidator(as_list)]


class Constraints(Clause):
    """A simple form of the constrained decoding that I2D2 (Bhagavatula et al. 2023) writes its statements under.

    Departs from the paper: the likeliest token that is allowed is taken, or one is drawn, where NeuroLogic (Lu et al. 2021)
    searches beams for what satisfies all constraints; and nothing has to be said. A word is found by the tokens that the
    base writes it with, at the beginning of a text and behind a space, as it stands here and with a capital: spelled in other
    tokens it passes, and a longer word that is written with all of these tokens is kept out too.
    """

    forbid: Words = ()
    """Words that it never says."""
    at_most: int | None = Field(default=None, ge=0)
    """How many words of the lexicon `of` one reply may have."""
    of: Words = ()
    no_repeat: int = Field(default=0, ge=0)
    """How many tokens in a row it may not say twice, where what it was asked counts as said; 0 for any number."""

    @model_validator(mode="after")
    def _a_number_has_its_lexicon(self) -> "Constraints":
        if (self.at_most is None) == bool(self.of):
            raise ValueError("`at_most` is a number of words of the lexicon `of`; give both or neither")
        if blank := [word for word in (*self.forbid, *self.of) if not word.strip()]:
            raise ValueError(f"a word that a student may not say has letters, found {blank[0]!r}")
        return self

    def as_job_facts(self) -> dict[str, Any]:
        """What the student worker is told."""
        return self.model_dump(mode="json", exclude_defaults=True)
