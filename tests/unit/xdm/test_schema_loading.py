"""Schema files are read from folders, files and bundles, and what is wrong with one is said with its place."""

from __future__ import annotations

import json
import zipfile
from pathlib import Path

import pytest

from rtml_plugins.xdm import sources
from rtml_plugins.xdm.schema import SchemaError, load
from tests.unit.xdm.schema_files import BASE, DESCRIPTOR, FILES, folder


def test_a_folder_with_folders_in_it(tmp_path: Path) -> None:
    schemas = load(folder(tmp_path, **{"acme/visit.descriptors.json": [DESCRIPTOR], "acme/visit.example.1.json": {"a": 1}}))
    assert len(schemas) == len(FILES)
    assert schemas.get("visit").identities[0].namespace == "Card"


def test_a_file_a_list_and_a_zip_say_the_same(tmp_path: Path) -> None:
    files = list(FILES.values())
    (tmp_path / "list.json").write_text(json.dumps(files))
    (tmp_path / "named.json").write_text(json.dumps({"schemas": files}))
    (tmp_path / "bom.json").write_bytes(b"\xef\xbb\xbf" + json.dumps(files).encode())
    with zipfile.ZipFile(tmp_path / "bundle.zip", "w", zipfile.ZIP_DEFLATED) as bundle:
        for name, document in FILES.items():
            bundle.writestr(name, json.dumps(document))
        bundle.writestr("README.md", "not a schema")
    digests = {load(tmp_path / name).get("visit").digest for name in ("list.json", "named.json", "bom.json", "bundle.zip")}
    assert digests == {load(folder(tmp_path / "folder")).get("visit").digest}


def test_one_schema_in_one_file(tmp_path: Path) -> None:
    (tmp_path / "any.json").write_text('{"$id": "urn:acme:one#", "title": "One"}')
    assert load(tmp_path / "any.json").names() == ["urn:acme:one"]


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b'{"$id": "a",\n "title": tru}', r"a.schema.json is not JSON: line 2, column 11: Expecting value"),
        (b"", "not JSON: line 1, column 1"),
        ('{"$id": "ü"}'.encode("latin-1"), "is not UTF-8: byte 9 is 0xfc"),
        (b'{"title": "A"}', r'has no "\$id", the URI that other schemas'),
        (b'{"$id": 5}', r'has no "\$id"'),
        (b"5", r"expected a schema, a JSON object with \"\$id\", got 5"),
        (b'[{"$id": "a"}, 5]', r"a.schema.json, schema 2: expected a schema"),
        (b'{"$id": "a", "minimum": NaN}', "NaN is not JSON"),
        (b'{"$id": "a", "minimum": ' + b"9" * 5000 + b"}", "a.schema.json: Exceeds the limit"),
        (b'{"$id": "a", "properties": {"x": {}, "x": {"type": "string"}}}', "the key 'x' stands twice in one object"),
        (b"[" * 100_000, "nests deeper than 200 levels"),
        (b'{"$id": "a", "x": ' + b"[" * 300 + b"]" * 300 + b"}", "nests deeper than 200 levels"),
        (b'{"$id": "a", "title": "\\ud800"}', "holds half a character"),
    ],
)
def test_a_broken_file_is_named_with_the_place(tmp_path: Path, content: bytes, said: str) -> None:
    (tmp_path / "a.schema.json").write_bytes(content)
    with pytest.raises(SchemaError, match=said) as caught:
        load(tmp_path)
    assert "a.schema.json" in str(caught.value)


def test_words_for_people_may_stand_twice(tmp_path: Path) -> None:
    (tmp_path / "a.schema.json").write_text(
        '{"$id": "a", "description": "one", "description": "two", "meta:tags": 1, "meta:tags": 2}'
    )
    assert load(tmp_path).get("a").description == "two"


def test_two_files_of_one_id_must_say_the_same(tmp_path: Path) -> None:
    folder(tmp_path, **{"more/visit.schema.json": FILES["acme/visit.schema.json"]})
    assert len(load(tmp_path)) == len(FILES)
    (tmp_path / "more" / "visit.schema.json").write_text(json.dumps({"$id": BASE + "schemas/visit", "title": "Another"}))
    with pytest.raises(
        SchemaError, match=r"more/visit.schema.json and .*acme/visit.schema.json both have the \$id .*schemas/visit'"
    ):
        load(tmp_path)


def test_what_is_not_there_is_said(tmp_path: Path) -> None:
    with pytest.raises(SchemaError, match="There is no schema file or folder 'nowhere'"):
        load("nowhere")
    with pytest.raises(SchemaError, match=r"has no file \*.schema.json"):
        load(tmp_path)
    with zipfile.ZipFile(tmp_path / "empty.zip", "w") as bundle:
        bundle.writestr("a.txt", "")
    with pytest.raises(SchemaError, match=r"has no file \*.schema.json in it"):
        load(tmp_path / "empty.zip")


def test_files_and_bundles_have_a_limit(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sources, "MAX_BYTES", 1000)
    (tmp_path / "big.schema.json").write_text(json.dumps({"$id": "a", "description": "x" * 1000}))
    with pytest.raises(SchemaError, match=r"big.schema.json has 1,\d\d\d bytes; a file of schemas may have 1,000"):
        load(tmp_path)
    with zipfile.ZipFile(tmp_path / "bomb.zip", "w", zipfile.ZIP_DEFLATED) as bundle:
        bundle.writestr("a.schema.json", "[" + " " * 1_000_000)
    assert (tmp_path / "bomb.zip").stat().st_size < 3000
    with pytest.raises(SchemaError, match="unpacks to more than 1,000 bytes"):
        load(tmp_path / "bomb.zip")


def test_a_damaged_bundle_is_said(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "b.zip", "w") as bundle:
        bundle.writestr("a.schema.json", '{"$id": "a"}')
    content = bytearray((tmp_path / "b.zip").read_bytes())
    content[content.index(b'{"$id"')] ^= 255
    (tmp_path / "b.zip").write_bytes(bytes(content))
    with pytest.raises(SchemaError, match=r"b\.zip' can't be unpacked: Bad CRC"):
        load(tmp_path / "b.zip")


@pytest.mark.parametrize("missing", ["xdm:sourceSchema", "xdm:sourceProperty", "xdm:namespace"])
def test_an_identity_descriptor_says_what_it_needs(tmp_path: Path, missing: str) -> None:
    descriptor = {key: value for key, value in DESCRIPTOR.items() if key != missing}
    with pytest.raises(SchemaError, match=f"an identity descriptor needs '{missing}'"):
        load(folder(tmp_path, **{"a.descriptors.json": [descriptor]}))
