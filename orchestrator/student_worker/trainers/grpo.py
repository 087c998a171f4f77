"""Group relative policy optimisation: the student's own replies, rewarded by one of the project's verifiers."""

import json
from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Any

from transformers import TrainerCallback
from trl.trainer.grpo_config import GRPOConfig
from trl.trainer.grpo_trainer import GRPOTrainer

from agents.kinds import Verifier
from agents.prompts import read_filled
from agents.registry import build as build_component
from agents.registry import import_components
from orchestrator.kinds import SOLUTION
from orchestrator.student_worker.trainers import Ready
from storage.records import Draft, Outcome

ALIKE, CUT = "frac_reward_zero_std", "completions/clipped_ratio"
"""Shares, as TRL logs them: of groups whose rewards are all the same, and of replies that were cut at the limit."""


class Reward:
    """A verifier as TRL calls a reward: given the replies to some rows, and their fields."""

    def __init__(self, own: dict[str, Any]) -> None:
        import_components("agents.verifiers")
        self._verifier: Verifier = build_component(own["reward"], Verifier)
        self._graded: bool = own["graded"]
        self.__name__ = own["reward"]["use"]

    def __call__(self, completions: list[Any], fields: list[str], **more: Any) -> list[float | None]:
        return [
            self._of(json.loads(known), said[-1]["content"]) for known, said in zip(fields, completions, strict=True)
        ]

    def _of(self, known: dict[str, Any], reply: str) -> float:
        """Raises what the verifier raises for fields that it cannot judge by: a missing truth is no reward."""
        read = read_filled(SOLUTION, reply)
        if read is None:
            return 0.0
        facts = {"run": "", "round": 0, "step": "reward", "kind": "reply", "split_key": "", "producer": "student"}
        judgement = self._verifier.judge(Draft.new(**facts, fields={**known, **read}))
        if self._graded:
            if judgement.score is None:
                raise ValueError(f"the verifier {self.__name__!r} gives no score; leave out graded, or take another")
            return float(judgement.score)
        return float(judgement.outcome is Outcome.ACCEPTED)


class Watch(TrainerCallback):
    """Stops what would end as if it had taught: groups that are all alike have no gradient, and the loss looks well."""

    def __init__(self) -> None:
        self._alike: list[float] = []
        self._cut: list[float] = []

    def on_log(self, args: Any, state: Any, control: Any, logs: dict[str, Any] | None = None, **more: Any) -> None:
        self._alike += [logs[ALIKE]] if logs and ALIKE in logs else []
        self._cut += [logs[CUT]] if logs and CUT in logs else []

    def on_train_end(self, args: Any, state: Any, control: Any, **more: Any) -> None:
        if self._alike and min(self._alike) == 1.0:
            cut = sum(self._cut) / max(1, len(self._cut))
            raise ArithmeticError(
                "in no group did replies have different rewards, so that nothing was learned; "
                f"{cut:.0%} of the replies were cut at max_tokens; begin from a student that is sometimes right (init), "
                "with more replies to a question, or with easier questions"
            )


class RewardedTrainer(GRPOTrainer):
    references: list[list[int]]
    """Token ids of each row's conversation with the reply that it came with."""


def build(ready: Ready) -> RewardedTrainer:
    settings = {name: value for name, value in ready.settings.items() if name != "max_length"}
    # as text: a table would give each row the fields of all others
    rows = [{"prompt": row["prompt"], "fields": json.dumps(row["fields"])} for row in ready.rows]
    arguments = replace(ready, rows=rows, callbacks=[*ready.callbacks, Watch()]).arguments()
    trainer = RewardedTrainer(reward_funcs=Reward(ready.own), args=GRPOConfig(**settings), **arguments)
    trainer.references = [
        ready.tokenizer.apply_chat_template(row["prompt"] + row["completion"], tokenize=True, return_dict=False)
        for row in ready.rows
    ]
    return trainer


def learned(trainer: Any) -> Iterator[Sequence[int]]:
    """Nothing of the rows is learned; the replies that they came with show whether the template ends them."""
    yield from trainer.references
