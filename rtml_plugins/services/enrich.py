"""`rtml services enrich`: what of a service's predictions is written to profiles."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from rtml_core.errors import RtmlError
from rtml_plugins.services.talking import hub_options, json_option, moment, print_json, talking

if TYPE_CHECKING:
    from rtml_core.client.records import Enrichment


@click.command(
    "enrich",
    epilog="\b\nExample:\n"
    "  rtml services enrich churn --output propensity\n"
    "  rtml services enrich churn --output propensity --path _acme.rtml.churn\n"
    "  rtml services enrich churn\n"
    "  rtml services enrich churn --remove\n",
)
@click.argument("service")
@click.option("--output", "outputs", multiple=True, metavar="NAME", help="Output that is written to profiles (repeatable).")
@click.option(
    "--path",
    "paths",
    multiple=True,
    metavar="PATH",
    help="Where, under a tenant of your own; one for each --output [default: segmentMembership.rtml.SERVICE].",
)
@click.option("--keep-only", is_flag=True, help="Keep predictions in a dataset, and write none to profiles.")
@click.option("--pause", is_flag=True, help="Write nothing for now; what is set stays.")
@click.option("--resume", is_flag=True, help="Write again.")
@click.option("--remove", is_flag=True, help="Write nothing, and forget what was set.")
@json_option
@hub_options
def enrich(
    service: str,
    outputs: tuple[str, ...],
    paths: tuple[str, ...],
    keep_only: bool,
    pause: bool,
    resume: bool,
    remove: bool,
    as_json: bool,
    hub: str | None,
    key_file: str | None,
    ca: str | None,
) -> None:
    """Have predictions of a service written to the profiles of the persons that they are about, or show what is.

    A prediction is written when it was answered, with the model, its version and the time. Without --path it is the payload of a
    membership as XDM has it; with one, an object with score, output, model, version and time.
    """
    asked = [bool(outputs), keep_only, pause, resume, remove]
    if sum(asked) > 1:
        raise RtmlError("give one of --output, --keep-only, --pause, --resume and --remove; with none, what is set is shown")
    if paths and len(paths) != len(outputs):
        raise RtmlError(f"give one --path for each --output, in their order, or none; got {len(outputs)} and {len(paths)}")
    with talking(hub, key_file, ca) as client:
        if remove:
            client.remove_enrichment(service)
            click.echo(f"{service}: writes nothing to profiles")
            return
        if outputs or keep_only:
            found = client.enrich(service, dict(zip(outputs, paths or [""] * len(outputs), strict=True)))
        else:
            found = client.enrichment(service)
            if pause or resume:
                found = client.enrich(service, found.outputs, enabled=resume)
    if as_json:
        print_json(found)
    else:
        click.echo(_said(found))


def _said(found: Enrichment) -> str:
    if not found.enabled:
        what = "paused: writes nothing to profiles for now"
    elif not found.outputs:
        what = f"keeps its predictions in the dataset rtml-predictions-{found.service}, and writes none to profiles"
    else:
        what = "writes " + ", ".join(f"{output} to {path}" for output, path in found.outputs.items())
    by = "as its package says" if found.by == "package" else f"set by {found.updated_by}"
    return f"{found.service}: {what} ({by}, {moment(found.updated)})"
