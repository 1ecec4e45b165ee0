"""What edges counted."""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Make the tables."""
    for name in ("measures", "measured_values"):
        op.create_table(
            name,
            sa.Column("service", sa.Text, sa.ForeignKey("services.id", name=f"fk_{name}_service_services"), nullable=False),
            sa.Column("resolution", sa.Integer, nullable=False),
            sa.Column("at", sa.BigInteger, nullable=False),
            sa.Column("version", sa.Integer, nullable=False),
            sa.Column("region", sa.Text, nullable=False),
            sa.Column("counted", sa.Text, nullable=False),
            sa.PrimaryKeyConstraint("service", "resolution", "at", "version", "region", name=f"pk_{name}"),
        )
        op.create_index(f"ix_{name}_resolution_at", name, ["resolution", "at"])
    op.create_table(
        "measured",
        sa.Column("edge", sa.Text, nullable=False),
        sa.Column("run", sa.Text, nullable=False),
        sa.Column("number", sa.BigInteger, nullable=False),
        sa.Column("seen", sa.Float(53), nullable=False),
        sa.PrimaryKeyConstraint("edge", "run", name="pk_measured"),
    )
    op.create_index("ix_measured_seen", "measured", ["seen"])


def downgrade() -> None:
    """Charts begin anew."""
    for name in ("measured", "measured_values", "measures"):
        op.drop_table(name)
