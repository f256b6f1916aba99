"""Which SLA clocks are at risk, without reading persons. Of clocks that run already it is known once their persons were decided again."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("obligations", sa.Column("at_risk", sa.SmallInteger(), nullable=False, server_default="0"))
    op.drop_index("obligations_open", "obligations")
    op.create_index("obligations_open", "obligations", ["kind", "due_at", "breached_at", "at_risk", "started_at"],
                    sqlite_where=sa.text("ended_at IS NULL"), postgresql_where=sa.text("ended_at IS NULL"))  # fmt: skip
