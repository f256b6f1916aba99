"""What colleagues and the best share of persons are found by: account, engagement, scoring model and score of each person."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None

WORD = sa.Text().with_variant(sa.Text(collation="C"), "postgresql")


def upgrade() -> None:
    op.add_column("persons", sa.Column("account", WORD))
    op.add_column("persons", sa.Column("engagement", sa.Double()))
    op.add_column("persons", sa.Column("segment", WORD))
    op.add_column("persons", sa.Column("score", sa.Double()))
    op.create_index("persons_score", "persons", ["segment", "score"])
    op.create_index("persons_account", "persons", ["account", "engagement"],
                    sqlite_where=sa.text("account IS NOT NULL"), postgresql_where=sa.text("account IS NOT NULL"))  # fmt: skip
