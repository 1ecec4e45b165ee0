"""The tables of a hub. Times are texts (see times), lists and objects JSON texts; the migrations make exactly these."""

from __future__ import annotations

from typing import Final

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    Float,
    ForeignKey,
    Index,
    Integer,
    MetaData,
    PrimaryKeyConstraint,
    Table,
    Text,
    false,
    text,
)

metadata: Final = MetaData(
    naming_convention={
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "fk": "fk_%(table_name)s_%(column_0_N_name)s",
        "pk": "pk_%(table_name)s",
    }
)

#: one row. revision: of the newest change that edges see; everywhere: of the newest one that all regions see (keys)
hub: Final = Table(
    "hub",
    metadata,
    Column("id", Text, primary_key=True),
    Column("created", Text, nullable=False),
    Column("revision", Integer, nullable=False),
    Column("everywhere", Integer, nullable=False),
)

#: collected: since when its bytes are gone from the store. boundary: that of the manifest, a list of package.BoundaryEntry
packages: Final = Table(
    "packages",
    metadata,
    Column("id", Text, primary_key=True),
    Column("size", Integer, nullable=False),
    Column("manifest", Text, nullable=False),
    Column("portable", Boolean, nullable=False),
    Column("created", Text, nullable=False),
    Column("used", Text, nullable=False),  # when it was last published
    Column("collected", Text),
    Column("boundary", Text, nullable=False, server_default="[]"),
)

#: deleted ones stay, so that ids and the audit log keep their meaning
services: Final = Table(
    "services",
    metadata,
    Column("id", Text, primary_key=True),
    Column("name", Text, nullable=False),
    Column("description", Text, nullable=False),
    Column("owner", Text, nullable=False),
    Column("traffic", Text, nullable=False),
    Column("created", Text, nullable=False),
    Column("updated", Text, nullable=False),
    Column("deprecated", Text),
    Column("deprecation", Text, nullable=False),
    Column("deleted", Text),
    Index("ix_services_name", "name"),
    Index(
        "uq_services_living",
        "name",
        unique=True,
        sqlite_where=text("deleted IS NULL"),
        postgresql_where=text("deleted IS NULL"),
    ),
)

versions: Final = Table(
    "versions",
    metadata,
    Column("service", Text, ForeignKey("services.id"), nullable=False),
    Column("version", Integer, nullable=False),
    Column("package", Text, ForeignKey("packages.id"), nullable=False),
    Column("created", Text, nullable=False),
    Column("created_by", Text, nullable=False),
    Column("description", Text, nullable=False),
    Column("compatible", Boolean, nullable=False),
    Column("changes", Text, nullable=False),
    PrimaryKeyConstraint("service", "version"),
    Index("uq_versions_package", "service", "package", unique=True),
    Index("ix_versions_package", "package"),
)

service_regions: Final = Table(
    "service_regions",
    metadata,
    Column("service", Text, ForeignKey("services.id"), nullable=False),
    Column("region", Text, nullable=False),
    PrimaryKeyConstraint("service", "region"),
    Index("ix_service_regions_region", "region"),
)

#: the champions of a service, the present one at the highest position: what a rollback goes down
champions: Final = Table(
    "champions",
    metadata,
    Column("service", Text, ForeignKey("services.id"), nullable=False),
    Column("position", Integer, nullable=False),
    Column("version", Integer, nullable=False),
    Column("since", Text, nullable=False),
    PrimaryKeyConstraint("service", "position"),
)

#: revision: of the newest change that the edges of a region see
regions: Final = Table(
    "regions",
    metadata,
    Column("name", Text, primary_key=True),
    Column("revision", Integer, nullable=False),
)

#: report: wire.EdgeReport. seen: seconds since the epoch. key: name of the key with which it reports; NULL without keys
edges: Final = Table(
    "edges",
    metadata,
    Column("id", Text, primary_key=True),
    Column("region", Text, nullable=False),
    Column("report", Text, nullable=False),
    Column("first", Text, nullable=False),
    Column("seen", Float(53), nullable=False),
    Column("key", Text),
    Index("ix_edges_region", "region"),
)

#: hash: hex SHA-256 of the secret. scopes, services: JSON lists; services NULL for all. rate: requests a second. edges_only: made
#: by the hub, to ask edges with (gallery.own_key); nobody gets in at the hub with it. regions: JSON list, NULL for all
api_keys: Final = Table(
    "api_keys",
    metadata,
    Column("id", Text, primary_key=True),
    Column("name", Text, nullable=False),
    Column("hash", Text, nullable=False),
    Column("scopes", Text, nullable=False),
    Column("services", Text),
    Column("created", Text, nullable=False),
    Column("created_by", Text, nullable=False),
    Column("expires", Text),
    Column("revoked", Text),
    Column("rate", Float(53)),
    Column("last_four", Text, nullable=False),
    Column("replaced_by", Text),
    Column("edges_only", Boolean, nullable=False, server_default=false()),
    Column("regions", Text),
    Index("ix_api_keys_name", "name"),
)

#: append only, which triggers hold
audit: Final = Table(
    "audit",
    metadata,
    Column("number", Integer, primary_key=True, autoincrement=True),
    Column("at", Text, nullable=False),
    Column("actor", Text, nullable=False),
    Column("action", Text, nullable=False),
    Column("subject", Text, nullable=False),
    Column("details", Text, nullable=False),
    Index("ix_audit_subject_number", "subject", "number"),
)

#: people signed in to the gallery. id: hex SHA-256 of what the cookie holds. key: whose rights they have; a session ends with it
sessions: Final = Table(
    "sessions",
    metadata,
    Column("id", Text, primary_key=True),
    Column("key", Text, ForeignKey("api_keys.id"), nullable=False),
    Column("created", Text, nullable=False),
    Column("expires", Text, nullable=False),
    Column("link", Boolean, nullable=False),  # not a session yet: a link that opens one, once
    Index("ix_sessions_expires", "expires"),
)

#: requests that edges counted, summed over the edges of a region, in buckets of `resolution` seconds from `at` (since 1970) on
measures: Final = Table(
    "measures",
    metadata,
    Column("service", Text, ForeignKey("services.id"), nullable=False),
    Column("resolution", Integer, nullable=False),
    Column("at", BigInteger, nullable=False),
    Column("version", Integer, nullable=False),
    Column("region", Text, nullable=False),
    Column("counted", Text, nullable=False),  # buckets.Requests as JSON
    PrimaryKeyConstraint("service", "resolution", "at", "version", "region"),
    Index("ix_measures_resolution_at", "resolution", "at"),
)

#: values that edges counted, in the bins of the version's baseline; in buckets as measures
measured_values: Final = Table(
    "measured_values",
    metadata,
    Column("service", Text, ForeignKey("services.id"), nullable=False),
    Column("resolution", Integer, nullable=False),
    Column("at", BigInteger, nullable=False),
    Column("version", Integer, nullable=False),
    Column("region", Text, nullable=False),
    Column("counted", Text, nullable=False),  # buckets.Values as JSON
    PrimaryKeyConstraint("service", "resolution", "at", "version", "region"),
    Index("ix_measured_values_resolution_at", "resolution", "at"),
)

#: the newest window that was taken of an edge; run: of its process, which numbers its windows from 1. seen: when (since 1970)
measured: Final = Table(
    "measured",
    metadata,
    Column("edge", Text, nullable=False),
    Column("run", Text, nullable=False),
    Column("number", BigInteger, nullable=False),
    Column("seen", Float(53), nullable=False),
    PrimaryKeyConstraint("edge", "run"),
    Index("ix_measured_seen", "seen"),
)

#: what of a service's predictions is written to profiles; setting: enriching.Setting. by_hand: not what a package says
enrichments: Final = Table(
    "enrichments",
    metadata,
    Column("service", Text, ForeignKey("services.id"), primary_key=True),
    Column("setting", Text, nullable=False),
    Column("by_hand", Boolean, nullable=False),
    Column("updated", Text, nullable=False),
    Column("updated_by", Text, nullable=False),
)

#: what regions see of profiles, where that was chosen; setting: projecting.Setting
projections: Final = Table(
    "projections",
    metadata,
    Column("region", Text, primary_key=True),
    Column("setting", Text, nullable=False),
    Column("updated", Text, nullable=False),
    Column("updated_by", Text, nullable=False),
)
