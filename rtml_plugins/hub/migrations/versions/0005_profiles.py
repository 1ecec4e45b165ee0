"""What is written to profiles, and what of them regions see."""

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Make the tables; packages that are there know of no profiles."""
    op.add_column("packages", sa.Column("boundary", sa.Text, nullable=False, server_default="[]"))
    op.create_table(
        "enrichments",
        sa.Column("service", sa.Text, sa.ForeignKey("services.id", name="fk_enrichments_service_services"), nullable=False),
        sa.Column("setting", sa.Text, nullable=False),
        sa.Column("by_hand", sa.Boolean, nullable=False),
        sa.Column("updated", sa.Text, nullable=False),
        sa.Column("updated_by", sa.Text, nullable=False),
        sa.PrimaryKeyConstraint("service", name="pk_enrichments"),
    )
    op.create_table(
        "projections",
        sa.Column("region", sa.Text, nullable=False),
        sa.Column("setting", sa.Text, nullable=False),
        sa.Column("updated", sa.Text, nullable=False),
        sa.Column("updated_by", sa.Text, nullable=False),
        sa.PrimaryKeyConstraint("region", name="pk_projections"),
    )


def downgrade() -> None:
    """Services enrich nothing, and regions see what their services read."""
    op.drop_table("projections")
    op.drop_table("enrichments")
    op.drop_column("packages", "boundary")
