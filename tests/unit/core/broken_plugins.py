"""Plugins that are broken, each in its own way, as installed distributions: for the tests of discovery."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

GOOD: Final = '''
from rtml_core import CustomOp, Operator, Params, hookimpl

rtml_plugin_api = 1

class {name}(Operator):
    """Column v times a factor; missing in, missing out."""

    class Params(Params):
        factor: float = 2.0

    def columns(self):
        return ["v"]

    def compute(self, xp, v):
        return {{"v": v * self.params.factor}}

@hookimpl
def rtml_operators():
    return [{name}]

@hookimpl
def rtml_custom_ops():
    return [CustomOp("{domain}", "mark", 1, ("string",), ("string",), "{domain}:mark", "Texts, marked.")]

@hookimpl
def rtml_commands():
    return {{"{domain}-say": "{domain}.command:say|Say it."}}
'''


def good(name: str, domain: str, more: str = "") -> str:
    """The text of a plugin that works, with `more` behind it."""
    return GOOD.format(name=name, domain=domain) + more


@dataclass(frozen=True)
class Broken:
    """One way to break a plugin. text: its module; words: what the listing must say; points: the lines of its entry points."""

    words: tuple[str, ...]
    text: str | None = ""
    points: str = "[rtml.plugins]\n{name} = {module}\n"
    metadata: str | None = "Metadata-Version: 2.1\nName: {distribution}\nVersion: 1.4\n"
    files: dict[str, str] = field(default_factory=dict)


def hook(body: str, name: str = "rtml_operators", before: str = "") -> str:
    """A plugin with one more hook than a good one needs."""
    return f"from rtml_core import CustomOp, Operator, Params, hookimpl\n{before}\n@hookimpl\ndef {name}():\n    {body}\n"


HALF: Final = good("Half", "half").replace("@hookimpl\ndef rtml_commands", "@hookimpl\ndef rtml_converters")
OPERATOR: Final = (
    '\nclass {name}(Operator):\n    "An operator."\n    {body}\n    def transform(self, frame):\n        return frame\n'
)


def operator(body: str, name: str = "Wrong") -> str:
    """A plugin with one operator whose class has `body` in it."""
    return hook(f"return [{name}]", before=OPERATOR.format(name=name, body=body))


#: the ten of the bar, by name of the plugin
TEN: Final = {
    "import-error": Broken(("ImportError: cannot import name 'nothing' from 'json'",), "from json import nothing\n"),
    "missing-dependency": Broken(
        ("ModuleNotFoundError: No module named 'rtml_not_there'", "pip install what brings 'rtml_not_there'"),
        "import rtml_not_there.deep\n",
    ),
    "wrong-hook-name": Broken(
        ("'rtml_operater' is not a hook of rtml", "Did you mean 'rtml_operators'?"), hook("return []", "rtml_operater")
    ),
    "wrong-signature": Broken(
        ("hook 'rtml_operators' must take no parameters, and it takes registry, mode",),
        "from rtml_core import hookimpl\n@hookimpl\ndef rtml_operators(registry, *, mode, more=1):\n    return []\n",
    ),
    "duplicate-operator": Broken(
        (
            "operator 'Good' is brought by plugin 'good' (Rtml_Good 1.4)",
            "and by plugin 'duplicate-operator' (rtml-x-duplicate-operator 1.4)",
            'RTML_PREFER="Good=duplicate-operator"',
        ),
        good("Good", "another"),
    ),
    "duplicate-op": Broken(
        (
            "custom operator good:mark 1 is brought by plugin 'good' (Rtml_Good 1.4)",
            "and by plugin 'duplicate-op' (rtml-x-duplicate-op 1.4)",
        ),
        good("Other", "good").replace("good-say", "other-say"),
    ),
    "wrong-api": Broken(
        ("written for plugin API 2; this rtml has plugin API 1: upgrade rtml",),
        "rtml_plugin_api = 2\n" + hook("return []"),
    ),
    "raises-at-registration": Broken(
        ("ZeroDivisionError: division by zero", "rtml_x_raises_at_registration.py, line "),
        good("Late", "late", "\n@hookimpl\ndef rtml_converters():\n    return 1 / 0\n"),
    ),
    "wrong-type": Broken(
        ("an operator must be a subclass of rtml_core.Operator; got 'Haversine'",), hook("return ['Haversine']")
    ),
    "entry-point-to-nothing": Broken(
        ("module 'rtml_x_entry_point_to_nothing' has no 'plugin'", "leads to nothing"),
        "",
        "[rtml.plugins]\n{name} = {module}:plugin\n",
    ),
}

#: more ways, most of which took the whole command down at some time
MORE: Final = {
    "exits": Broken(("SystemExit: 3",), "import sys\nsys.exit(3)\n"),
    "cancelled": Broken(("CancelledError",), "import asyncio\nraise asyncio.CancelledError('no more')\n"),
    "base-exception": Broken(("Stop: now",), "class Stop(BaseException): pass\nraise Stop('now')\n"),
    "no-text": Broken(
        ("Mute: its text can't be made",),
        "class Mute(Exception):\n    def __str__(self): raise ValueError\nraise Mute\n",
    ),
    "no-repr": Broken(
        ("must return a list of operator classes; got <Odd, whose repr fails: ValueError>",),
        hook("return Odd()", before="class Odd:\n    def __repr__(self): raise ValueError\n"),
    ),
    "syntax": Broken(("SyntaxError: ",), "def broken(:\n"),
    "not-utf-8": Broken(("SyntaxError: ",), "text = '\udcff'\n"),
    "recursion": Broken(("RecursionError: ",), "def f(): return f()\nf()\n"),
    "deprecated": Broken(("DeprecationWarning: old",), "raise DeprecationWarning('old')\n"),
    "no-module": Broken(("there is no module 'rtml_x_no_module'",), None),
    "no-value": Broken(("has the line 'no-value', which is none",), "", "[rtml.plugins]\nno-value\n"),
    "odd-value": Broken(('must be like "odd-value = package.module"',), "", "[rtml.plugins]\nodd-value = a b c\n"),
    "no-version": Broken(
        ("the metadata of this distribution has no version",), good("A", "a"), metadata="Name: {distribution}\n"
    ),
    "no-metadata": Broken(("the metadata of this distribution has no name",), good("A", "a"), metadata=None),
    "empty": Broken(("it has no hook, so it brings nothing",)),
    "not-marked": Broken(("function 'rtml_operators' is not marked: put @hookimpl",), "def rtml_operators():\n    return []\n"),
    "near-a-hook": Broken(("it has no hook", "Did you mean 'rtml_commands'?"), "def rtml_comands():\n    return {}\n"),
    "async": Broken(
        ("hook 'rtml_operators' must return its answer at once, and is async",), hook("return []").replace("def r", "async def r")
    ),
    "generator": Broken(("must return its answer at once, and yields",), hook("yield 1; raise ValueError")),
    "generator-object": Broken(("must return a list of operator classes; got <generator",), hook("return (1 / 0 for _ in 'a')")),
    "a-class": Broken(
        ("hook 'rtml_operators' must take no parameters, and it takes self", "name an instance of the class"),
        "from rtml_core import hookimpl\nclass Plugin:\n    @hookimpl\n    def rtml_operators(self):\n        return []\n",
        "[rtml.plugins]\n{name} = {module}:Plugin\n",
    ),
    "api-no-number": Broken(
        ("written for plugin API '1', which is no whole number",), "rtml_plugin_api = '1'\n" + hook("return []")
    ),
    "api-odd": Broken(("written for plugin API <object object", "which is no whole number"), "rtml_plugin_api = object()\n"),
    "half-character": Broken(("ValueError: \\udcff",), "raise ValueError(chr(0xdcff))\n"),
    "command-half": Broken(("a command must have a name",), hook("return {'a' + chr(0xdcff): 'a:b'}", "rtml_commands")),
    "odd-name": Broken(("its name must be one that Python can use", "got 'my operator'"), operator("name = 'my operator'")),
    "keyword-name": Broken(("its name must be one that Python can use", "got 'lambda'"), operator("name = 'lambda'")),
    "number-name": Broken(("its name must be one that Python can use", "got 7"), operator("name = 7")),
    "odd-role": Broken(
        ("role must be one of source, transform, model, sink, authoring; got 'sorce'",), operator("role = 'sorce'")
    ),
    "odd-version": Broken(("version must be a text",), operator("version = 2")),
    "params-no-class": Broken(("Params must be a subclass of rtml_core.Params; got 'x'",), operator("Params = 'x'")),
    "params-no-type": Broken(
        ("operator Wrong: an annotation of Wrong.Params is no type here: NameError: name 'Frame' is not defined",),
        "from __future__ import annotations\n" + operator("class Params(Params):\n        frame: Frame = None"),
    ),
    "params-secret": Broken(
        ("operator Wrong: a parameter can't be a Secret, as graphs keep their parameters",),
        "from rtml_core import Secret\n" + operator("class Params(Params):\n        tokens: list[Secret] | None = None"),
    ),
    "params-secret-in-text": Broken(
        ("operator Wrong: a parameter can't be a Secret",),
        "from __future__ import annotations\nfrom rtml_core import Secret\n"
        + operator("class Params(Params):\n        token: Secret | None = None"),
    ),
    "params-keyword": Broken(("TypeError: ",), operator("class Params(Params):\n        cols: list = [1]")),
    "twice-in-one": Broken(
        ("operator 'Twice' is twice in rtml_operators of plugin 'twice-in-one'",),
        hook("return [Twice, type('Twice', (Twice,), {'__doc__': 'x'})]", before=OPERATOR.format(name="Twice", body="pass")),
    ),
    "command-taken": Broken(("command 'score' is one of rtml's own",), hook("return {'score': 'a:b'}", "rtml_commands")),
    "command-spaces": Broken(("a command must have a name without spaces",), hook("return {'a b': 'a:b'}", "rtml_commands")),
    "command-number": Broken(("command 'a' of", "must be a click command or"), hook("return {'a': 3}", "rtml_commands")),
    "half-op": Broken(
        ("must return a list of CustomOp; it holds 3",), HALF + "\n@hookimpl\ndef rtml_custom_ops():\n    return [3]\n"
    ),
    "settings-no-class": Broken(("rtml_settings of plugin 'settings-no-class'", "got {}"), hook("return {}", "rtml_settings")),
    "dir-raises": Broken(
        ("RuntimeError: no attributes",),
        "class Plugin:\n    @property\n    def rtml_operators(self):\n        raise RuntimeError('no attributes')\n"
        "plugin = Plugin()\n",
        "[rtml.plugins]\n{name} = {module}:plugin\n",
    ),
    "twice": Broken(
        ("the plugin name 'twice' is twice in the entry points of rtml-x-twice",),
        good("TwiceOne", "twice"),
        "[rtml.plugins]\ntwice = {module}\ntwice = {module}\n",
    ),
}


def install(folder: Path, name: str, broken: Broken) -> None:
    """Write the distribution rtml-x-<name> into the folder, as an installer leaves it."""
    distribution, module = f"rtml-x-{name}", f"rtml_x_{name.replace('-', '_')}"
    words = {"name": name, "module": module, "distribution": distribution}
    info = folder / f"{module}-1.4.dist-info"
    info.mkdir(parents=True)
    if broken.metadata is not None:
        (info / "METADATA").write_text(broken.metadata.format(**words))
    (info / "entry_points.txt").write_text(broken.points.format(**words))
    if broken.text is not None:
        (folder / f"{module}.py").write_text(broken.text, errors="surrogateescape")


def install_good(folder: Path, name: str = "good", cls: str = "Good") -> None:
    """Write a distribution whose plugin works."""
    info = folder / f"Rtml_{name.title()}-1.4.dist-info"
    info.mkdir(parents=True)
    (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: Rtml_{name.title()}\nVersion: 1.4\n")
    (info / "entry_points.txt").write_text(f"[rtml.plugins]\n{name} = rtml_{name}_plugin\n")
    (folder / f"rtml_{name}_plugin.py").write_text(good(cls, name))
