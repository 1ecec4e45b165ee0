"""Keys that are for some regions, and which key an edge has."""

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Keys that are there are for all regions; edges that are there have the key with which they report next."""
    op.add_column("api_keys", sa.Column("regions", sa.Text))
    op.add_column("edges", sa.Column("key", sa.Text))


def downgrade() -> None:
    """Keys that are for some regions would be for all, so they go."""
    op.execute("DELETE FROM api_keys WHERE regions IS NOT NULL")
    op.drop_column("edges", "key")
    op.drop_column("api_keys", "regions")
