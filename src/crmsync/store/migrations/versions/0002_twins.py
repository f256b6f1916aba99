"""Activities, companies and deals: their twins, and which records belong to which."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None

WORD = sa.Text().with_variant(sa.Text(collation="C"), "postgresql")
MOMENT = sa.BigInteger()


def upgrade() -> None:
    op.create_table(
        "twins",
        sa.Column("twin_id", WORD, primary_key=True),
        sa.Column("kind", WORD, nullable=False),
        sa.Column("waiting", WORD, nullable=False),
        sa.Column("retry_at", MOMENT),
        sa.Column("data", sa.LargeBinary, nullable=False),
    )
    op.create_index("twins_due", "twins", ["retry_at", "twin_id"],
                    sqlite_where=sa.text("retry_at IS NOT NULL"), postgresql_where=sa.text("retry_at IS NOT NULL"))  # fmt: skip
    op.create_table(
        "links",
        sa.Column("side", WORD, primary_key=True),
        sa.Column("object", WORD, primary_key=True),
        sa.Column("id", WORD, primary_key=True),
        sa.Column("to_object", WORD, primary_key=True),
        sa.Column("to_id", WORD, primary_key=True),
        sa.Column("place", sa.SmallInteger, nullable=False),
        sqlite_with_rowid=False,
    )
    op.create_index("links_to", "links", ["side", "to_object", "to_id"])
