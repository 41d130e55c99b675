from hypothesis import given
from hypothesis import strategies as st

from beffroi.logs.receivers.files.lines import Line, Lines

TEXT = st.lists(st.sampled_from([b"a", b"\n", b"\r\n", b"longer than that", b"\0", b"\xff"])).map(b"".join)


@given(TEXT, st.integers(1, 9))
def test_it_does_not_matter_how_the_bytes_come(text: bytes, size: int) -> None:
    lines = Lines(1_000)
    found = [line for at in range(0, len(text), size) for line in lines.feed(text[at : at + size])]
    assert lines.read == len(text)
    found += lines.close()
    assert [line.text for line in found] == [line.rstrip(b"\r") for line in text.split(b"\n") if line.rstrip(b"\r")]
    assert all(text[line.start :].startswith(line.text) for line in found)
    assert lines.place == len(text)


@given(TEXT, st.integers(1, 9), st.integers(0, 10))
def test_one_can_go_on_behind_any_line(text: bytes, size: int, after: int) -> None:
    lines = Lines(5)
    found = [line for at in range(0, len(text), size) for line in lines.feed(text[at : at + size])]
    assert all(len(line.text) <= 5 for line in found)
    if after < len(found):
        last = found[after]
        again = Lines(5, last.end, skipping=last.skips)
        rest = [line for at in range(last.end, len(text), size) for line in again.feed(text[at : at + size])]
        assert [line.start for line in rest] == [line.start for line in found[after + 1 :]]


def test_a_line_without_end_takes_no_more_memory_than_one_may() -> None:
    lines = Lines(10)
    found = [line for _ in range(1_000) for line in lines.feed(b"x" * 100)]
    assert found == [Line(0, 100, b"x" * 10, cut=True, skips=True)]
    assert len(lines._begun) == 0
    assert lines.feed(b"x\nnext\n") == [Line(100_002, 100_007, b"next")]
