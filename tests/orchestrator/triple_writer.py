"""A stand-in student that writes tails of events: right as often as what it has read, but never always."""

import json
from collections import Counter
from pathlib import Path
from random import Random
from typing import Any

from agents.rehearsal import triples
from tests.conftest import StandInWorker

SURE = 0.9
"""How often it says what is right, where all that it has read is."""


class TripleWriter(StandInWorker):
    """What it says of an event follows from the question, the sample and the share of right tails in its last lessons."""

    def _train(self, job: dict[str, Any], folder: Path) -> dict[str, Any]:
        result = super()._train(job, folder)
        rows = [json.loads(line) for line in Path(job["rows"]).read_text(encoding="utf-8").splitlines()]
        found = Counter(
            triples.holds(row["prompt"][-1]["content"], row["completion"][-1]["content"].removeprefix("#### "))
            for row in rows
        )
        place = folder / "adapter" / "memory.json"
        memory = json.loads(place.read_text())
        memory["tails"] = [found[True], found[True] + found[False]]
        place.write_text(json.dumps(memory))
        return result

    def _answer(self, job: dict[str, Any], folder: Path) -> dict[str, Any]:
        result = super()._answer(job, folder)
        memory = json.loads((Path(job["adapter"]) / "memory.json").read_text()) if job["adapter"] else {}
        asked = [json.loads(line) for line in Path(job["questions"]).read_text(encoding="utf-8").splitlines()]
        replies = [json.loads(line) for line in (folder / "replies.jsonl").read_text(encoding="utf-8").splitlines()]
        right, all_read = memory.get("tails", [0, 0])
        for question, reply in zip(asked, replies, strict=True):
            if found := triples.asked_in(question["prompt"][-1]["content"]):
                chance = Random(f"{job['student']} {question['key']}")
                said = triples.tails if all_read and chance.random() < SURE * right / all_read else triples.wrong_tails
                # One reply in eight is no statement, and one is cut.
                reply["reply"] = f"{'' if chance.random() < 1 / 8 else '#### '}{chance.choice(said(*found))}"
                reply["finished"] = chance.random() > 1 / 8
        (folder / "replies.jsonl").write_text("".join(json.dumps(reply) + "\n" for reply in replies))
        return result
