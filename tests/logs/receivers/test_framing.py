import random
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from beffroi.logs.receivers.framing import Framing


def fed(data: bytes, *, pieces: int | None = None, longest: int = 1_000) -> tuple[list[bytes], int]:
    """(the messages, how many were cut), with the bytes coming all at once or in pieces of so many, and the connection ending."""
    framing = Framing(longest)
    step = pieces or max(1, len(data))
    found = [each for at in range(0, len(data), step) for each in framing.feed(data[at : at + step])]
    return found + framing.end(), framing.cut


@pytest.mark.parametrize("pieces", [None, 1, 3, 7])
@pytest.mark.parametrize(
    ("data", "messages"),
    [
        (b"<13>one\n<13>two\n", [b"<13>one", b"<13>two"]),
        (b"<13>one\r\n<13>two\r\n", [b"<13>one", b"<13>two"]),
        (b"<13>one\0<13>two\0", [b"<13>one", b"<13>two"]),
        (b"<13>one\n\0<13>two\n\0", [b"<13>one", b"<13>two"]),
        (b"<13>one\n<13>the last without trailer", [b"<13>one", b"<13>the last without trailer"]),
        (b"7 <13>one9 <13>t\nwo!", [b"<13>one", b"<13>t\nwo!"]),
        (b"8 <13>one\n8 <13>two\n", [b"<13>one", b"<13>two"]),
        (b"7 <13>one\n7 <13>two\n", [b"<13>one", b"<13>two"]),
        (b"7 <13>one<13>two\n7 <13>thr", [b"<13>one", b"<13>two", b"<13>thr"]),
        (b"<13>one\n7 <13>two<13>three\n", [b"<13>one", b"<13>two", b"<13>three"]),
        (b"7 <13>one3 two", [b"<13>one", b"two"]),
        (b"10 packets dropped\n2026-01-01 a line\n", [b"10 packets dropped", b"2026-01-01 a line"]),
        (b"\n\n\r\n\0", []),
        (b"", []),
    ],
)
def test_each_framing_is_told_by_itself(data: bytes, messages: list[bytes], pieces: int | None) -> None:
    assert fed(data, pieces=pieces) == (messages, 0)


@pytest.mark.parametrize("pieces", [None, 1])
def test_a_forged_count_in_a_line_swallows_nothing(pieces: int | None) -> None:
    forged = b"<13>name=\n90 <13>x\n<13>after\n<13>" + b"y" * 100 + b"\n<13>last\n"
    found, _ = fed(forged, pieces=pieces)
    assert found == [b"<13>name=", b"90 <13>x", b"<13>after", b"<13>" + b"y" * 100, b"<13>last"]
    assert b"99999 <13>x" in fed(b"<13>one\n99999 <13>x\n<13>two\n", pieces=pieces)[0]


@pytest.mark.parametrize("pieces", [None, 1, 7, 100])
def test_a_message_too_long_is_cut_and_those_after_it_are_whole(pieces: int | None) -> None:
    long = b"<13>" + b"x" * 5_000
    short = b"<13>short"
    lines, cut = fed(b"\n".join([short, long, short, b""]), pieces=pieces)
    assert (lines, cut) == ([short, long[:1_000], short], 1)
    counted, cut = fed(b"9 %b5004 %b9 %b" % (short, long, short), pieces=pieces)
    assert (counted, cut) == ([short, long[:1_000], short], 1)


def test_what_is_kept_of_an_endless_message_is_bounded() -> None:
    for start in (b"<13>", b"999999999 <13>"):
        framing = Framing(1_000)
        found = framing.feed(start)
        for _ in range(1_000):
            found += framing.feed(b"x" * 500)
            assert len(framing._rest) <= 1_500
        assert len(found) == 1
        assert framing.half


def test_lines_held_back_by_what_might_be_a_count_are_given_at_the_end() -> None:
    assert fed(b"<13>one\n900 <b>bold</b>\nand another\nand more")[0] == [
        b"<13>one",
        b"900 <b>bold</b>",
        b"and another",
        b"and more",
    ]


@pytest.mark.parametrize(
    "forged", [b"\n60003 <", b"\x0060003 <", b"\n9 <", b"\n65530 <\n", b"9 <\n", b"9 ", b"\n\0", b"\r", b"\n1 <"]
)
def test_forged_counts_cost_no_more_than_their_bytes(forged: bytes) -> None:
    framing = Framing(65_536)
    framing.feed(b"<13>one\n")
    start = time.process_time()
    framing.feed(forged * (131_072 // len(forged)))
    assert time.process_time() - start < 0.5


def test_bytes_that_drip_into_a_long_message_cost_little_each() -> None:
    framing = Framing(65_536)
    framing.feed(b"<13>one\n60003 <13>" + b"x" * 50_000)
    start = time.process_time()
    for _ in range(1_000):
        framing.feed(b"x")
    assert time.process_time() - start < 0.5


def test_a_counted_message_that_was_broken_off_is_kept_and_counted_as_cut() -> None:
    assert fed(b"7 <13>one70 <13>two") == ([b"<13>one", b"<13>two"], 1)


MESSAGES = st.lists(st.binary(min_size=1, max_size=50).map(lambda each: b"<13>" + each.strip(b"\n\r\0")), max_size=20)


@given(MESSAGES, st.integers(1, 60))
def test_counted_messages_come_out_as_they_went_in(messages: list[bytes], pieces: int) -> None:
    data = b"".join(b"%d %b" % (len(each), each) for each in messages)
    assert fed(data, pieces=pieces) == (messages, 0)


@given(MESSAGES, st.integers(1, 60), st.sampled_from([b"\n", b"\r\n", b"\0"]))
def test_lines_come_out_as_they_went_in(messages: list[bytes], pieces: int, trailer: bytes) -> None:
    messages = [each.translate(None, b"\n\r\0") for each in messages]
    assert fed(b"".join(each + trailer for each in messages), pieces=pieces) == (messages, 0)


@given(st.binary(max_size=300), st.integers(1, 60))
def test_rubbish_comes_out_bounded_and_whole_however_it_is_cut_up(data: bytes, pieces: int) -> None:
    found, _ = fed(data, pieces=pieces, longest=20)
    assert all(0 < len(each) <= 20 for each in found)


def test_lines_are_not_taken_apart_one_by_one() -> None:
    """A thousand lines in one piece cost hardly more than splitting them."""
    generator = random.Random(1)
    lines = [b"<13>" + generator.randbytes(100).translate(None, b"\n\r\0") for _ in range(1_000)]
    assert Framing(1_000).feed(b"\n".join([*lines, b""])) == lines
