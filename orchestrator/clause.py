"""What a clause of a recipe is: frozen, and without room for a word that nobody reads."""

from pydantic import BaseModel, ConfigDict


class Clause(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", populate_by_name=True)
