"""Seeds by what was failed; evenly where only what no probed source teaches was."""

from orchestrator.feedback.target_failures import TargetFailures
from orchestrator.kinds import Progress
from storage.records import Failure, Plan


def test_no_more_seeds_than_are_said_where_only_unprobed_skills_failed() -> None:
    plan = Plan.new(run="run", round=1)
    failure = Failure.new(run="run", round=1, attempt="a", cluster="c", skill="elsewhere")
    progress = Progress(plans=[plan], cards=[], failures=[failure], levels={"trip": 1, "film": 1})
    for seeds in (0, 8):
        said = TargetFailures(use="target_failures", seeds=seeds).next_plan(progress)
        assert said.quotas == {"trip": seeds // 2, "film": seeds // 2}
        assert said.targets == [failure.key]
