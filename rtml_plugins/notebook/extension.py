"""`%load_ext rtml`: magics, completion, progress, short errors, and services that show their live state."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Final

from rtml_core import Operator, developing
from rtml_core.errors import RtmlError
from rtml_core.params import ParamInfo, describe_params
from rtml_plugins.notebook import cells, magics
from rtml_plugins.notebook.bars import Bars
from rtml_plugins.notebook.completion import Completer
from rtml_plugins.notebook.tables import Listing
from rtml_plugins.notebook.tracebacks import Tracebacks

if TYPE_CHECKING:
    from IPython.core.interactiveshell import InteractiveShell

    from rtml_core.client.records import Service

_SERVICE: Final = "rtml_core.client.records.Service"
_LOADED: Final = "_rtml_extension"


class Extension:
    """What is loaded into one shell, and how it is taken out again."""

    def __init__(self, shell: InteractiveShell):
        self._shell = shell
        self._bars = Bars(shell)
        self._tracebacks = Tracebacks(shell)
        self._matcher = Completer(shell, lambda words: magics.completions(shell, words)).matcher
        self._hooks: dict[str, Any] = {}

    def load(self) -> None:
        """Put everything in its place."""
        shell = self._shell

        def rtml(line: str) -> Any:
            return magics.run(shell, line)

        def rtml_operator(line: str, cell: str | None = None) -> Any:
            return cells.run(shell, line, cell)

        rtml.__doc__ = "Look at services, edges and operators, or run a command of rtml: %rtml help."
        rtml_operator.__doc__ = cells.HELP
        shell.register_magic_function(rtml, "line", "rtml")
        shell.register_magic_function(rtml_operator, "line_cell", "rtml_operator")
        self._bars.load()
        self._tracebacks.load()
        shell.Completer.custom_matchers.append(self._matcher)
        formatters = shell.display_formatter.formatters
        formatters["text/html"].for_type(_SERVICE, self._service_html)
        formatters["text/plain"].for_type(_SERVICE, self._service_text)
        self._hooks = dict(shell.inspector.mime_hooks)
        shell.inspector.mime_hooks = {**self._hooks, "text/plain": _described(self._hooks.get("text/plain"))}

    def unload(self) -> None:
        """Take everything out; operators in development are forgotten."""
        shell = self._shell
        for kind, name in (("line", "rtml"), ("line", "rtml_operator"), ("cell", "rtml_operator")):
            shell.magics_manager.magics[kind].pop(name, None)
        self._bars.unload()
        self._tracebacks.unload()
        if self._matcher in shell.Completer.custom_matchers:
            shell.Completer.custom_matchers.remove(self._matcher)
        for kind in ("text/html", "text/plain"):
            shell.display_formatter.formatters[kind].pop(_SERVICE, None)
        shell.inspector.mime_hooks = self._hooks
        developing.forget()

    # ---- services -----------------------------------------------------------------------------------------------

    def _live(self, service: Service) -> Any:
        """The service as it is now; as it was asked for, when its hub can't be asked."""
        from rtml_plugins.notebook import looking

        try:
            return looking.service(magics.client_of(self._shell), service.name)
        except RtmlError as error:
            return Listing(("service", "versions", "regions"), [_record(service)], note=f"as it was: {error}")

    def _service_html(self, service: Service) -> str:
        return str(self._live(service)._repr_html_())

    def _service_text(self, service: Service, printer: Any, cycle: bool) -> None:
        printer.text(repr(self._live(service)))


def _record(service: Service) -> dict[str, Any]:
    return {"service": service.name, "versions": len(service.versions), "regions": list(service.regions)}


def _described(before: Callable[[Any], Any] | None) -> Callable[[Any], Any]:
    """What `op.Pandas?` and Shift-Tab say of an operator: how it is called, what it does, and what each parameter means."""

    def described(data: Any) -> Any:
        cls = data.obj
        if data.detail_level or not (isinstance(cls, type) and issubclass(cls, Operator)) or cls is Operator:
            return before(data) if before is not None else None
        parts = [("Signature", cls.name + str(inspect.signature(cls))), ("Docstring", inspect.cleandoc(cls.__doc__ or ""))]
        lines = [_parameter(info) for info in describe_params(cls.Params)]
        return [*parts, *([("Parameters", "\n".join(lines))] if lines else [])]

    return described


def _parameter(info: ParamInfo) -> str:
    default = "required" if info.required else f"default {info.default!r}"
    return f"  {info.name}: {info.expected}; {default}" + (f"\n      {info.text}" if info.text else "")


def load_ipython_extension(shell: InteractiveShell) -> None:
    """What `%load_ext rtml` calls; a second time changes nothing."""
    if getattr(shell, _LOADED, None) is None:
        extension = Extension(shell)
        extension.load()
        setattr(shell, _LOADED, extension)


def unload_ipython_extension(shell: InteractiveShell) -> None:
    """What `%unload_ext rtml` calls."""
    extension = getattr(shell, _LOADED, None)
    if extension is not None:
        delattr(shell, _LOADED)
        extension.unload()
