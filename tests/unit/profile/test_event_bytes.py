"""Documents of events made small with what the events of a store have in common."""

import zlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rtml_plugins.profile.event_bytes import PLAIN, EventBytes


def document(i: int) -> bytes:
    return b'{"_id":"%d","eventType":"web.webpagedetails.pageViews","who":"secret-%d","city":"Porto"}' % (i, i % 7)


def learned() -> EventBytes:
    made = EventBytes()
    made.see([(f"ecid:{i % 7}", document(i)) for i in range(50)])
    dictionary = made.make()
    assert dictionary is not None
    made.add(1, dictionary)
    return made


def test_a_dictionary_holds_what_several_identities_share_and_nobodys_own() -> None:
    made = EventBytes()
    made.see([(f"ecid:{i % 7}", document(i)) for i in range(50)])
    dictionary = made.make()
    assert dictionary is not None
    assert b'"eventType":"web.webpagedetails.pageViews"' in dictionary
    assert b"Porto" in dictionary
    assert b"secret" not in dictionary


def test_two_identities_are_not_enough() -> None:
    made = EventBytes()
    made.see([(f"ecid:{i % 2}", document(i)) for i in range(50)])
    assert made.make() is None


def test_a_document_becomes_small() -> None:
    number, packed = learned().pack(document(1234))
    assert number == 1
    assert len(packed) < len(document(1234)) / 3


@given(st.binary(max_size=300) | st.binary(max_size=30).map(lambda part: part * 500))
def test_any_bytes_come_back(data: bytes) -> None:
    made = learned()
    number, packed = made.pack(data)
    assert made.unpack(number, packed) == data
    assert len(packed) <= len(data)


def test_older_dictionaries_go_on_being_read() -> None:
    made = learned()
    old = made.pack(document(1))
    made.add(2, b'"city":"Porto"}"eventType":"web.webpagedetails.pageViews"')
    assert made.pack(document(1))[0] == 2
    assert made.unpack(*old) == document(1)


def test_one_is_due_when_enough_has_come_and_three_are_enough() -> None:
    made = EventBytes()
    assert [made.due(events) for events in (0, 63, 64)] == [False, False, True]
    made.add(1, b"x" * 50)
    assert [made.due(events) for events in (64, 4_999, 5_000)] == [False, False, True]
    made.add(2, b"x" * 50)
    made.add(3, b"x" * 50)
    assert not made.due(10**9)


def test_damage_is_noticed() -> None:
    made = learned()
    number, packed = made.pack(document(1))
    with pytest.raises(zlib.error):
        made.unpack(number, packed[:-3])
    with pytest.raises(KeyError):
        made.unpack(9, packed)
    assert made.unpack(PLAIN, packed) == packed
