"""Settings of plugins: from the file, the environment before it, checked, and without a secret in anything that is shown."""

from __future__ import annotations

import copy
import json
import os
import pickle
import string
import tomllib
import traceback
import types
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Annotated, Any, Literal

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

import rtml_core
from rtml_core import Params, Secret, doc, hookimpl, plugin_settings
from rtml_core.errors import ConfigError, ParamError, PluginError
from rtml_core.plugins import Candidate, Plugins, standing_in

HIDDEN = "hunter2"


class Server(msgspec.Struct, forbid_unknown_fields=True):
    host: str
    password: Secret


class Geo(Params):
    radius_km: Annotated[float, doc("radius of the Earth")] = 6371.0088
    places: Annotated[list[str], doc("cities by name")] = msgspec.field(default_factory=list)
    shape: Literal["sphere", "ellipsoid"] = "sphere"
    precise: bool = False
    digits: int | None = None
    table: Path | None = None
    limits: dict[str, float] = msgspec.field(default_factory=dict)
    names: str | list[str] = "all"
    token: Annotated[Secret | None, doc("of the tile server")] = None
    server: Server | None = None

    def validate(self) -> None:
        if self.radius_km <= 0:
            raise ParamError(f"setting 'radius_km' must be positive; got {self.radius_km} (token {self.token})")


class Place(msgspec.Struct):
    name: str
    within: Place | None = None
    login: Server | None = None


class Nested(Params):
    place: Place | None = None


class Lang(Params):
    key: Annotated[Secret, doc("of the dictionary")]
    from_: str = "en"


Use = Callable[..., Plugins]


@pytest.fixture
def use() -> Iterator[Use]:
    """Make the given plugins, with their settings, those of the process."""
    with standing_in() as stand_in:

        def make(**classes: Any) -> Plugins:
            made = [
                Candidate(name, f"rtml-{name}", "1.0", lambda cls=cls: types.SimpleNamespace(rtml_settings=hookimpl(lambda: cls)))
                for name, cls in classes.items()
            ]
            found = Plugins(made)
            stand_in(found)
            return found

        yield make


@pytest.fixture
def file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    path = tmp_path / "config.toml"
    path.write_text("")
    monkeypatch.setenv("RTML_CONFIG", str(path))
    return path


def refused(plugin: str = "geo") -> str:
    """What the error says, which shows no secret, nor does its traceback with all local variables."""
    with pytest.raises(ConfigError) as caught:
        rtml_core.settings(plugin)
    for chained in (True, False):
        shown = traceback.TracebackException.from_exception(caught.value, capture_locals=True).format(chain=chained)
        assert HIDDEN not in "".join(line for line in shown if "/tests/unit/" not in line)
    assert HIDDEN not in str(caught.value)
    return str(caught.value)


def test_defaults_then_the_file_then_the_environment(use: Use, file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    use(geo=Geo)
    assert rtml_core.settings("geo") == Geo()
    plugin_settings.forget()
    file.write_text('[plugins.geo]\nradius_km = 6378\nplaces = ["Berlin"]\ntable = "/data/a.csv"\nlimits = { north = 90.0 }\n')
    assert rtml_core.settings("geo") == Geo(
        radius_km=6378.0, places=["Berlin"], table=Path("/data/a.csv"), limits={"north": 90.0}
    )
    plugin_settings.forget()
    monkeypatch.setenv("RTML_PLUGIN_GEO_RADIUS_KM", "6371")
    monkeypatch.setenv("RTML_PLUGIN_GEO_PLACES", '["Paris", "Łódź"]')
    monkeypatch.setenv("RTML_PLUGIN_GEO_LIMITS", "")
    found = rtml_core.settings("geo")
    assert (found.radius_km, found.places, found.limits) == (6371.0, ["Paris", "Łódź"], {"north": 90.0})


def test_settings_are_read_once_until_they_are_forgotten(use: Use, monkeypatch: pytest.MonkeyPatch) -> None:
    use(geo=Geo)
    found = rtml_core.settings("geo")
    monkeypatch.setenv("RTML_PLUGIN_GEO_DIGITS", "3")
    assert rtml_core.settings("geo") is found
    plugin_settings.forget()
    assert rtml_core.settings("geo").digits == 3


@pytest.mark.parametrize(
    ("setting", "text", "value"),
    [
        ("precise", "yes", True),
        ("precise", "OFF", False),
        ("digits", " 12 ", 12),
        ("digits", "null", None),
        ("radius_km", "1e3", 1000.0),
        ("shape", "ellipsoid", "ellipsoid"),
        ("table", "data/café.csv", Path("data/café.csv")),
        ("names", "Berlin", "Berlin"),
        ("names", "17", "17"),
        ("names", '"quoted"', '"quoted"'),
        ("names", '["a", "b"]', ["a", "b"]),
        ("limits", '{"north": 90}', {"north": 90.0}),
        ("token", '["as it is"]', Secret('["as it is"]')),
        ("server", '{"host": "h", "password": "p"}', Server("h", Secret("p"))),
    ],
)
def test_a_text_is_read_by_the_declared_type(
    use: Use, monkeypatch: pytest.MonkeyPatch, setting: str, text: str, value: Any
) -> None:
    use(geo=Geo)
    monkeypatch.setenv(f"RTML_PLUGIN_GEO_{setting.upper()}", text)
    assert getattr(rtml_core.settings("geo"), setting) == value


@given(
    st.one_of(st.text(st.characters(exclude_characters="\x00", codec="utf-8")), st.lists(st.text(string.printable, max_size=5)))
)
def test_any_text_and_any_list_reaches_the_plugin_as_it_was_written(value: Any) -> None:
    written = value if isinstance(value, str) else json.dumps(value)
    with pytest.MonkeyPatch.context() as patch, standing_in() as stand_in:
        kind = str if isinstance(value, str) else list[str]
        cls = msgspec.defstruct(
            "Any", [("it", kind, "unset" if kind is str else msgspec.field(default_factory=list))], bases=(Params,), kw_only=True
        )
        plugin = types.SimpleNamespace(rtml_settings=hookimpl(lambda: cls))
        stand_in(Plugins([Candidate("any", "rtml-any", "1", lambda: plugin)]))
        patch.setenv("RTML_PLUGIN_ANY_IT", written)
        expected = value if written.strip() else "unset"
        assert rtml_core.settings("any").it == expected


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ('radius_km = "far"', "radius_km must be a number; got 'far'"),
        ("places = 'Berlin'", "places must be a list of strings; got 'Berlin'"),
        ("shape = 'cube'", "shape must be one of 'sphere', 'ellipsoid'; got 'cube'"),
        ("digits = 1.5", "digits must be a whole number or null; got 1.5"),
        ("table = 1", "table must be a path or null; got 1"),
        ("token = 12345", "token must be a secret text or null; got a number"),
        (f"token = ['{HIDDEN}']", "token must be a secret text or null; got a list"),
        (f"server = {{ host = 1, password = '{HIDDEN}' }}", "server must be Server or null; got a table"),
        ("radus_km = 1.0", "unknown setting 'radus_km'. It has: radius_km, places,"),
        (f"tokn = '{HIDDEN}'", "Did you mean 'token'?"),
    ],
)
def test_what_the_file_has_wrong_names_file_table_and_key(use: Use, file: Path, line: str, words: str) -> None:
    use(geo=Geo)
    file.write_text(f"[plugins.geo]\n{line}\n[plugins.other]\ntoken = '{HIDDEN}'\n")
    error = refused()
    assert error.startswith(f"{file}, [plugins.geo]: ")
    assert words in error


@pytest.mark.parametrize(
    ("setting", "text", "words"),
    [
        ("RADIUS_KM", "far", "must be a number; got 'far'"),
        ("PRECISE", "maybe", "must be true or false; got 'maybe'"),
        ("PLACES", "Berlin, Paris", "must be a list of strings; got 'Berlin, Paris'"),
        ("PLACES", "[1]", "must be a list of strings; got '[1]'"),
        ("LIMITS", "[" * 2000, "must be an object of numbers; got '[[["),
        ("SERVER", f'{{"host": "{HIDDEN}"}}', "must be Server or null; got a text that is none"),
        ("RADUS_KM", HIDDEN, "is no setting of plugin 'geo'. It has: RTML_PLUGIN_GEO_RADIUS_KM, "),
        ("RADUS_KM", HIDDEN, "Did you mean 'RTML_PLUGIN_GEO_RADIUS_KM'?"),
    ],
)
def test_what_a_variable_has_wrong_names_the_variable(
    use: Use, monkeypatch: pytest.MonkeyPatch, setting: str, text: str, words: str
) -> None:
    use(geo=Geo)
    monkeypatch.setenv(f"RTML_PLUGIN_GEO_{setting}", text)
    error = refused()
    assert error.startswith(f"RTML_PLUGIN_GEO_{setting} ")
    assert words in error


def test_bytes_that_are_no_text_are_named(use: Use, monkeypatch: pytest.MonkeyPatch) -> None:
    found = use(geo=Geo)
    for setting in ("NAMES", "DIGITS", "TOKEN"):
        with monkeypatch.context() as patch:
            patch.setitem(os.environb, f"RTML_PLUGIN_GEO_{setting}".encode(), b"\xff" + HIDDEN.encode())
            assert refused() == f"RTML_PLUGIN_GEO_{setting} must be text in UTF-8, and is not"
            assert plugin_settings.shown("geo", found.settings["geo"])[1] == [refused()]


@pytest.mark.parametrize(
    ("line", "words"),
    [
        (f"radius_km = {'9' * 400}", "radius_km must be a number; got 999"),
        (f"limits = {{ a = {'9' * 400} }}", "limits must be an object of numbers; got {'a': 999"),
    ],
)
def test_numbers_without_end_are_no_numbers(use: Use, file: Path, line: str, words: str) -> None:
    use(geo=Geo)
    file.write_text(f"[plugins.geo]\n{line}\n")
    assert words in refused()


def test_a_plugin_that_changes_its_settings_changes_no_default(use: Use) -> None:
    use(geo=Geo)
    rtml_core.settings("geo").places.append("Berlin")
    plugin_settings.forget()
    assert rtml_core.settings("geo").places == []


def test_all_that_is_wrong_is_said_at_once(use: Use, file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    use(geo=Geo)
    file.write_text("[plugins.geo]\nshape = 1\nshpe = 2\n")
    monkeypatch.setenv("RTML_PLUGIN_GEO_DIGITS", "x")
    error = refused()
    for words in ("shape must be one of", "RTML_PLUGIN_GEO_DIGITS must be a whole number or null", "unknown setting 'shpe'"):
        assert words in error


def test_a_setting_that_is_required_says_where_to_write_it(use: Use, file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    use(lang=Lang)
    assert refused("lang") == (
        "plugin 'lang' needs the setting 'key', a secret text: write it into [plugins.lang] of"
        f" {file}, or set RTML_PLUGIN_LANG_KEY"
    )
    monkeypatch.setenv("RTML_PLUGIN_LANG_KEY", HIDDEN)
    monkeypatch.setenv("RTML_PLUGIN_LANG_FROM", "de")
    found = rtml_core.settings("lang")
    assert (found.key.reveal(), found.from_) == (HIDDEN, "de")


def test_conditions_between_settings_are_checked(use: Use, file: Path) -> None:
    use(geo=Geo)
    file.write_text(f"[plugins.geo]\nradius_km = -1.0\ntoken = '{HIDDEN}'\n")
    assert refused() == "settings of plugin 'geo': setting 'radius_km' must be positive; got -1.0 (token ***)"


def test_a_variable_may_belong_to_a_plugin_with_a_longer_name(use: Use, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    use(geo=Geo)
    monkeypatch.setenv("RTML_PLUGIN_GEO_TILES_SIZE", "256")
    assert "RTML_PLUGIN_GEO_TILES_SIZE is no setting of plugin 'geo'" in refused()
    info = tmp_path / "rtml_geo_tiles-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Name: rtml-geo-tiles\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text("[rtml.plugins]\ngeo-tiles = rtml_geo_tiles\n")
    monkeypatch.syspath_prepend(str(tmp_path))
    assert rtml_core.settings("geo") == Geo()
    plugin_settings.forget()
    (info / "entry_points.txt").write_text("[rtml.plugins]\ngeo-radius = rtml_geo_tiles\n")
    monkeypatch.setenv("RTML_PLUGIN_GEO_RADIUS_KM", "1")
    monkeypatch.delenv("RTML_PLUGIN_GEO_TILES_SIZE")
    assert refused() == (
        "RTML_PLUGIN_GEO_RADIUS_KM may be meant for plugin 'geo' or for 'geo-radius'; write it into the file instead"
    )


def test_a_plugin_without_settings_and_one_that_is_not_there(use: Use) -> None:
    use(geo=Geo)
    with pytest.raises(PluginError, match=r"Plugin 'gep' is not installed\. Did you mean 'geo'\?"):
        rtml_core.settings("gep")
    with standing_in() as stand_in:
        plain = types.SimpleNamespace(rtml_operators=hookimpl(lambda: [*()]))
        stand_in(Plugins([Candidate("a", "rtml-a", "1", lambda: plain)]))
        with pytest.raises(PluginError, match="plugin 'a' has no settings: it has no hook rtml_settings"):
            rtml_core.settings("a")


@pytest.mark.parametrize(
    ("cls", "words"),
    [
        (3, "rtml_settings of plugin 'bad' (rtml-bad 1.0) must return a subclass of rtml_core.Params; got 3"),
        (dict, "must return a subclass of rtml_core.Params"),
        (Geo(), "must return a subclass of rtml_core.Params"),
        (
            msgspec.defstruct("Two", [("a", int, 1), ("A", int, 1)], bases=(Params,), kw_only=True),
            "have one variable, RTML_PLUGIN_BAD_A",
        ),
        (msgspec.defstruct("Odd", [("a", Secret | int, 1)], bases=(Params,), kw_only=True), "'a' has a type that can't be read"),
        (
            msgspec.defstruct("Gone", [("a", "Nowhere", 1)], bases=(Params,), kw_only=True),
            "an annotation of Gone is no type here: NameError: name 'Nowhere'",
        ),
    ],
)
def test_a_plugin_whose_settings_make_no_sense_is_broken(use: Use, cls: Any, words: str) -> None:
    info = use(bad=cls, geo=Geo).infos["bad"]
    assert info.state == "broken"
    assert words in info.error
    assert info.settings == []
    assert rtml_core.settings("geo") == Geo()


def test_a_secret_is_shown_by_nothing() -> None:
    secret = Secret(HIDDEN)
    shown = [str(secret), repr(secret), f"{secret}", f"{secret!r}", f"{secret!s}", str([secret]), repr(Geo(token=secret))]
    shown += [repr(msgspec.structs.asdict(Geo(token=secret))), f"{secret!a}", "%s" % secret]  # noqa: UP031
    assert all(HIDDEN not in text and "***" in text for text in shown)
    assert secret.reveal() == HIDDEN
    assert secret == Secret(HIDDEN) == copy.deepcopy(secret)
    assert secret != Secret("other")
    assert secret != HIDDEN
    assert bool(secret)
    assert not Secret("")
    assert len({secret, Secret(HIDDEN)}) == 1
    for leak in (pickle.dumps, json.dumps, msgspec.json.encode):
        with pytest.raises(TypeError) as caught:
            leak(secret)
        assert HIDDEN not in str(caught.value)
    with pytest.raises(TypeError, match="a secret must be a text"):
        Secret(7)  # type: ignore[arg-type]


def test_a_setting_may_hold_others_of_its_kind(use: Use, file: Path) -> None:
    use(nested=Nested)
    file.write_text("[plugins.nested.place]\nname = 'Berlin'\nwithin = { name = 'Germany' }\n")
    assert rtml_core.settings("nested").place == Place("Berlin", Place("Germany"))
    plugin_settings.forget()
    file.write_text(f"[plugins.nested.place]\nname = 'Berlin'\nwithin = {{ name = '{HIDDEN}', login = '{HIDDEN}' }}\n")
    assert refused("nested").endswith(", [plugins.nested]: place must be Place or null; got a table")


def test_what_is_shown_has_value_source_and_meaning_and_no_secret(use: Use, file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    found = use(geo=Geo, lang=Lang)
    file.write_text(f"[plugins.geo]\ntoken = '{HIDDEN}'\nserver = {{ host = 'h', password = '{HIDDEN}' }}\nshape = 3\n")
    monkeypatch.setenv("RTML_PLUGIN_GEO_DIGITS", "3")
    rows, problems = plugin_settings.shown("geo", found.settings["geo"])
    known = {row.name: (row.value, row.source, row.text) for row in rows}
    assert known["radius_km"] == (6371.0088, "default", "radius of the Earth")
    assert known["digits"] == (3, "RTML_PLUGIN_GEO_DIGITS", "")
    assert known["token"] == ("***", str(file), "of the tile server")
    assert known["server"] == ({"host": "h", "password": "***"}, str(file), "")
    assert known["shape"][:2] == (None, str(file))
    assert problems == [f"{file}, [plugins.geo]: shape must be one of 'sphere', 'ellipsoid'; got 3"]
    assert HIDDEN not in repr(rows)


def test_tables_and_variables_of_nobody_are_told(use: Use, file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file.write_text("[plugins.goe]\na = 1\n[plugins.geo]\nshape = 'sphere'\n[plugins.plain]\nb = 1\n")
    monkeypatch.setenv("RTML_PLUGIN_NOBODY_A", HIDDEN)
    monkeypatch.setenv("RTML_PLUGIN_GEO_SHAPE", "sphere")
    notes = plugin_settings.strangers({"geo": Geo, "plain": None})
    assert notes == [
        f"{file} has settings for 'goe', and no plugin of that name is installed. Did you mean 'geo'?",
        f"{file} has settings for 'plain', and that plugin has none",
        "RTML_PLUGIN_NOBODY_A is set, and no plugin that is installed has that setting",
    ]


def test_the_example_is_a_file_that_can_be_used(use: Use, file: Path) -> None:
    use(geo=Geo)
    text = plugin_settings.example([("geo", Geo), ("lang", Lang), ("a.b", Geo)])
    assert tomllib.loads(text) == {"plugins": {"geo": {}, "lang": {}, "a.b": {}}}
    assert "# radius of the Earth: a number (RTML_PLUGIN_GEO_RADIUS_KM)\n# radius_km = 6371.0088\n" in text
    assert "# key = ...  # required" in text
    settable = [line.removeprefix("# ") for line in text.split("[plugins.lang]")[0].splitlines() if " = " in line]
    given = "\n".join(line for line in settable if not line.endswith("..."))
    file.write_text(f"[plugins.geo]\n{given}\n")
    assert tomllib.loads(given).keys() == {"radius_km", "places", "shape", "precise", "limits", "names"}
    assert rtml_core.settings("geo") == Geo()
