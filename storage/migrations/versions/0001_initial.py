"""The first tables: runs, lessons and what was said of them, calls, datasets, students, exams, plans and the ledger."""

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    _create_runs_and_calls()
    _create_lessons()
    _create_datasets_and_students()
    _create_exams()
    _create_plans_and_ledger()


def _column(name: str, kind: type[sa.types.TypeEngine] = sa.String, nullable: bool = False) -> sa.Column:
    return sa.Column(name, sa.DateTime(timezone=True) if kind is sa.DateTime else kind(), nullable=nullable)


def _create(table: str, *columns: sa.Column, key: tuple[str, ...] = ("key",), indexes: dict[str, list[str]]) -> None:
    if key == ("key",):
        columns = (_column("key"), *columns, _column("created_at", sa.DateTime))
    op.create_table(table, *columns, sa.PrimaryKeyConstraint(*key, name=f"pk_{table}"))
    for name, indexed in indexes.items():
        op.create_index(f"ix_{table}_{name}", table, indexed)


def _create_runs_and_calls() -> None:
    _create(
        "run",
        _column("recipe_name"),
        _column("recipe_digest"),
        _column("recipe", sa.JSON),
        _column("ended", sa.Text),
        indexes={"recipe_digest": ["recipe_digest"]},
    )
    _create(
        "call",
        _column("model"),
        _column("request", sa.JSON),
        _column("reply", sa.JSON),
        _column("outcome", sa.Text),
        _column("reason", sa.Text),
        _column("prompt_tokens", sa.Integer),
        _column("completion_tokens", sa.Integer),
        _column("usd", sa.Float, nullable=True),
        _column("attempts", sa.Integer),
        _column("latency_s", sa.Float),
        indexes={},
    )


def _create_lessons() -> None:
    _create(
        "seed",
        _column("run"),
        _column("round", sa.Integer),
        _column("stream"),
        _column("kind"),
        _column("fields", sa.JSON),
        _column("skill"),
        _column("split_key"),
        _column("origin"),
        indexes={"run_round": ["run", "round"]},
    )
    _create(
        "draft",
        _column("run"),
        _column("round", sa.Integer),
        _column("step"),
        _column("kind"),
        _column("fields", sa.JSON),
        _column("parents", sa.JSON),
        _column("skill"),
        _column("language"),
        _column("split_key"),
        _column("producer"),
        _column("call", nullable=True),
        _column("sample", sa.Integer),
        indexes={"call": ["call"], "run_step_round": ["run", "step", "round"]},
    )
    _create(
        "verdict",
        _column("run"),
        _column("draft"),
        _column("step"),
        _column("judge"),
        _column("outcome", sa.Text),
        _column("score", sa.Float, nullable=True),
        _column("reason", sa.Text),
        _column("evidence", sa.JSON),
        _column("call", nullable=True),
        indexes={"draft": ["draft"], "run_step": ["run", "step"]},
    )


def _create_datasets_and_students() -> None:
    _create(
        "dataset",
        _column("run"),
        _column("round", sa.Integer),
        _column("name"),
        _column("format"),
        _column("digest"),
        _column("size", sa.Integer),
        indexes={"run": ["run"]},
    )
    _create(
        "datasetrow",
        _column("dataset"),
        _column("position", sa.Integer),
        _column("draft"),
        _column("content", sa.JSON),
        key=("dataset", "position"),
        indexes={"draft": ["draft"]},
    )
    _create(
        "student",
        _column("run"),
        _column("round", sa.Integer),
        _column("job"),
        _column("base"),
        _column("base_digest"),
        _column("adapter"),
        _column("adapter_digest"),
        _column("dataset"),
        _column("parent"),
        _column("settings", sa.JSON),
        _column("metrics", sa.JSON),
        indexes={"run": ["run"]},
    )


def _create_exams() -> None:
    _create(
        "attempt",
        _column("run"),
        _column("round", sa.Integer),
        _column("student"),
        _column("exam"),
        _column("question", sa.Text),
        _column("gold", sa.Text),
        _column("reply", sa.Text),
        _column("answer", sa.Text, nullable=True),
        _column("right", sa.Boolean),
        _column("skill"),
        _column("split_key"),
        _column("tokens", sa.Integer),
        indexes={"run": ["run"], "student_exam": ["student", "exam"]},
    )
    _create(
        "scorecard",
        _column("run"),
        _column("round", sa.Integer),
        _column("student"),
        _column("exam"),
        _column("n", sa.Integer),
        _column("accuracy", sa.Float),
        _column("low", sa.Float),
        _column("high", sa.Float),
        _column("skills", sa.JSON),
        indexes={"run": ["run"]},
    )
    _create(
        "failure",
        _column("run"),
        _column("round", sa.Integer),
        _column("attempt"),
        _column("cluster"),
        _column("skill"),
        _column("cause"),
        indexes={"run": ["run"]},
    )


def _create_plans_and_ledger() -> None:
    _create(
        "plan",
        _column("run"),
        _column("round", sa.Integer),
        _column("quotas", sa.JSON),
        _column("targets", sa.JSON),
        _column("stop", sa.Boolean),
        _column("why", sa.Text),
        indexes={"run": ["run"]},
    )
    _create(
        "entry",
        _column("run"),
        _column("round", sa.Integer),
        _column("stage"),
        _column("subject"),
        _column("usd", sa.Float, nullable=True),
        _column("prompt_tokens", sa.Integer),
        _column("completion_tokens", sa.Integer),
        _column("seconds", sa.Float),
        indexes={"run": ["run"]},
    )
