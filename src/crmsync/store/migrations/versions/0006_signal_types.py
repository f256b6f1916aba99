"""Which types of signals there are, without reading them all."""

from __future__ import annotations

from alembic import op

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_index("signals_type", "signals", ["type"])
