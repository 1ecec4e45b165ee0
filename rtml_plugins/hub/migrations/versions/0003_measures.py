"""What edges counted."""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Make the tables."""
    op.create_table(
        "measures",
        sa.Column("service", sa.Text, sa.ForeignKey("services.id", name="fk_measures_service_services"), nullable=False),
        sa.Column("version", sa.Integer, nullable=False),
        sa.Column("region", sa.Text, nullable=False),
        sa.Column("resolution", sa.Integer, nullable=False),
        sa.Column("at", sa.Integer, nullable=False),
        sa.Column("counted", sa.Text, nullable=False),
        sa.PrimaryKeyConstraint("service", "resolution", "at", "version", "region", name="pk_measures"),
    )
    op.create_index("ix_measures_resolution_at", "measures", ["resolution", "at"])
    op.create_table(
        "measured",
        sa.Column("edge", sa.Text, nullable=False),
        sa.Column("run", sa.Text, nullable=False),
        sa.Column("number", sa.Integer, nullable=False),
        sa.PrimaryKeyConstraint("edge", name="pk_measured"),
    )


def downgrade() -> None:
    """Charts begin anew."""
    op.drop_table("measured")
    op.drop_table("measures")
