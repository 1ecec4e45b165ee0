"""`rtml profile policies`, `linking` and `consent`: how profiles are merged and linked, and what a person allows."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import click

from rtml_plugins.profile.ingest_cli import printable
from rtml_plugins.profile.profile_cli import (
    far,
    home_options,
    hub_options,
    identity_argument,
    json_option,
    nobody,
    print_json,
    reading,
    writing,
)
from rtml_plugins.serving.tables import plural, table

if TYPE_CHECKING:
    from rtml_plugins.profile.merging import Policy

_POLICIES: Final = """\b
Example:
  rtml profile policies set crm-first --dataset crm --dataset web --default
  rtml profile policies list
"""
_LINKING: Final = """\b
Example:
  rtml profile linking set --priority CRMID --priority Email --priority ECID --unique CRMID
  rtml profile linking show
"""
_CONSENT: Final = """\b
Example:
  rtml profile consent ECID:38652
  rtml profile consent CRMID:31260XYZ --collect n --personalize n
"""


@click.group("policies", epilog=_POLICIES)
def policies() -> None:
    """List and set merge policies: whose word counts where datasets disagree."""


@policies.command("list")
@json_option
@hub_options
@home_options
def list_policies(as_json: bool, home: str | None, store: str | None) -> None:
    """List merge policies."""
    from rtml_plugins.profile.merging import read_policy

    with far(home, store) as client:
        if client is not None:
            found = [read_policy(one) for one in client.merge_policies()]
        else:
            with reading(home, store) as profiles:
                found = profiles.policies.list()
    if as_json:
        print_json(found)
        return
    rows = [
        (printable(one.id), "yes" if one.default else "", _attributes(one), _graph(one), printable(one.name)) for one in found
    ]
    click.echo(table(("policy", "default", "attributes", "identities", "name"), rows))


def _attributes(policy: Policy) -> str:
    if policy.attributes == "timestampOrdered":
        return "what was taken in last stands"
    return printable(f"of the first that says something: {', '.join(policy.order)}")


def _graph(policy: Policy) -> str:
    return "of the whole person" if policy.graph == "pdg" else "the one asked for"


@policies.command("set", epilog=_POLICIES)
@click.argument("id", metavar="ID")
@click.option("--dataset", "order", multiple=True, metavar="NAME", help="The one that counts most first; others are not merged.")
@click.option("--alone", is_flag=True, help="Only the identity that is asked for, and not the whole person.")
@click.option("--default", is_flag=True, help="Applies where no policy is named.")
@click.option("--name", default="", help="What it is, in words.")
@hub_options
@home_options
def set_policy(
    id: str, order: tuple[str, ...], alone: bool, default: bool, name: str, home: str | None, store: str | None
) -> None:
    """Add a merge policy, or change one.

    Without --dataset, what was taken in last stands. A change shows at the next lookup. At most five policies.
    """
    from rtml_plugins.profile.merging import Policy

    made = Policy(
        id=id,
        name=name,
        attributes="dataSetPrecedence" if order else "timestampOrdered",
        order=order,
        graph="none" if alone else "pdg",
        default=default,
    )
    with far(home, store) as client:
        if client is not None:
            client.set_merge_policy(id, _fields(made.check()))
        else:
            with writing(home, store) as opened:
                opened.profiles.policies.put(made)
    click.echo(f"policy {printable(id)}: {_attributes(made)}{'; the default' if default else ''}")


@policies.command("remove")
@click.argument("id", metavar="ID")
@hub_options
@home_options
def remove_policy(id: str, home: str | None, store: str | None) -> None:
    """Remove a merge policy that is not the default."""
    with far(home, store) as client:
        if client is not None:
            client.remove_merge_policy(id)
        else:
            with writing(home, store) as opened:
                opened.profiles.policies.remove(id)
    click.echo(f"policy {printable(id)} is removed")


def _fields(policy: Policy) -> dict[str, Any]:
    import msgspec

    return {name: value for name, value in msgspec.to_builtins(policy).items() if name != "id"}


@click.group("linking", epilog=_LINKING)
def linking() -> None:
    """Show and set rules of linking, which keep people apart who share a device."""


@linking.command("show")
@json_option
@hub_options
@home_options
def show_linking(as_json: bool, home: str | None, store: str | None) -> None:
    """Show the rules of linking."""
    from rtml_plugins.profile.linking import read_linking

    with far(home, store) as client:
        if client is not None:
            found = read_linking(client.linking())
        else:
            with reading(home, store) as profiles:
                found = profiles.linking.get()
    if as_json:
        print_json({"priority": found.priority, "unique": found.unique})
        return
    if not found.priority and not found.unique:
        click.echo("there are no rules: whoever is named together is one person. `rtml profile linking set` sets some")
        return
    click.echo(printable(f"priority  {' > '.join(found.priority) or 'none'}"))
    click.echo(printable(f"unique    {', '.join(found.unique) or 'none'}"))


@linking.command("set", epilog=_LINKING)
@click.option("--priority", multiple=True, metavar="NAMESPACE", help="Namespaces, the strongest first (repeatable).")
@click.option("--unique", multiple=True, metavar="NAMESPACE", help="A person has one id of it only (repeatable).")
@click.option("--none", "nothing", is_flag=True, help="No rules any more.")
@hub_options
@home_options
def set_linking(priority: tuple[str, ...], unique: tuple[str, ...], nothing: bool, home: str | None, store: str | None) -> None:
    """Set the rules of linking, in place of those that apply.

    Persons that the new rules don't allow are parted at once. What looser rules would join is joined when a record says so again.
    """
    from rtml_plugins.profile.linking import Linking

    if nothing == bool(priority or unique):
        raise click.UsageError("name --priority or --unique, or --none for no rules")
    with far(home, store) as client:
        if client is not None:
            parted = client.set_linking({"priority": list(priority), "unique": list(unique)})["parted"]
        else:
            with writing(home, store) as opened:
                parted = opened.profiles.linking.set(Linking(priority, unique))
    click.echo(f"the rules apply; {plural(parted, 'person was', 'persons were')} parted by them")


@click.command("consent", epilog=_CONSENT)
@identity_argument
@click.option("--collect", type=click.Choice(["y", "n"]), help="Say whether events may be collected.")
@click.option("--personalize", type=click.Choice(["y", "n"]), help="Say whether the person may be scored and content chosen.")
@json_option
@home_options
def consent(
    identity: Any, collect: str | None, personalize: str | None, as_json: bool, home: str | None, store: str | None
) -> None:
    """Show what a person allows, or keep what the person says now."""
    if collect or personalize:
        with writing(home, store) as opened:
            opened.profiles.say_consent(identity, collect=collect, personalize=personalize)
            found = opened.profiles.lookup(identity)
    else:
        with reading(home, store) as profiles:
            found = profiles.lookup(identity)
    if found is None:
        raise nobody(identity)
    if as_json:
        print_json(found.consent)
        return
    for purpose in ("collect", "personalize"):
        click.echo(printable(f"{purpose:<12} {found.consent.get(purpose, 'nothing said: allowed')}"))
