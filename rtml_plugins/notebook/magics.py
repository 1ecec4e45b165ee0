"""`%rtml`: what runs, what there is, what went wrong. What it answers is a value, which draws itself and can be kept."""

from __future__ import annotations

import inspect
import os
import shlex
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING, Any, Final

from rtml_core import developing, operators
from rtml_core.errors import RtmlError, close_match
from rtml_core.params import describe_params
from rtml_plugins.notebook.tables import Facts, Listing

if TYPE_CHECKING:
    from IPython.core.interactiveshell import InteractiveShell

    from rtml_core.client import Client

#: seconds of a call to the hub while somebody waits for a Tab
_TAB_SECONDS: Final = 1.0


class MagicError(RtmlError):
    """A magic was asked for something that it can't do."""


@dataclass(frozen=True)
class Word:
    """A word behind %rtml. arguments: as the help shows them, optional ones in brackets; run: gets the shell and the words."""

    name: str
    arguments: str
    text: str
    example: str
    run: Callable[[InteractiveShell, Sequence[str]], Any]

    @property
    def least(self) -> int:
        """How many words it needs."""
        return sum(not part.startswith("[") for part in self.arguments.split())

    @property
    def usage(self) -> str:
        return f"%rtml {self.name} {self.arguments}".rstrip()

    @property
    def help(self) -> str:
        return f"{self.usage}\n\n{self.text}\n\nExample:\n  {self.example}"


# ---- the hub ----------------------------------------------------------------------------------------------------


def client_of(shell: InteractiveShell, timeout: float | None = None) -> Client:
    """The client to ask: the newest of the notebook's variables, else of RTML_HUB, else of the `rtml up` of this user.

    Nothing is started. Raises MagicError when there is none.
    """
    from rtml_core.client import Client
    from rtml_plugins.up.embedded import find

    own = [value for name, value in shell.user_ns.items() if isinstance(value, Client) and not name.startswith("_")]
    if own:
        return own[-1]
    named = os.environ.get("RTML_HUB", "").strip() or find()
    if named is None:
        raise MagicError("no hub is known here: client = rtml.connect() starts one with an edge, or names one that runs")
    return Client(named) if timeout is None else Client(named, timeout=timeout, retries=0)


@contextmanager
def asking(shell: InteractiveShell) -> Iterator[Client]:
    """A client, and one sentence when nobody answers it."""
    from rtml_core.client import HubAway

    client = client_of(shell)
    try:
        yield client
    except HubAway:
        raise MagicError(
            f"no hub answers at {client.hub}: start it again, or client = rtml.connect() for one beside this notebook"
        ) from None


def _services(shell: InteractiveShell, words: Sequence[str]) -> Listing:
    from rtml_plugins.notebook import looking

    with asking(shell) as client:
        return looking.services(client, " ".join(words) or None)


def _show(shell: InteractiveShell, words: Sequence[str]) -> Facts:
    from rtml_core.client import NotFound
    from rtml_plugins.notebook import looking

    with asking(shell) as client:
        try:
            return looking.service(client, words[0])
        except NotFound:
            names = [one.name for one in client.services()]
            raise MagicError(
                f"there is no service '{words[0]}' at {client.hub}.{close_match(words[0], names)} %rtml services lists them"
            ) from None


def _edges(shell: InteractiveShell, words: Sequence[str]) -> Listing:
    from rtml_plugins.notebook import looking

    with asking(shell) as client:
        return looking.edges(client)


def _audit(shell: InteractiveShell, words: Sequence[str]) -> Listing:
    from rtml_plugins.notebook import looking

    with asking(shell) as client:
        return looking.audit(client, words[0] if words else None)


def _open(shell: InteractiveShell, words: Sequence[str]) -> Any:
    from rtml_plugins.notebook import looking

    with asking(shell) as client:
        return looking.gallery(client)


def _stop(shell: InteractiveShell, words: Sequence[str]) -> None:
    from rtml_plugins.up.embedded import started

    machines = [machine for machine in started() if machine.running]
    if not machines:
        raise MagicError("this notebook has started no hub: one that runs elsewhere is stopped where it was started")
    for machine in machines:
        machine.stop()
        print(f"Stopped the hub at {machine.hub} and its edges; {machine.home} keeps what they had, for the next rtml.connect()")


# ---- what is installed ------------------------------------------------------------------------------------------


def _operators(shell: InteractiveShell, words: Sequence[str]) -> Listing:
    asked = [word.lower() for word in words]
    text = "".join(asked)
    rows = []
    for name in dir(operators):
        cls = getattr(operators, name)
        summary = inspect.cleandoc(cls.__doc__ or "").split("\n\n")[0].replace("\n", " ")
        named = " ".join(info.encode_name for info in describe_params(cls.Params))
        if all(word in f"{name} {summary} {named}".lower() for word in asked):
            kind = cls.lowering_kind if cls.lowers() else "authoring only"
            rows.append({"operator": name, "what it does": summary, "parameters": named, "compiles to": kind})
    rows.sort(key=lambda row: (not row["operator"].lower().startswith(text), row["operator"]))
    columns = ("operator", "what it does", "parameters", "compiles to")
    return Listing(columns, rows, empty=f"no operator says '{' '.join(words)}'; %rtml operators lists all")


def _operator(shell: InteractiveShell, words: Sequence[str]) -> Facts:
    try:
        cls = getattr(operators, words[0])
    except AttributeError as error:
        raise MagicError(str(error)) from None
    rows = [
        {
            "parameter": info.encode_name,
            "type": info.expected,
            "default": "required" if info.required else repr(info.default),
            "meaning": info.text,
        }
        for info in describe_params(cls.Params)
    ]
    facts = {
        "does": inspect.cleandoc(cls.__doc__ or ""),
        "role": cls.role,
        "version": cls.version,
        "compiles to": f"{cls.lowering_kind} operators" if cls.lowers() else "nothing: it runs when authoring only",
        "learns": cls.may_learn(),
    }
    listing = Listing(("parameter", "type", "default", "meaning"), rows, empty="It takes no parameters.")
    return Facts(f"op.{cls.name}", facts, {"": listing})


def _traceback(shell: InteractiveShell, words: Sequence[str]) -> None:
    from rtml_plugins.notebook.tracebacks import whole

    print(whole(shell) or "There was no error yet.")


def _help(shell: InteractiveShell, words: Sequence[str]) -> Listing:
    rows = [{"magic": word.usage, "what it does": word.text, "example": word.example} for word in WORDS.values()]
    rows.append(
        {
            "magic": "%rtml COMMAND ...",
            "what it does": "A command of the command line, e.g. compile, publish, plugins; with --help what it takes.",
            "example": "%rtml plugins list",
        }
    )
    rows.append(
        {
            "magic": "%%rtml_operator",
            "what it does": "Registers the operators that the cell defines; --help says more.",
            "example": "%%rtml_operator --save .",
        }
    )
    return Listing(("magic", "what it does", "example"), rows)


def _words(*words: Word) -> dict[str, Word]:
    return {word.name: word for word in words}


WORDS: Final = _words(
    Word("services", "[TEXT]", "Services with figures of the last minute; those with TEXT.", "%rtml services", _services),
    Word("show", "NAME", "A service: versions, edges, the last minute, how to call it.", "%rtml show churn", _show),
    Word("edges", "", "Edges, where they are and how they are.", "%rtml edges", _edges),
    Word("audit", "[NAME]", "Who changed what, newest first; of one service.", "%rtml audit churn", _audit),
    Word("open", "", "A link that opens the gallery in the browser.", "%rtml open", _open),
    Word("operators", "[TEXT]", "Operators; those that say TEXT.", "%rtml operators one hot", _operators),
    Word("operator", "NAME", "An operator: what it does, and its parameters.", "%rtml operator Pandas", _operator),
    Word("stop", "", "Stops the hub and edges that this notebook has started.", "%rtml stop", _stop),
    Word("traceback", "", "All of the last error, with the lines inside of rtml.", "%rtml traceback", _traceback),
    Word("help", "", "What there is.", "%rtml help", _help),
)  # fmt: skip


# ---- the magic itself -------------------------------------------------------------------------------------------


@cache
def command_names() -> dict[str, Sequence[str]]:
    """Commands of the command line, each with its own."""
    return dict(developing.commands())


def run(shell: InteractiveShell, line: str) -> Any:
    """`%rtml line`. Raises RtmlError, in a sentence."""
    try:
        words = shlex.split(line)
    except ValueError as error:
        raise MagicError(f"%rtml {line}: {error}") from None
    if not words or words[0] in ("-h", "--help"):
        return _help(shell, ())
    name, rest = words[0], words[1:]
    word = WORDS.get(name)
    if word is None or (rest and rest[0] in command_names().get(name, ())):
        return _command(shell, words)
    if {"-h", "--help"} & set(rest):
        print(word.help)
        return None
    most = len(word.arguments.split())
    if len(rest) < word.least or (len(rest) > most and word.arguments != "[TEXT]"):
        raise MagicError(f"{word.usage} is how it is called, e.g. {word.example}; got '%rtml {line.strip()}'")
    return word.run(shell, rest)


def _command(shell: InteractiveShell, words: Sequence[str]) -> None:
    """A command of the command line, on the hub of this notebook."""
    if words[0] not in command_names() and not words[0].startswith("-") and words[0] not in developing.SERVERS:
        known = [*WORDS, *command_names()]
        raise MagicError(f"%rtml has no '{words[0]}'.{close_match(words[0], known)} %rtml help lists what there is")
    before = os.environ.get("RTML_HUB")
    try:
        if before is None:
            with suppress(MagicError):  # many commands need none
                os.environ["RTML_HUB"] = client_of(shell).hub
        developing.command(words)
    finally:
        if before is None:
            os.environ.pop("RTML_HUB", None)


def completions(shell: InteractiveShell, words: Sequence[str]) -> list[str]:
    """What may stand behind these words."""
    if not words:
        return [*WORDS, *(name for name in command_names() if name not in WORDS)]
    if len(words) > 1:
        return []
    if words[0] == "operator":
        return dir(operators)
    found = list(command_names().get(words[0], ()))
    return found + _names(shell) if words[0] in ("show", "audit", "services") else found


def _names(shell: InteractiveShell) -> list[str]:
    """Names of services, when a hub says them at once."""
    try:
        client = client_of(shell, _TAB_SECONDS)
        return [one.name for one in client.services(limit=200)]
    except RtmlError:  # a Tab says nothing of a hub that is away; the magic does
        return []
