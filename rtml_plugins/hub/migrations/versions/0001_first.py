"""The first tables of a hub."""

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Make the tables, and the triggers that keep the audit log append only."""
    _of_packages()
    _of_services()
    _of_regions_and_keys()
    _audit()


def downgrade() -> None:
    """There is nothing before these tables."""
    raise NotImplementedError("the first tables can't be taken back: remove the database")


def _of_packages() -> None:
    op.create_table(
        "hub",
        sa.Column("id", sa.Text, nullable=False),
        sa.Column("created", sa.Text, nullable=False),
        sa.Column("revision", sa.Integer, nullable=False),
        sa.Column("everywhere", sa.Integer, nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_hub"),
    )
    op.create_table(
        "packages",
        sa.Column("id", sa.Text, nullable=False),
        sa.Column("size", sa.Integer, nullable=False),
        sa.Column("manifest", sa.Text, nullable=False),
        sa.Column("portable", sa.Boolean, nullable=False),
        sa.Column("created", sa.Text, nullable=False),
        sa.Column("used", sa.Text, nullable=False),
        sa.Column("collected", sa.Text),
        sa.PrimaryKeyConstraint("id", name="pk_packages"),
    )


def _of_services() -> None:
    living = sa.text("deleted IS NULL")
    op.create_table(
        "services",
        sa.Column("id", sa.Text, nullable=False),
        sa.Column("name", sa.Text, nullable=False),
        sa.Column("description", sa.Text, nullable=False),
        sa.Column("owner", sa.Text, nullable=False),
        sa.Column("traffic", sa.Text, nullable=False),
        sa.Column("created", sa.Text, nullable=False),
        sa.Column("updated", sa.Text, nullable=False),
        sa.Column("deprecated", sa.Text),
        sa.Column("deprecation", sa.Text, nullable=False),
        sa.Column("deleted", sa.Text),
        sa.PrimaryKeyConstraint("id", name="pk_services"),
    )
    op.create_index("ix_services_name", "services", ["name"])
    op.create_index("uq_services_living", "services", ["name"], unique=True, sqlite_where=living, postgresql_where=living)
    op.create_table(
        "versions",
        sa.Column("service", sa.Text, nullable=False),
        sa.Column("version", sa.Integer, nullable=False),
        sa.Column("package", sa.Text, nullable=False),
        sa.Column("created", sa.Text, nullable=False),
        sa.Column("created_by", sa.Text, nullable=False),
        sa.Column("description", sa.Text, nullable=False),
        sa.Column("compatible", sa.Boolean, nullable=False),
        sa.Column("changes", sa.Text, nullable=False),
        sa.PrimaryKeyConstraint("service", "version", name="pk_versions"),
        sa.ForeignKeyConstraint(["service"], ["services.id"], name="fk_versions_service"),
        sa.ForeignKeyConstraint(["package"], ["packages.id"], name="fk_versions_package"),
    )
    op.create_index("uq_versions_package", "versions", ["service", "package"], unique=True)
    op.create_index("ix_versions_package", "versions", ["package"])
    op.create_table(
        "service_regions",
        sa.Column("service", sa.Text, nullable=False),
        sa.Column("region", sa.Text, nullable=False),
        sa.PrimaryKeyConstraint("service", "region", name="pk_service_regions"),
        sa.ForeignKeyConstraint(["service"], ["services.id"], name="fk_service_regions_service"),
    )
    op.create_index("ix_service_regions_region", "service_regions", ["region"])
    op.create_table(
        "champions",
        sa.Column("service", sa.Text, nullable=False),
        sa.Column("position", sa.Integer, nullable=False),
        sa.Column("version", sa.Integer, nullable=False),
        sa.Column("since", sa.Text, nullable=False),
        sa.PrimaryKeyConstraint("service", "position", name="pk_champions"),
        sa.ForeignKeyConstraint(["service"], ["services.id"], name="fk_champions_service"),
    )


def _of_regions_and_keys() -> None:
    op.create_table(
        "regions",
        sa.Column("name", sa.Text, nullable=False),
        sa.Column("revision", sa.Integer, nullable=False),
        sa.PrimaryKeyConstraint("name", name="pk_regions"),
    )
    op.create_table(
        "edges",
        sa.Column("id", sa.Text, nullable=False),
        sa.Column("region", sa.Text, nullable=False),
        sa.Column("report", sa.Text, nullable=False),
        sa.Column("first", sa.Text, nullable=False),
        sa.Column("seen", sa.Float(53), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_edges"),
    )
    op.create_index("ix_edges_region", "edges", ["region"])
    op.create_table(
        "api_keys",
        sa.Column("id", sa.Text, nullable=False),
        sa.Column("name", sa.Text, nullable=False),
        sa.Column("hash", sa.Text, nullable=False),
        sa.Column("scopes", sa.Text, nullable=False),
        sa.Column("services", sa.Text),
        sa.Column("created", sa.Text, nullable=False),
        sa.Column("created_by", sa.Text, nullable=False),
        sa.Column("expires", sa.Text),
        sa.Column("revoked", sa.Text),
        sa.Column("rate", sa.Float(53)),
        sa.Column("last_four", sa.Text, nullable=False),
        sa.Column("replaced_by", sa.Text),
        sa.PrimaryKeyConstraint("id", name="pk_api_keys"),
    )
    op.create_index("ix_api_keys_name", "api_keys", ["name"])


def _audit() -> None:
    op.create_table(
        "audit",
        sa.Column("number", sa.Integer, autoincrement=True, nullable=False),
        sa.Column("at", sa.Text, nullable=False),
        sa.Column("actor", sa.Text, nullable=False),
        sa.Column("action", sa.Text, nullable=False),
        sa.Column("subject", sa.Text, nullable=False),
        sa.Column("details", sa.Text, nullable=False),
        sa.PrimaryKeyConstraint("number", name="pk_audit"),
    )
    op.create_index("ix_audit_subject_number", "audit", ["subject", "number"])
    if op.get_context().dialect.name == "sqlite":
        for event in ("UPDATE", "DELETE"):
            op.execute(
                f"CREATE TRIGGER audit_append_only_{event.lower()} BEFORE {event} ON audit"
                " BEGIN SELECT RAISE(ABORT, 'the audit log is append only'); END"
            )
        return
    op.execute(
        "CREATE FUNCTION audit_append_only() RETURNS trigger LANGUAGE plpgsql AS"
        " $$ BEGIN RAISE EXCEPTION 'the audit log is append only'; END $$"
    )
    op.execute(
        "CREATE TRIGGER audit_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON audit"
        " FOR EACH STATEMENT EXECUTE FUNCTION audit_append_only()"
    )
