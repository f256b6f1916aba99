"""What DNS and a verification provider answered about contact data, and whose contact data waits to be asked about."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None

WORD = sa.Text().with_variant(sa.Text(collation="C"), "postgresql")


def upgrade() -> None:
    op.create_table(
        "answers",
        sa.Column("mark", WORD, primary_key=True),
        sa.Column("word", WORD),
        sa.Column("asked_at", sa.BigInteger(), nullable=False),
        sa.Column("until", sa.BigInteger(), nullable=False),
        sa.Column("tries", sa.SmallInteger(), nullable=False),
        sa.Column("data", sa.LargeBinary(), nullable=False),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "lookups",
        sa.Column("person_id", WORD, primary_key=True),
        sa.Column("domain", WORD, nullable=False),
        sa.Column("address", WORD, nullable=False),
        sa.Column("domain_at", sa.BigInteger()),
        sa.Column("address_at", sa.BigInteger()),
        sa.Column("domain_told", WORD, nullable=False),
        sa.Column("address_told", WORD, nullable=False),
        sa.Column("stale", sa.SmallInteger(), nullable=False),
        sqlite_with_rowid=False,
    )
    op.create_index("lookups_domain", "lookups", ["domain"])
    op.create_index("lookups_address", "lookups", ["address"])
    for name, where, column in (
        ("lookups_domain_due", "domain_at IS NOT NULL", "domain_at"),
        ("lookups_address_due", "address_at IS NOT NULL", "address_at"),
        ("lookups_stale", "stale = 1", "person_id"),
    ):
        op.create_index(name, "lookups", [column], sqlite_where=sa.text(where), postgresql_where=sa.text(where))
