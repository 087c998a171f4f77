"""What exams measure, clusters of failures, rulings of the gate, hearings of judges, and replies that were there already."""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    _new_columns()
    op.create_table(
        "cluster",
        sa.Column("key", sa.String(), nullable=False),
        sa.Column("run", sa.String(), nullable=False),
        sa.Column("round", sa.Integer(), nullable=False),
        sa.Column("student", sa.String(), nullable=False),
        sa.Column("exam", sa.String(), nullable=False),
        sa.Column("label", sa.String(), nullable=False),
        sa.Column("skill", sa.String(), nullable=False),
        sa.Column("cause", sa.String(), nullable=False),
        sa.Column("size", sa.Integer(), nullable=False),
        sa.Column("before", sa.Integer(), nullable=True),
        sa.Column("failures", sa.JSON(), nullable=False),
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("description", sa.Text(), nullable=False),
        sa.Column("call", sa.String(), nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("key", name="pk_cluster"),
    )
    op.create_index("ix_cluster_run", "cluster", ["run"])
    op.create_table(
        "ruling",
        sa.Column("key", sa.String(), nullable=False),
        sa.Column("run", sa.String(), nullable=False),
        sa.Column("round", sa.Integer(), nullable=False),
        sa.Column("champion", sa.String(), nullable=False),
        sa.Column("challenger", sa.String(), nullable=False),
        sa.Column("outcome", sa.String(), nullable=False),
        sa.Column("why", sa.Text(), nullable=False),
        sa.Column("figures", sa.JSON(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("key", name="pk_ruling"),
    )
    op.create_index("ix_ruling_run", "ruling", ["run"])
    op.create_table(
        "hearing",
        sa.Column("key", sa.String(), nullable=False),
        sa.Column("run", sa.String(), nullable=False),
        sa.Column("round", sa.Integer(), nullable=False),
        sa.Column("role", sa.String(), nullable=False),
        sa.Column("judge", sa.String(), nullable=False),
        sa.Column("model", sa.String(), nullable=False),
        sa.Column("admitted", sa.Boolean(), nullable=False),
        sa.Column("why", sa.Text(), nullable=False),
        sa.Column("figures", sa.JSON(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("key", name="pk_hearing"),
    )
    op.create_index("ix_hearing_run", "hearing", ["run"])


def _new_columns() -> None:
    with op.batch_alter_table("attempt") as attempt:
        attempt.add_column(sa.Column("score", sa.Float(), nullable=True))
        attempt.add_column(sa.Column("call", sa.String(), nullable=True))
        attempt.add_column(sa.Column("sample", sa.Integer(), nullable=False, server_default="0"))
        attempt.add_column(sa.Column("finished", sa.Boolean(), nullable=False, server_default=sa.true()))
        attempt.add_column(sa.Column("confidence", sa.Float(), nullable=True))
        attempt.add_column(sa.Column("margin", sa.Float(), nullable=True))
        attempt.add_column(sa.Column("shown", sa.JSON(), nullable=False, server_default="{}"))
    with op.batch_alter_table("scorecard") as scorecard:
        scorecard.add_column(sa.Column("measures", sa.JSON(), nullable=False, server_default="{}"))
    with op.batch_alter_table("plan") as plan:
        plan.add_column(sa.Column("briefs", sa.JSON(), nullable=False, server_default="[]"))
        plan.add_column(sa.Column("weights", sa.JSON(), nullable=False, server_default="{}"))
    with op.batch_alter_table("entry") as entry:
        entry.add_column(sa.Column("reused", sa.Boolean(), nullable=False, server_default=sa.false()))


def downgrade() -> None:
    op.drop_table("hearing")
    op.drop_table("ruling")
    op.drop_table("cluster")
    columns = {
        "attempt": ("score", "call", "sample", "finished", "confidence", "margin", "shown"),
        "scorecard": ("measures",),
        "plan": ("briefs", "weights"),
        "entry": ("reused",),
    }
    for table, names in columns.items():
        with op.batch_alter_table(table) as altered:
            for name in names:
                altered.drop_column(name)
