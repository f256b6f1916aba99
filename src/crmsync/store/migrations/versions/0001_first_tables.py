"""The first tables."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

WORD = sa.Text().with_variant(sa.Text(collation="C"), "postgresql")
MOMENT = sa.BigInteger()
SERIAL = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    op.create_table(
        "snapshots",
        sa.Column("side", WORD, primary_key=True),
        sa.Column("object", WORD, primary_key=True),
        sa.Column("id", WORD, primary_key=True),
        sa.Column("state", WORD, nullable=False),
        sa.Column("person_id", WORD),
        sa.Column("hash", WORD, nullable=False),
        sa.Column("key", WORD),
        sa.Column("emails", sa.Text, nullable=False),
        sa.Column("modified_at", MOMENT, nullable=False),
        sa.Column("version", sa.BigInteger, nullable=False),
        sa.Column("dirty", sa.SmallInteger, nullable=False),
        sa.Column("data", sa.LargeBinary, nullable=False),
    )
    op.create_index("snapshots_dirty", "snapshots", ["side", "object", "id"],
                    sqlite_where=sa.text("dirty = 1"), postgresql_where=sa.text("dirty = 1"))  # fmt: skip
    op.create_index("snapshots_person", "snapshots", ["person_id"],
                    sqlite_where=sa.text("person_id IS NOT NULL"), postgresql_where=sa.text("person_id IS NOT NULL"))  # fmt: skip
    op.create_index("snapshots_key", "snapshots", ["key"],
                    sqlite_where=sa.text("key IS NOT NULL"), postgresql_where=sa.text("key IS NOT NULL"))  # fmt: skip
    op.create_index("snapshots_state", "snapshots", ["state", "side", "object"])

    op.create_table(
        "emails",
        sa.Column("email", WORD, primary_key=True),
        sa.Column("side", WORD, primary_key=True),
        sa.Column("object", WORD, primary_key=True),
        sa.Column("id", WORD, primary_key=True),
        sqlite_with_rowid=False,
    )
    op.create_index("emails_record", "emails", ["side", "object", "id"])

    op.create_table(
        "persons",
        sa.Column("person_id", WORD, primary_key=True),
        sa.Column("next_due_at", MOMENT),
        sa.Column("owner", WORD),
        sa.Column("stage", WORD),
        sa.Column("data", sa.LargeBinary, nullable=False),
    )
    op.create_index("persons_due", "persons", ["next_due_at", "person_id"],
                    sqlite_where=sa.text("next_due_at IS NOT NULL"), postgresql_where=sa.text("next_due_at IS NOT NULL"))  # fmt: skip
    op.create_index("persons_stage", "persons", ["stage"])

    op.create_table(
        "signals",
        sa.Column("event_id", WORD, primary_key=True),
        sa.Column("person_id", WORD, nullable=False),
        sa.Column("at", MOMENT, nullable=False),
        sa.Column("type", WORD, nullable=False),
        sa.Column("detail", sa.Text, nullable=False),
        sa.Column("source", WORD, nullable=False),
    )
    op.create_index("signals_person", "signals", ["person_id", "at"])

    op.create_table(
        "journal",
        sa.Column("seq", SERIAL, primary_key=True),
        sa.Column("write_id", WORD, nullable=False),
        sa.Column("side", WORD, nullable=False),
        sa.Column("person_id", WORD),
        sa.Column("kind", WORD, nullable=False),
        sa.Column("at", MOMENT, nullable=False),
        sa.Column("record_id", WORD),
        sa.Column("outcome", WORD),
        sa.Column("cause", sa.Text, nullable=False),
        sa.Column("message", sa.Text, nullable=False),
        sa.Column("settled_at", MOMENT),
        sa.Column("data", sa.LargeBinary, nullable=False),
    )
    op.create_index("journal_write", "journal", ["write_id"], unique=True)
    op.create_index("journal_person", "journal", ["person_id", "seq"])
    op.create_index("journal_open", "journal", ["seq"],
                    sqlite_where=sa.text("outcome IS NULL"), postgresql_where=sa.text("outcome IS NULL"))  # fmt: skip

    op.create_table(
        "problems",
        sa.Column("problem_id", SERIAL, primary_key=True),
        sa.Column("cause", WORD, nullable=False),
        sa.Column("side", WORD, nullable=False),
        sa.Column("object", WORD, nullable=False),
        sa.Column("record_id", WORD, nullable=False),
        sa.Column("person_id", WORD, nullable=False),
        sa.Column("field", WORD, nullable=False),
        sa.Column("message", sa.Text, nullable=False),
        sa.Column("data_hash", WORD, nullable=False),
        sa.Column("attempts", sa.BigInteger, nullable=False),
        sa.Column("first_at", MOMENT, nullable=False),
        sa.Column("last_at", MOMENT, nullable=False),
        sa.Column("retry_at", MOMENT),
    )
    op.create_index("problems_once", "problems", ["cause", "side", "object", "record_id", "person_id", "field"], unique=True)
    op.create_index("problems_person", "problems", ["person_id"])

    op.create_table(
        "conflicts",
        sa.Column("conflict_id", SERIAL, primary_key=True),
        sa.Column("person_id", WORD, nullable=False),
        sa.Column("field", WORD, nullable=False),
        sa.Column("shown", sa.LargeBinary, nullable=False),
        sa.Column("opened_at", MOMENT, nullable=False),
        sa.Column("resolution", WORD),
    )
    op.create_index("conflicts_once", "conflicts", ["person_id", "field"], unique=True)

    op.create_table(
        "effects",
        sa.Column("rule", WORD, primary_key=True),
        sa.Column("person_id", WORD, primary_key=True),
        sa.Column("due_at", MOMENT, primary_key=True),
        sqlite_with_rowid=False,
    )

    op.create_table(
        "tasks",
        sa.Column("key", WORD, primary_key=True),
        sa.Column("person_id", WORD, nullable=False),
        sa.Column("side", WORD, nullable=False),
        sa.Column("record_id", WORD),
        sa.Column("kind", WORD, nullable=False),
        sa.Column("owner", WORD),
        sa.Column("due_at", MOMENT),
        sa.Column("created_at", MOMENT, nullable=False),
        sa.Column("draft", sa.LargeBinary(), nullable=False),
    )
    op.create_index("tasks_person", "tasks", ["person_id"])
    op.create_index(
        "tasks_waiting", "tasks", ["key"], sqlite_where=sa.text("record_id IS NULL"), postgresql_where=sa.text("record_id IS NULL")
    )

    op.create_table(
        "users",
        sa.Column("side", WORD, primary_key=True),
        sa.Column("id", WORD, primary_key=True),
        sa.Column("data", sa.LargeBinary, nullable=False),
    )

    op.create_table(
        "cursors",
        sa.Column("side", WORD, primary_key=True),
        sa.Column("object", WORD, primary_key=True),
        sa.Column("data", sa.LargeBinary, nullable=False),
    )

    op.create_table(
        "settings",
        sa.Column("key", WORD, primary_key=True),
        sa.Column("data", sa.LargeBinary, nullable=False),
    )

    op.create_table(
        "counters",
        sa.Column("name", WORD, primary_key=True),
        sa.Column("value", sa.BigInteger, nullable=False),
    )

    op.create_table(
        "leases",
        sa.Column("name", WORD, primary_key=True),
        sa.Column("holder", WORD, nullable=False),
        sa.Column("expires_at", MOMENT, nullable=False),
    )

    op.create_table(
        "events",
        sa.Column("event_id", SERIAL, primary_key=True),
        sa.Column("at", MOMENT, nullable=False),
        sa.Column("kind", WORD, nullable=False),
        sa.Column("text", sa.Text, nullable=False),
    )
