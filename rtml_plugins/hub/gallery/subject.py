"""What the pages of one service that is tried are about: the version and region that were chosen, its form, its facts."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import msgspec
from starlette.responses import Response

from rtml_core.client.records import Edge, Service, Version
from rtml_core.errors import describe, listing
from rtml_core.package import Manifest
from rtml_plugins.hub import choosing
from rtml_plugins.hub.errors import NotFound
from rtml_plugins.hub.gallery import known, samples, snippets
from rtml_plugins.hub.gallery.answers import Told
from rtml_plugins.hub.gallery.health import Health, Reports
from rtml_plugins.hub.gallery.inputs import Form
from rtml_plugins.hub.gallery.page import TAKE, View


@dataclass(frozen=True)
class Subject:
    """A service to try. version: whose signature the form has; number: the version that is asked, None by traffic; region: None
    for any."""

    view: View
    service: Service
    version: Version
    number: int | None
    region: str | None
    manifest: Manifest
    edges: Sequence[Edge]

    @property
    def package(self) -> str:
        return self.version.package

    @property
    def may_take(self) -> bool:
        """Whether the caller may have the package."""
        return any(self.view.may(scope, self.service.name) for scope in TAKE)

    @property
    def rows(self) -> Sequence[Mapping[str, Any]]:
        """Rows of the package, which may be real ones of its author's: none for who may not have the package."""
        return samples.rows(self.view.at, self.package, self.manifest) if self.may_take else ()

    @property
    def health(self) -> tuple[Health, ...]:
        return Reports(self.edges).of(self.service.name, self.service.regions)

    @property
    def held(self) -> frozenset[int]:
        """Versions that some edge can be asked for."""
        there = choosing.able(self.edges, self.service, self.region)
        return frozenset(
            number for edge in there for one in edge.services if one.name == self.service.name for number in one.versions
        )

    @property
    def parity(self) -> str:
        """What was proved, in words."""
        parity = self.manifest.parity
        if not parity.checked:
            return "not proved: it was built without the parity gate"
        refused = f"; {parity.refused:,} others are refused by both" if parity.refused else ""
        return f"proved equal to the authored graph: {parity.rows:,} rows compared, 0 differences{refused}"

    def snippets(self, row: bytes, edge: str | None) -> tuple[snippets.Snippet, ...]:
        """The request for a row as code. edge: that answered it; else one that could."""
        able = choosing.able(self.edges, self.service, self.region, self.number) if edge is None else ()
        view = self.view
        return snippets.snippets(
            row,
            edge=edge or next((one.url for one in able), None),
            service=self.service.name,
            version=self.number,
            region=self.region,
            hub=str(view.request.base_url).rstrip("/"),
            keyed=view.at.keys.asked_for(),
        )

    def render(
        self,
        form: Form,
        row: bytes,
        status: int = 200,
        *,
        told: Told | None = None,
        problem: str = "",
        request_id: str = "",
        next_row: int = 1,
        written: str | None = None,
    ) -> Response:
        """The page, or its part for htmx. row: that the form holds, as JSON; problem: why there is no answer, in words; written:
        as JSON instead of the row, where it is none."""
        view = self.view
        return view.render(
            "part_try.html" if view.partial else "service.html",
            200 if view.partial else status,  # the part says what is wrong; to htmx it is an answer like others
            service=self.service,
            tab="",
            subject=self,
            form=form,
            told=told,
            problem=problem,
            request_id=request_id,
            snippets=self.snippets(row, None if told is None else told.url),
            next_row=next_row,
            words=known.WORDS,
            row=msgspec.json.format(row, indent=1).decode() if written is None else written,
            written=written is not None,
            may_try=view.may("predict", self.service.name),
            may_download=self.may_take,
        )


def subject_of(view: View, name: str, asked: Mapping[str, Any]) -> Subject:
    """The service with the version and region that are asked for. Raises NotFound for those that there are not."""
    service = view.at.hub.get(name)
    number = _number(service, asked.get("version") or None)
    region = asked.get("region") or None
    if region is not None and region not in service.regions:
        raise NotFound(f"service '{name}' is not served in {describe(region)}. It is in: {listing(service.regions)}")
    shown = service.traffic.champion if number is None else number
    version = next(one for one in service.versions if one.version == shown)
    manifest = known.manifest(view.at, version.package)
    return Subject(view, service, version, number, region, manifest, view.at.hub.edges())


def _number(service: Service, asked: str | None) -> int | None:
    if asked is None:
        return None
    there = {str(one.version): one.version for one in service.versions}
    if asked not in there:
        raise NotFound(f"service '{service.name}' has no version {describe(asked)}. It has: {listing(reversed(list(there)))}")
    return there[asked]
