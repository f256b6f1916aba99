"""The work on persons: assignments, SLA clocks, touches, alerts, what became of our tasks, and the words companies are found by."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None

WORD = sa.Text().with_variant(sa.Text(collation="C"), "postgresql")
MOMENT = sa.BigInteger()
SERIAL = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    op.add_column("tasks", sa.Column("state", WORD))
    op.add_column("tasks", sa.Column("state_at", MOMENT))
    op.create_index("persons_owner", "persons", ["owner", "stage"])
    op.create_table(
        "assignments",
        sa.Column("seq", SERIAL, primary_key=True),
        sa.Column("person_id", WORD, nullable=False),
        sa.Column("at", MOMENT, nullable=False),
        sa.Column("owner", WORD, nullable=False),
        sa.Column("previous", WORD),
        sa.Column("cause", WORD, nullable=False),
        sa.Column("rule", WORD, nullable=False),
        sa.Column("pool", WORD, nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("mql_type", WORD, nullable=False),
        sa.Column("source", sa.Text(), nullable=False),
    )
    op.create_index("assignments_person", "assignments", ["person_id", "at"])
    op.create_index("assignments_at", "assignments", ["at"])
    op.create_table(
        "obligations",
        sa.Column("person_id", WORD, primary_key=True),
        sa.Column("kind", WORD, primary_key=True),
        sa.Column("started_at", MOMENT, primary_key=True),
        sa.Column("owner", WORD),
        sa.Column("pool", WORD, nullable=False),
        sa.Column("mql_type", WORD, nullable=False),
        sa.Column("source", sa.Text(), nullable=False),
        sa.Column("minutes", sa.Double(), nullable=False),
        sa.Column("working", sa.SmallInteger(), nullable=False),
        sa.Column("due_at", MOMENT),
        sa.Column("breached_at", MOMENT),
        sa.Column("late", sa.SmallInteger(), nullable=False),
        sa.Column("met_at", MOMENT),
        sa.Column("ended_at", MOMENT),
        sa.Column("ended", WORD, nullable=False),
        sa.Column("used", sa.Double()),
        sqlite_with_rowid=False,
    )
    op.create_index("obligations_started", "obligations", ["started_at"])
    op.create_index("obligations_open", "obligations", ["kind", "due_at", "breached_at", "started_at"],
                    sqlite_where=sa.text("ended_at IS NULL"), postgresql_where=sa.text("ended_at IS NULL"))  # fmt: skip
    op.create_table(
        "touches",
        sa.Column("person_id", WORD, primary_key=True),
        sa.Column("twin_id", WORD, primary_key=True),
        sa.Column("at", MOMENT, nullable=False),
        sa.Column("channel", WORD, nullable=False),
        sa.Column("owner", WORD),
        sa.Column("outcome", WORD, nullable=False),
        sa.Column("task_key", WORD, nullable=False),
        sqlite_with_rowid=False,
    )
    op.create_index("touches_at", "touches", ["at"])
    op.create_index("touches_twin", "touches", ["twin_id"])
    op.create_table(
        "alerts",
        sa.Column("alert_id", SERIAL, primary_key=True),
        sa.Column("person_id", WORD, nullable=False),
        sa.Column("kind", WORD, nullable=False),
        sa.Column("at", MOMENT, nullable=False),
        sa.Column("address", WORD, nullable=False),
        sa.Column("created_at", MOMENT, nullable=False),
        sa.Column("not_before", MOMENT, nullable=False),
        sa.Column("sent_at", MOMENT),
        sa.Column("tries", sa.SmallInteger(), nullable=False),
        sa.Column("error", sa.Text(), nullable=False),
        sa.Column("data", sa.LargeBinary(), nullable=False),
    )
    op.create_index("alerts_once", "alerts", ["person_id", "kind", "at", "address"], unique=True)
    op.create_index("alerts_waiting", "alerts", ["not_before", "alert_id"],
                    sqlite_where=sa.text("sent_at IS NULL"), postgresql_where=sa.text("sent_at IS NULL"))  # fmt: skip
    op.create_table(
        "company_words",
        sa.Column("word", WORD, primary_key=True),
        sa.Column("twin_id", WORD, primary_key=True),
        sqlite_with_rowid=False,
    )
    op.create_index("company_words_twin", "company_words", ["twin_id"])
