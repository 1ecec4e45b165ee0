"""Keys that edges alone take."""

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Make the column; keys that are there are everybody's."""
    op.add_column("api_keys", sa.Column("edges_only", sa.Boolean, nullable=False, server_default=sa.false()))


def downgrade() -> None:
    """They would be taken by the hub without their mark."""
    op.execute("DELETE FROM api_keys WHERE edges_only")
    op.drop_column("api_keys", "edges_only")
