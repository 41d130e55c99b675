"""Event logs made by hand, so that the readers can be tried without the corpus: EVTX files byte by byte, and events."""

import struct
import zlib
from collections.abc import Sequence
from typing import Any

CHUNK = 65_536
FILE_HEADER = 4_096
Data = dict[str, str] | list[tuple[str, str]]
"""The Data of a record: (name, text), "" for unnamed ones; pairs where names repeat."""
TIME = 132_223_104_000_000_000  # 2020-01-01T00:00:00Z as FILETIME


def event(number: int = 1, data: dict[str, Any] | None = None, **system: Any) -> dict[str, Any]:
    """One event as evtx-dump writes it."""
    return {
        "Event": {
            "#attributes": {"xmlns": "http://schemas.microsoft.com/win/2004/08/events/event"},
            "System": {
                "Provider": {
                    "#attributes": {"Name": "Microsoft-Windows-Sysmon", "Guid": "5770385F-C22A-43E0-BF4C-06F5698FFBD9"}
                },
                "EventID": 1,
                "Version": 5,
                "Level": 4,
                "Task": 1,
                "Opcode": 0,
                "Keywords": "0x8000000000000000",
                "TimeCreated": {"#attributes": {"SystemTime": "2020-01-01T00:00:00.000000Z"}},
                "EventRecordID": number,
                "Correlation": None,
                "Execution": {"#attributes": {"ProcessID": 4, "ThreadID": 8}},
                "Channel": "Microsoft-Windows-Sysmon/Operational",
                "Computer": "PC01",
                "Security": {"#attributes": {"UserID": "S-1-5-18"}},
            }
            | system,
            "EventData": {"Image": "C:\\Windows\\notepad.exe", "ProcessId": 4711} if data is None else data,
        }
    }


class _Chunk:
    """One chunk of an EVTX file; the XML of its records is spelt out in tokens, without templates."""

    def __init__(self) -> None:
        self.bytes = bytearray(512)
        self.numbers: list[int] = []
        self.last = 0

    def add(self, number: int, data: Data) -> bool:
        start = len(self.bytes)
        body = self._body(start + 24, number, data)
        size = 24 + len(body) + 4
        size += -size % 8
        if start + size > CHUNK:
            return False
        record = struct.pack("<4sIQQ", b"**\0\0", size, number, TIME) + body
        self.bytes += record.ljust(size - 4, b"\0") + struct.pack("<I", size)
        self.numbers.append(number)
        self.last = start
        return True

    def _body(self, at: int, number: int, data: Data) -> bytes:
        out = bytearray(b"\x0f\x01\x01\x00")

        def name(text: str) -> bytes:
            place = at + len(out) + 4  # the name stands right behind its offset
            raw = text.encode("utf-16-le")
            return struct.pack("<I", place) + struct.pack("<IHH", 0, 0, len(text)) + raw + b"\0\0"

        def value(text: str) -> None:
            out.extend(b"\x05\x01" + struct.pack("<H", len(text)) + text.encode("utf-16-le"))

        def element(tag: str, text: str | None = None, **attributes: str) -> None:
            """Opens an element; with text it is closed at once."""
            out.extend(struct.pack("<BI", 0x41 if attributes else 0x01, 0))
            out.extend(name(tag))
            if attributes:
                out.extend(struct.pack("<I", 0))
            for position, (key, text_of_it) in enumerate(attributes.items(), 1):
                out.append(0x06 if position == len(attributes) else 0x46)
                out.extend(name(key))
                value(text_of_it)
            out.append(0x02)
            if text is not None:
                if text:
                    value(text)
                out.append(0x04)

        element("Event")
        element("System")
        element("Provider", "", Name="Beffroi-Test")
        element("EventID", "4688")
        element("TimeCreated", "", SystemTime="2020-01-01T00:00:00.000000Z")
        element("EventRecordID", str(number))
        element("Channel", "Security")
        element("Computer", "PC01")
        out.append(0x04)
        element("EventData")
        for key, text in data.items() if isinstance(data, dict) else data:
            element("Data", text, **({"Name": key} if key else {}))
        out.extend(b"\x04\x04\x00")
        return bytes(out)

    def finished(self) -> bytes:
        free = len(self.bytes)
        first, last = (self.numbers[0], self.numbers[-1]) if self.numbers else (1, 0)
        events = zlib.crc32(bytes(self.bytes[512:]))
        head = struct.pack("<8sQQQQIIII", b"ElfChnk\0", first, last, first, last, 128, self.last, free, events)
        self.bytes[: len(head)] = head
        crc = zlib.crc32(bytes(self.bytes[:120]) + bytes(self.bytes[128:512]))
        self.bytes[124:128] = struct.pack("<I", crc)
        return bytes(self.bytes.ljust(CHUNK, b"\0"))


def evtx(records: Sequence[Data], *, each: int = 10, empty: int = 0) -> bytes:
    """An EVTX file of `records` (the named Data of each), `each` to a chunk, with `empty` chunks of zeros behind."""
    chunks = []
    for start in range(0, len(records), each):
        chunk = _Chunk()
        for number, data in enumerate(records[start : start + each], start + 1):
            assert chunk.add(number, data)
        chunks.append(chunk.finished())
    head = struct.pack(
        "<8sQQQIHHHH", b"ElfFile\0", 0, max(0, len(chunks) - 1), len(records) + 1, 128, 1, 3, FILE_HEADER, len(chunks)
    )
    head = head.ljust(120, b"\0")
    head += struct.pack("<II", 0, zlib.crc32(head))
    return head.ljust(FILE_HEADER, b"\0") + b"".join(chunks) + bytes(CHUNK * empty)


def thirty() -> bytes:
    """Thirty records in three chunks, two empty ones behind."""
    return evtx([{"CommandLine": f"command {number}", "User": "nurse"} for number in range(1, 31)], empty=2)
