"""Records of streams: what is read is read exactly, what is not is told, and nothing takes the others with it."""

import datetime
import decimal
import io
import json
from pathlib import Path
from typing import Any

import msgspec
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rtml_plugins.xdm.reading import Format, Read, ReadingError, read_records
from rtml_plugins.xdm.reading_json import DEEPEST, decode


def told(source: bytes, format: Format | None = None, **options: Any) -> list[tuple[int, str]]:
    """Line and sentence of what was refused, line and document of what was read."""
    return [
        (one.line, str(one.document) if one.problem is None else one.problem.message)
        for one in read_records(source, format, **options)
    ]


def documents(source: bytes | Path, format: Format | None = None) -> list[Any]:
    return [one.document for one in read_records(source, format)]


# ---- one record --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (b'{"a": 1, "b": {"c": 1, "c": 2}}', "the name 'c' stands twice"),
        (b'{"a": "\\"", "a": 2}', "the name 'a' stands twice"),
        (b'{"a": NaN}', "NaN is no JSON"),
        (b'{"a": [-Infinity]}', "-Infinity is no JSON"),
        (b'{"a": 1e400}', "larger than a float64"),
        (b'{"a": "\\ud800"}', "half of a surrogate pair"),
        (b'{"\\udfff": 1}', "half of a surrogate pair"),
        (b'{"a": "\xff"}', "no UTF-8: the byte 0xff at byte 8"),
        (b'{"a": "\xed\xa0\x80"}', "no UTF-8"),
        (b'{"a": "\xc3', "no UTF-8"),
        (b'{"a": 1', "cut off"),
        (b'{"a": "b', "cut off"),
        (b'{"a"', "cut off"),
        (b"{'a': 1}", "no JSON: expecting property name"),
        (b'{"a": 01}', "no JSON"),
        (b'{"a": 1} {"b": 2}', "no JSON: extra data"),
        (b"[1, 2]", "expected an object, got [1, 2]"),
        (b"null", "expected an object, got None"),
        (b"", "cut off"),
        (b'{"a": "b\0"}', "a zero byte"),
        (b'\xef\xbb\xbf{"a": 1}', "a byte order mark"),
        (b'{"a": ' + b"[" * 200 + b"]" * 200 + b"}", "nested more than"),
        (b'{"a": ' + b"[" * 100_000, "nested more than"),
        (b'{"a":' * 100_000, "nested more than"),
        (b'{"a": ' + b"9" * 5000 + b"}", "more digits than can be read"),
        (b'{"a": "b\nc"}', "no JSON: invalid control character"),
    ],
)
def test_what_is_refused_is_refused_in_words(text: bytes, said: str) -> None:
    document, problem = decode(text)
    assert document is None
    assert problem is not None
    assert said in problem.message


@pytest.mark.parametrize(
    "text",
    [
        b'{"a": 9400000000000000000001, "b": -170141183460469231731687303715884105729}',
        b'{"a": 1.0, "b": 1, "c": -0.0, "d": 1e5, "e": 5e-324}',
        b'{"zip": "02134", "version": "1.10", "at": "2026-03-01T10:00:00+13:00"}',
        '{"a": "\\ud83d\\ude00 \\u0000 \\\\ \\" \\/ é 😀", "b\\"": ""}'.encode(),
        b'{"a": {}, "b": [], "c": [{}], "": null}',
        b'{"a": ' + b"[" * (DEEPEST - 1) + b"]" * (DEEPEST - 1) + b"}",
        b'{"' + b"x" * 100_000 + b'": 1}',
    ],
)
def test_what_is_read_is_what_stands_there(text: bytes) -> None:
    document, problem = decode(text)
    assert problem is None
    assert json.dumps(document) == json.dumps(json.loads(text))


JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(st.characters(codec="utf-8")),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(st.characters(codec="utf-8")), inner, max_size=4),
    max_leaves=12,
)
OBJECTS = st.dictionaries(st.text(st.characters(codec="utf-8")), JSON, max_size=4)


@given(st.lists(OBJECTS, max_size=6), st.booleans(), st.sampled_from([None, 1]))
@settings(max_examples=30, deadline=None)
def test_lines_and_arrays_of_any_objects_come_back_equal(given: list[Any], ascii_only: bool, indent: int | None) -> None:
    def same(one: Any, other: Any) -> bool:
        return json.dumps(one, sort_keys=True) == json.dumps(other, sort_keys=True)

    as_lines = "".join(json.dumps(one, ensure_ascii=ascii_only) + "\r\n\n" for one in given).encode()
    assert same(documents(as_lines, "jsonl"), given)
    as_array = json.dumps(given, ensure_ascii=ascii_only, indent=indent).encode()
    assert same(documents(as_array), given)
    after_each_other = "\n".join(json.dumps(one, ensure_ascii=ascii_only, indent=1) for one in given).encode()
    assert same(documents(after_each_other, "json"), given)


@given(st.binary(max_size=200), st.sampled_from(["jsonl", "json"]))
@settings(max_examples=150, deadline=None)
def test_no_bytes_break_the_reader(source: bytes, format: Format) -> None:
    try:
        found = list(read_records(source, format))
    except ReadingError:
        return
    assert all((one.document is None) == (one.problem is not None) for one in found)
    assert [one.number for one in found] == list(range(1, len(found) + 1))


@given(OBJECTS, st.integers(0, 200), st.sampled_from(list(b'{}[]",\\ \x00\xff:1')))
@settings(max_examples=80, deadline=None)
def test_a_changed_byte_does_not_take_the_next_lines_with_it(document: Any, at: int, byte: int) -> None:
    text = bytearray(json.dumps(document).encode())
    text[at % len(text)] = byte
    found = list(read_records(bytes(text) + b'\n{"last": 1}\n', "jsonl"))
    assert found[-1].document == {"last": 1}


# ---- lines -------------------------------------------------------------------------------------------------------


def test_lines_are_counted_with_those_that_are_empty_and_the_last_needs_no_end() -> None:
    source = b'{"a":1}\n\n \t\r\n{"a":2}\r\n{"a":\n{"a":3}'
    assert told(source) == [
        (1, "{'a': 1}"),
        (4, "{'a': 2}"),
        (5, "the text ends before the document does: it was cut off"),
        (6, "{'a': 3}"),
    ]


def test_a_mark_at_the_very_beginning_is_passed_over() -> None:
    assert documents(b'\xef\xbb\xbf{"a": 1}\n{"a": 2}') == [{"a": 1}, {"a": 2}]
    assert documents(b'\xef\xbb\xbf[{"a": 1}]') == [{"a": 1}]


def test_an_enormous_line_is_passed_over_in_bounded_memory() -> None:
    class Endless(io.RawIOBase):
        def __init__(self) -> None:
            self.left = 64 << 20
            self.most = 0

        def readable(self) -> bool:
            return True

        def readinto(self, buffer: Any) -> int:
            count = min(len(buffer), self.left)
            self.most = max(self.most, len(buffer))
            buffer[:count] = b"x" * count
            self.left -= count
            return count

    stream = Endless()
    (one,) = read_records(io.BufferedReader(stream), "jsonl", longest=1 << 20)
    assert one.problem is not None
    assert (one.problem.keyword, one.raw) == ("size", b"")
    assert stream.most <= 2 << 20


@pytest.mark.parametrize("end", [b"\n", b"\r\n", b""])
def test_a_line_of_just_the_length_is_read_and_one_byte_more_is_not(end: bytes) -> None:
    text = b'{"a":"' + b"x" * 91 + b'"}'
    assert len(list(read_records(text + end, "jsonl", longest=99))) == 1
    (good,) = read_records(text + end, "jsonl", longest=99)
    (bad,) = read_records(text + end, "jsonl", longest=98)
    assert (good.problem, bad.document) == (None, None)
    assert [one.document is None for one in read_records(text + b'\n{"b":1}', "jsonl", longest=50)] == [True, False]


# ---- arrays ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        (b"[]", []),
        (b" [ ] ", []),
        (b'[{"a":1}, {"a": tru}, {"b":"}]\\""}\n, 3]', ["{'a': 1}", "no JSON", "{'b': '}]\"'}", "expected an object, got 3"]),
        (b'[{"a":1}, {"a":', ["{'a': 1}", "cut off"]),
        (b'[{"a":1}, ', ["{'a': 1}", "ends before the array does"]),
        (b'[{"a":1}', ["{'a': 1}", "ends before the array does"]),
        (b"[", ["ends before the array does"]),
        (b'[{"a":1}] {"b":2}', ["{'a': 1}", "text after the end of the array"]),
        (b'[{"a":1} {"b":2}]', ["{'a': 1}", "expected a comma"]),
        (b'[}, {"b":2}]', ["unexpected }"]),
        (b'[{"a":[1}}, {"b":2}]', ["no JSON", "{'b': 2}"]),
        (b'[{"a":[1}]}, {"b":2}]', ["no JSON", "expected a comma"]),
        (b'[{"a":"\n"}, {"b":2}]', ["invalid control character", "{'b': 2}"]),
    ],
)
def test_elements_are_found_whatever_is_in_them(source: bytes, expected: list[str]) -> None:
    found = [said for _, said in told(source, "json")]
    assert len(found) == len(expected)
    assert [some for some, wanted in zip(found, expected, strict=True) if wanted not in some] == []


def test_elements_know_their_lines_over_many_pieces_of_the_stream() -> None:
    given = [{"number": number, "text": "x" * 5000} for number in range(300)]
    source = b"[\n" + b",\n".join(json.dumps(one).encode() for one in given) + b"\n]"
    found = list(read_records(source))
    assert [one.document for one in found] == given
    assert [one.line for one in found] == list(range(2, 302))


def test_an_enormous_element_is_passed_over_and_the_next_one_read() -> None:
    big = b'{"a":"' + b'\\"]}' * 500_000 + b'","b":[{}]}'
    source = b'[{"c":1},\n' + big + b',\n{"d":2},' + b"7" * 2_000_000 + b',{"e":3}]'
    found = list(read_records(source, longest=1 << 20))
    assert [one.document for one in found] == [{"c": 1}, None, {"d": 2}, None, {"e": 3}]
    assert [one.line for one in found] == [1, 2, 3, 3, 3]
    (problem, _) = [one.problem for one in found if one.problem is not None]
    assert f"{len(big):,}" in problem.message


def test_one_object_over_many_lines_is_found_out() -> None:
    assert documents(b'{\n  "a": 1\n}\n{\n "b": 2\n}') == [{"a": 1}, {"b": 2}]


# ---- whole streams -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("source", "said"),
    [
        ('{"a": 1}'.encode("utf-16"), "is UTF-16"),
        (b"\x1f\x8b\x08\x00", "gzip"),
        (b"\x28\xb5\x2f\xfd", "zstd"),
        (b"PK\x03\x04", "zip"),
        (b"PAR1nothing", "no Parquet file"),
    ],
)
def test_what_is_no_json_at_all_is_said_with_the_cure(source: bytes, said: str) -> None:
    with pytest.raises(ReadingError, match=said):
        list(read_records(source))


def test_a_stream_stays_open_and_a_file_is_named(tmp_path: Path) -> None:
    stream = io.BytesIO(b'{"a": 1}')
    assert [one.document for one in read_records(stream)] == [{"a": 1}]
    assert not stream.closed
    with pytest.raises(ReadingError, match=r"nothing\.jsonl does not exist"):
        list(read_records(tmp_path / "nothing.jsonl"))
    with pytest.raises(ReadingError, match="can't be read"):
        list(read_records(tmp_path))


# ---- the envelope ------------------------------------------------------------------------------------------------


def test_the_envelope_is_taken_off_and_its_text_is_kept_byte_for_byte() -> None:
    entity = b'{ "_id":"1", "n":1.0 , "big":12345678901234567890123}'
    source = (
        b'{"header":{"schemaRef":{"id":"outer"}},"body":{"xdmMeta":{"schemaRef":{"id":"inner"}},"xdmEntity": ' + entity + b" }}"
    )
    (one,) = read_records(source)
    assert (one.text, one.raw, one.schema) == (entity, source, "inner")
    assert one.document == {"_id": "1", "n": 1.0, "big": 12345678901234567890123}


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (b'{"body":{"xdmEntity":[1]}}', "expected an object"),
        (b'{"body":{"xdmEntity":{"a":1,"a":2}}}', "stands twice"),
        (b'{"body":{"xdmEntity":{}, "xdmMeta": 7}}', "the envelope is not as it should be"),
        (b'{"header":{"schemaRef":{"id":7}},"body":{"xdmEntity":{}}}', "expected the $id of a schema"),
    ],
)
def test_an_odd_envelope_is_refused(text: bytes, said: str) -> None:
    (one,) = read_records(text)
    assert one.problem is not None
    assert said in one.problem.message


def test_what_only_looks_like_an_envelope_is_a_record() -> None:
    assert documents(b'{"body": "x", "header": 1}') == [{"body": "x", "header": 1}]


# ---- Parquet -----------------------------------------------------------------------------------------------------


def parquet(table: pa.Table) -> list[Read]:
    file = io.BytesIO()
    pq.write_table(table, file)
    file.seek(0)
    return list(read_records(file))


def test_rows_of_parquet_are_documents_with_every_value_as_it_was() -> None:
    moment = datetime.datetime(2018, 12, 10, 14, 33, 51, 250_000)
    table = pa.table(
        {
            "_id": ["a", "b"],
            "timestamp": pa.array([moment, None], pa.timestamp("us")),
            "zoned": pa.array([moment, None], pa.timestamp("ms", tz="Europe/Berlin")),
            "nano": pa.array([1_544_452_431_123_456_789, None], pa.timestamp("ns", tz="UTC")),
            "day": pa.array([datetime.date(2026, 1, 31), None]),
            "big": pa.array([2**62 + 1, None], pa.int64()),
            "price": pa.array([decimal.Decimal("12.50"), None], pa.decimal128(10, 2)),
            "zip": pa.array(["02134", None]).dictionary_encode(),
            "value": pa.array([1.0, None]),
            "flag": pa.array([True, None]),
            "web": pa.array([{"page": {"name": "x", "views": None}}, {"page": {"name": None, "views": None}}]),
            "items": pa.array([[{"SKU": "1"}, {"SKU": None}, None], []]),
            "identityMap": pa.array(
                [[("ECID", [{"id": "7"}])], None], pa.map_(pa.string(), pa.list_(pa.struct([("id", pa.string())])))
            ),
        }
    )
    first, second = parquet(table)
    assert first.document == {
        "_id": "a",
        "timestamp": "2018-12-10T14:33:51.250000Z",
        "zoned": "2018-12-10T15:33:51.250000+01:00",
        "nano": "2018-12-10T14:33:51.123456789Z",
        "day": "2026-01-31",
        "big": 2**62 + 1,
        "price": 12.5,
        "zip": "02134",
        "value": 1.0,
        "flag": True,
        "web": {"page": {"name": "x"}},
        "items": [{"SKU": "1"}, {}, None],
        "identityMap": {"ECID": [{"id": "7"}]},
    }
    assert b'"price":12.50' in first.text
    assert second.document == {"_id": "b", "items": []}


def test_rows_of_parquet_that_json_can_not_say_are_refused_one_by_one() -> None:
    pairs = pa.array([[("a", 1), ("a", 2)], [("a", 1)]], pa.map_(pa.string(), pa.int64()))
    table = pa.table({"value": [1.5, float("nan")], "name": pa.array([b"\xff", b"ok"], pa.binary()), "map": pairs})
    first, second = parquet(table)
    assert first.problem is not None
    assert second.problem is not None
    assert (first.problem.at, second.problem.at) == ("/name", "/value")
    third, _ = parquet(table.drop(["name"]))
    assert third.problem is not None
    assert "'a' stands twice" in third.problem.message
    with pytest.raises(ReadingError, match="column x: values of type duration"):
        parquet(pa.table({"x": pa.array([1], pa.duration("s"))}))


def test_parquet_through_a_pipe(tmp_path: Path) -> None:
    file = io.BytesIO()
    pq.write_table(pa.table({"a": list(range(2500))}), file)

    class Pipe(io.RawIOBase):
        def __init__(self, content: bytes) -> None:
            self.rest = io.BytesIO(content)

        def readable(self) -> bool:
            return True

        def readinto(self, buffer: Any) -> int:
            return self.rest.readinto(buffer)

    found = list(read_records(io.BufferedReader(Pipe(file.getvalue()))))
    assert [one.document for one in found] == [{"a": number} for number in range(2500)]
    assert msgspec.json.decode(found[-1].text) == {"a": 2499}
