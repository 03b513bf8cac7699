"""Fragments: section 3 of the protocol, rule by rule, then whatever a stranger may send."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as some

from homeward_key_auth.fragments import MOST_MESSAGE_BYTES, Assembler, Malformed, most_fragment_bytes, split

FIRST, LAST = 0x80, 0x40
messages = some.binary(min_size=1, max_size=MOST_MESSAGE_BYTES)


def assemble(assembler, fragments, now_s=0.0):
    return [message for fragment in fragments if (message := assembler.take(fragment, now_s)) is not None]


@given(mtu=some.integers(23, 517), sent=some.lists(messages, min_size=1, max_size=4))
def test_what_is_split_comes_out_the_same_at_every_mtu(mtu, sent):
    assembler, count = Assembler(), 0
    for message in sent:
        fragments = split(message, most_fragment_bytes(mtu), count)
        assert max(map(len, fragments)) <= min(mtu - 3, 512)
        assert assemble(assembler, fragments) == [message]
        count = (count + len(fragments)) % 64
    assert assembler.held_bytes == 0 and assembler.deadline_s is None


@pytest.mark.parametrize("mtu", range(23, 518))
def test_the_longest_message_passes_at_each_mtu(mtu):
    message = bytes(range(256)) * 8
    assert assemble(Assembler(), split(message, most_fragment_bytes(mtu), 0)) == [message]


def test_the_head_says_first_last_and_the_count():
    assert split(b"abcde", 3, 62) == [bytes([FIRST | 62]) + b"ab", bytes([63]) + b"cd", bytes([LAST | 0]) + b"e"]
    assert split(b"a", 20, 64) == [bytes([FIRST | LAST]) + b"a"]


@pytest.mark.parametrize("length, most_bytes", [(0, 20), (2049, 20), (5, 1), (5, 0), (5, -3)])
def test_what_cannot_be_sent_is_refused_where_it_is_sent(length, most_bytes):
    with pytest.raises(ValueError):
        split(bytes(length), most_bytes, 0)


FORBIDDEN = [
    ("nothing at all", [b""], "without a byte"),
    ("a head alone", [bytes([FIRST | LAST])], "without a byte"),
    ("a count that begins at 1", [bytes([FIRST | 1]) + b"a"], "where 0 was due"),
    ("the same fragment twice", [bytes([FIRST]) + b"a", bytes([0]) + b"b"], "where 1 was due"),
    ("a fragment left out", [bytes([FIRST]) + b"a", bytes([2]) + b"b"], "where 1 was due"),
    ("a beginning in the middle", [bytes([FIRST]) + b"a", bytes([FIRST | 1]) + b"b"], "in the middle of another"),
    ("a middle without a beginning", [bytes([0]) + b"a"], "never began"),
    ("an end without a beginning", [bytes([LAST]) + b"a"], "never began"),
    ("one byte too many", [bytes([FIRST]) + bytes(2048), bytes([LAST | 1]) + b"a"], "longer than 2048"),
    ("too many at once", [bytes([FIRST | LAST]) + bytes(2049)], "longer than 2048"),
]


@pytest.mark.parametrize("fragments, words", [case[1:] for case in FORBIDDEN], ids=[case[0] for case in FORBIDDEN])
def test_what_section_3_forbids_is_malformed_and_stays_so(fragments, words):
    assembler = Assembler()
    with pytest.raises(Malformed, match=words):
        assemble(assembler, fragments)
    assert assembler.held_bytes == 0
    with pytest.raises(Malformed, match=words):  # not even a good one afterwards
        assembler.take(bytes([FIRST | LAST]) + b"a", 0.0)


def test_a_message_has_five_seconds_and_the_clock_begins_with_each():
    assembler = Assembler()
    assembler.take(bytes([FIRST]) + b"a", 100.0)
    assert assembler.deadline_s == 105.0
    assembler.check(105.0)
    assert assembler.take(bytes([LAST | 1]) + b"b", 105.0) == b"ab"
    assembler.check(1000.0)  # between messages there is no hurry
    assembler.take(bytes([FIRST | 2]) + b"a", 1000.0)


@pytest.mark.parametrize("late_s", [105.1, math.inf, math.nan])
def test_a_message_that_takes_longer_is_malformed_with_and_without_a_fragment(late_s):
    waiting, trickling = Assembler(), Assembler()
    for assembler in (waiting, trickling):
        assembler.take(bytes([FIRST]) + b"a", 100.0)
    with pytest.raises(Malformed, match="longer than 5 s"):
        waiting.check(late_s)
    with pytest.raises(Malformed, match="longer than 5 s"):
        trickling.take(bytes([LAST | 1]) + b"b", late_s)
    assert waiting.held_bytes == trickling.held_bytes == 0


@given(some.lists(some.tuples(some.binary(max_size=600), some.floats(0.0, 2.0)), max_size=20))
def test_no_stranger_raises_anything_else_or_takes_more_memory(pieces):
    feed(Assembler(), pieces)


@given(some.lists(some.tuples(some.sampled_from([0, FIRST, LAST, FIRST | LAST]), some.integers(0, 600)), max_size=20))
def test_nor_one_who_counts_right(pieces):
    assembler = Assembler()
    feed(assembler, [(bytes([marks | at]) + bytes(length), 0.0) for at, (marks, length) in enumerate(pieces)])


def feed(assembler, pieces):
    now_s = 0.0
    for piece, after_s in pieces:
        now_s += after_s
        try:
            message = assembler.take(piece, now_s)
            assert message is None or 0 < len(message) <= MOST_MESSAGE_BYTES
        except Malformed:
            assert assembler.held_bytes == 0
        assert assembler.held_bytes <= MOST_MESSAGE_BYTES
