"""rtml's own options: from the environment, else from the file, and what is said when either can't be read."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rtml_core.config import NO_FILE, config_file, config_path, option, source
from rtml_core.errors import ConfigError

VARIABLES = {
    "trust": "RTML_TRUST",
    "plugins": "RTML_PLUGINS",
    "block": "RTML_BLOCK_PLUGINS",
    "prefer": "RTML_PREFER",
    "strict": "RTML_STRICT_PLUGINS",
}


@pytest.fixture
def file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    path = tmp_path / "config.toml"
    path.write_text("")
    monkeypatch.setenv("RTML_CONFIG", str(path))
    return path


def test_without_file_and_environment_nothing_is_trusted_blocked_or_strict() -> None:
    found = [option("trust"), option("plugins"), option("block"), option("prefer"), option("strict")]
    assert found == [(), None, (), {}, False]
    assert [source(name) for name in VARIABLES] == [""] * 5


def test_the_file_gives_what_the_environment_leaves_open(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file.write_text(
        '[rtml]\ntrust = ["rtml-geo"]\nplugins = ["geo", " lang "]\nblock = ["slow"]\nprefer = { Same = "geo" }\nstrict = true\n'
    )
    found = [option("trust"), option("plugins"), option("block"), option("prefer"), option("strict")]
    assert found == [("rtml-geo",), ("geo", "lang"), ("slow",), {"Same": "geo"}, True]
    assert source("block") == f"block in {file}"
    texts = {"trust": "all", "plugins": "a, b,", "block": "c", "prefer": "Same=a, Other = b", "strict": "0"}
    for name, text in texts.items():
        monkeypatch.setenv(VARIABLES[name], text)
    found = [option("trust"), option("plugins"), option("block"), option("prefer"), option("strict")]
    assert found == [("all",), ("a", "b"), ("c",), {"Same": "a", "Other": "b"}, False]
    assert [source(name) for name in texts] == list(VARIABLES.values())


def test_an_empty_variable_counts_as_not_set(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file.write_text('[rtml]\ntrust = "all"\nblock = ["slow"]\n')
    monkeypatch.setenv("RTML_TRUST", "")
    monkeypatch.setenv("RTML_BLOCK_PLUGINS", " ")
    assert option("trust") == ("all",)
    assert option("block") == ("slow",)


def test_a_file_that_changes_is_read_again(file: Path) -> None:
    file.write_text('[rtml]\nblock = ["one"]\n')
    assert option("block") == ("one",)
    file.write_text('[rtml]\nblock = ["another"]\n')
    assert option("block") == ("another",)


@pytest.mark.parametrize(("text", "strict"), [("1", True), ("true", True), ("YES", True), ("0", False), ("off", False)])
def test_strict_takes_the_words_people_write(monkeypatch: pytest.MonkeyPatch, text: str, strict: bool) -> None:
    monkeypatch.setenv("RTML_STRICT_PLUGINS", text)
    assert option("strict") is strict


@pytest.mark.parametrize(
    ("content", "words"),
    [
        ("[rtml\n", ["is no TOML", "line 1"]),
        ("[rtml]\nblock = ['a']\nblock = ['b']\n", ["is no TOML", "line 3"]),
        (f"[rtml]\nblock = {'9' * 5000}\n", ["is no TOML"]),
        ("[rtlm]\n", ["'rtlm' is neither [rtml] nor [plugins.NAME]", "Did you mean 'rtml'?"]),
        ("plugins = 3\n", ["'plugins' must be a table, [plugins]; got a number"]),
        ("[rtml]\nblok = ['a']\n", ["[rtml]: unknown key 'blok'", "trust, plugins, block", "Did you mean 'block'?"]),
        ("[plugins]\ngeo = 'a'\n", ["[plugins]: 'geo' must be a table of settings, [plugins.geo]; got a text"]),
        ("[rtml]\nblock = 'a'\n", ["[rtml]: block must be a list of names", "got 'a'"]),
        ("[rtml]\nblock = ['a', 1]\n", ["[rtml]: block must be a list of names"]),
        ("[rtml]\nblock = ['']\n", ["[rtml]: block must be a list of names"]),
    ],
)
def test_a_file_that_makes_no_sense_is_one_clear_error(file: Path, content: str, words: list[str]) -> None:
    file.write_text(content)
    with pytest.raises(ConfigError) as caught:
        option("block")
    for word in [str(file), *words]:
        assert word in str(caught.value)


@pytest.mark.parametrize(
    ("name", "line", "words"),
    [
        ("prefer", "prefer = ['a']", "must be a table of names and plugins"),
        ("prefer", "prefer = { Same = 1 }", "must be a table of names and plugins"),
        ("strict", "strict = 'yes'", "must be true or false; got 'yes'"),
        ("trust", "trust = 'rtml-geo'", "must be a list of names"),
    ],
)
def test_an_option_of_the_wrong_kind_names_file_and_key(file: Path, name: str, line: str, words: str) -> None:
    file.write_text(f"[rtml]\n{line}\n")
    with pytest.raises(ConfigError) as caught:
        option(name)  # type: ignore[call-overload]
    assert f"{file}, [rtml]: {name} {words}" in str(caught.value)


@pytest.mark.parametrize(
    ("variable", "text", "words"),
    [
        ("RTML_PREFER", "Same", "RTML_PREFER must be like \"Haversine=geo,Geohash=geo\"; got 'Same'"),
        ("RTML_STRICT_PLUGINS", "maybe", "RTML_STRICT_PLUGINS must be 1 or 0; got 'maybe'"),
    ],
)
def test_a_variable_that_cannot_be_read_is_named(monkeypatch: pytest.MonkeyPatch, variable: str, text: str, words: str) -> None:
    monkeypatch.setenv(variable, text)
    with pytest.raises(ConfigError, match=f"^{words}$"):
        option("prefer" if variable == "RTML_PREFER" else "strict")


def test_a_variable_that_is_no_text_is_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(os.environb, b"RTML_BLOCK_PLUGINS", b"a\xff")
    with pytest.raises(ConfigError, match=r"RTML_BLOCK_PLUGINS must be text in UTF-8; got 'a\\udcff'"):
        option("block")


def test_a_file_that_is_not_utf_8_says_which_byte(file: Path) -> None:
    file.write_bytes(b"[rtml]\n# \xff\n")
    with pytest.raises(ConfigError, match="must be UTF-8; byte 9 is not"):
        config_file()


def test_a_file_that_is_named_must_be_there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RTML_CONFIG", str(tmp_path / "gone.toml"))
    with pytest.raises(ConfigError, match=r"RTML_CONFIG names .*gone\.toml, which does not exist"):
        option("trust")
    monkeypatch.setenv("RTML_CONFIG", str(tmp_path))
    with pytest.raises(ConfigError, match="can't be read: Is a directory; mend that, or set RTML_CONFIG="):
        option("trust")


def test_a_file_that_may_not_be_read_is_an_error_and_not_silence(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(path: Path) -> bytes:
        raise PermissionError(13, "Permission denied", str(path))

    file.write_text("[rtml]\nblock = ['unread']\n")
    monkeypatch.setattr(Path, "read_bytes", refuse)  # root, whom tests may run as, could read what has no permissions
    with pytest.raises(ConfigError, match="can't be read: Permission denied"):
        option("block")


def test_the_file_is_looked_for_in_the_home_and_never_where_one_works(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("RTML_CONFIG")
    monkeypatch.chdir(tmp_path)
    for folder in (".config/rtml", "rtml", "xdg/rtml"):
        (tmp_path / folder).mkdir(parents=True)
        (tmp_path / folder / "config.toml").write_text('[rtml]\ntrust = "all"\n')
    monkeypatch.setenv("HOME", str(tmp_path / "elsewhere"))
    for relative in ("", ".", "xdg"):  # the XDG specification has absolute paths only
        monkeypatch.setenv("XDG_CONFIG_HOME", relative)
        assert config_path() == (tmp_path / "elsewhere" / ".config" / "rtml" / "config.toml", False)
        assert config_file() is NO_FILE
    monkeypatch.setenv("HOME", "")
    assert option("trust") == ()
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "xdg"))
    assert option("trust") == ("all",)


def test_the_file_shows_no_value_in_its_repr(file: Path) -> None:
    file.write_text("[plugins.geo]\ntoken = 'hunter2'\n")
    assert "hunter2" not in repr(config_file())


_VALUES = st.recursive(
    st.booleans() | st.integers(-9, 9) | st.text("abl", max_size=4) | st.just("all"),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text("ab", min_size=1, max_size=2), inner, max_size=3),
    max_leaves=6,
)


def literal(value: object) -> str:
    """A value as TOML."""
    if isinstance(value, list):
        return f"[{', '.join(map(literal, value))}]"
    if isinstance(value, dict):
        return f"{{ {', '.join(f'{name} = {literal(one)}' for name, one in value.items())} }}"
    return json.dumps(value)


@given(
    st.text(max_size=40)
    | st.dictionaries(st.sampled_from([*VARIABLES, "other"]), _VALUES).map(
        lambda table: "[rtml]\n" + "".join(f"{name} = {literal(value)}\n" for name, value in table.items())
    )
)
def test_whatever_the_file_holds_it_is_an_option_or_one_error(tmp_path_factory: pytest.TempPathFactory, content: str) -> None:
    path = tmp_path_factory.mktemp("any") / "config.toml"
    path.write_bytes(content.encode("utf-8", "surrogatepass"))
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("RTML_CONFIG", str(path))
        for name in VARIABLES:
            try:
                found = option(name)  # type: ignore[call-overload]
            except ConfigError as error:
                found = str(error)
            kinds = (tuple, dict, bool, type(None))
            assert isinstance(found, kinds) or str(path) in found
