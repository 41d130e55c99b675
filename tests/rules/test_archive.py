"""Archives of rules from strangers: refused whole where one thing about them is not honest, from a file or an address."""

import hashlib
import http.server
import os
import stat
import threading
import time
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from beffroi.core.errors import InputError, UsageError
from beffroi.rules.archive import ArchiveLimits, shown
from beffroi.rules.update import Result
from beffroi.store import Store
from tests.rules.archives import RULE, actions, archive, in_use, member, with_member

# --- what a hostile archive does not -------------------------------------------------------------------------------

LINK = (stat.S_IFLNK | 0o777) << 16
DEVICE = (stat.S_IFCHR | 0o600) << 16


@pytest.mark.parametrize(
    ("info", "said"),
    [
        (member("/etc/cron.d/a.yml"), "no plain path"),
        (member("../../a.yml"), "leads out of its folder"),
        (member("rules/../../a.yml"), "leads out of its folder"),
        (member("rules/./a.yml"), "leads out of its folder"),
        (member("rules//a.yml"), "leads out of its folder"),
        (member("..\\a.yml"), "no plain path"),
        (member("C:/a.yml"), "no plain path"),
        (member("a\x1b[2J.yml"), "no plain path"),
        (member("a\u202elmy.exe"), "no plain path"),
        (member("rules/e\u0301.yml"), "written in two ways"),
        (member("rules /a.yml"), "ends oddly"),
        (member("rules./a.yml"), "ends oddly"),
        (member("RULES/Good.YML"), "the same file as rules/good.yml"),
        (member("rules/good.yml/a.yml"), "a file and a folder"),
        (member("rules/a.yml", external_attr=LINK), "a link or a device"),
        (member("anything", external_attr=LINK), "a link or a device"),
        (member("rules/a.yml", external_attr=DEVICE), "a link or a device"),
        (member("a" * 240 + ".yml"), "too long or too deep"),
        (member("a/" * 20 + "a.yml"), "too long or too deep"),
        (member("a.yml", compress_type=zipfile.ZIP_BZIP2), "packed in a way"),
        (member("a.yml", compress_type=zipfile.ZIP_LZMA), "packed in a way"),
    ],
    ids=lambda value: repr(value.filename) if isinstance(value, zipfile.ZipInfo) else None,
)
@pytest.mark.filterwarnings("ignore:Duplicate name")
def test_a_member_no_honest_archive_has_refuses_it_whole(
    info: zipfile.ZipInfo, said: str, take: Callable[..., Result], folder: Path, store: Store, tmp_path: Path
) -> None:
    before = {path for path in tmp_path.rglob("*") if "rules" not in path.parts}
    with pytest.raises(InputError, match=said):
        take(with_member(tmp_path / "a.zip", info))
    assert in_use(folder) is None
    assert actions(store) == []
    assert list((folder / "sets").iterdir()) == []
    after = {path for path in tmp_path.rglob("*") if "rules" not in path.parts}
    assert after - before <= {tmp_path / "a.zip", folder, folder / "sets", folder / "lock"}


def test_a_name_with_a_nul_is_refused(take: Callable[..., Result], tmp_path: Path) -> None:
    source = archive(tmp_path / "a.zip", {"rules/aXb.yml": RULE})
    source.write_bytes(source.read_bytes().replace(b"aXb", b"a\0b"))
    with pytest.raises(InputError, match="no plain path"):
        take(source)


def test_an_encrypted_archive_is_refused(take: Callable[..., Result], tmp_path: Path) -> None:
    source = archive(tmp_path / "a.zip")
    raw = bytearray(source.read_bytes())
    raw[6] |= 1  # local header
    raw[raw.index(b"PK\1\2") + 8] |= 1  # directory
    source.write_bytes(raw)
    with pytest.raises(InputError, match="it is encrypted"):
        take(source)


@pytest.mark.parametrize("kept", [0, 10, 60, -30, -10])
def test_a_cut_archive_is_refused(kept: int, take: Callable[..., Result], folder: Path, tmp_path: Path) -> None:
    source = archive(tmp_path / "a.zip")
    source.write_bytes(source.read_bytes()[:kept])
    with pytest.raises(InputError, match="no whole ZIP archive"):
        take(source)
    assert in_use(folder) is None


@pytest.mark.parametrize("at", range(0, 200, 7))
def test_an_archive_with_a_wrong_byte_is_refused_or_whole(
    at: int, take: Callable[..., Result], folder: Path, tmp_path: Path
) -> None:
    source = archive(tmp_path / "a.zip", {"rules/a.yml": RULE * 5})
    raw = bytearray(source.read_bytes())
    raw[at % len(raw)] ^= 0xFF
    source.write_bytes(raw)
    try:
        take(source)
    except InputError:
        assert in_use(folder) is None
    else:
        assert list((in_use(folder) or {}).values()) == [RULE * 5]


@pytest.mark.slow
def test_a_bomb_is_refused_by_what_it_claims(take: Callable[..., Result], tmp_path: Path) -> None:
    with pytest.raises(InputError, match="larger than"):
        take(archive(tmp_path / "a.zip", {"a.yml": "a" * 30_000_000}))
    with pytest.raises(InputError, match="must be a trap"):
        take(archive(tmp_path / "a.zip", {"a.yml": "a" * 900_000}), limits=ArchiveLimits())


def test_a_bomb_that_lies_about_its_size_is_refused_by_what_comes_out(
    take: Callable[..., Result], folder: Path, tmp_path: Path
) -> None:
    source = archive(tmp_path / "a.zip", {"a.yml": "a" * 30_000_000})
    claimed = (30_000_000).to_bytes(4, "little")
    raw = source.read_bytes()
    assert raw.count(claimed) == 2
    source.write_bytes(raw.replace(claimed, (1000).to_bytes(4, "little")))
    with pytest.raises(InputError):
        take(source)
    assert list((folder / "sets").iterdir()) == []


def test_many_members_that_are_too_large_together_are_refused(take: Callable[..., Result], tmp_path: Path) -> None:
    noise = hashlib.shake_256(b"x").hexdigest(8000)
    with pytest.raises(InputError, match="unpacks to more than its limit"):
        take(archive(tmp_path / "a.zip", {f"{number}.yml": noise for number in range(8)}))


@pytest.mark.parametrize("folders", [0, 400])
def test_too_many_members_are_refused_even_if_they_are_folders(
    folders: int, take: Callable[..., Result], tmp_path: Path
) -> None:
    members = {f"{number}/": "" for number in range(folders)} or {f"{number}.yml": RULE for number in range(400)}
    with pytest.raises(InputError, match="more than 200 members"):
        take(archive(tmp_path / "a.zip", members))


@pytest.mark.slow
def test_a_hundred_thousand_members_are_refused_in_a_moment(take: Callable[..., Result], tmp_path: Path) -> None:
    source = archive(tmp_path / "a.zip", dict.fromkeys((f"rules/{number:06}.yml" for number in range(100_000)), ""))
    began = time.process_time()
    with pytest.raises(InputError, match=r"more than 20000 members|ZIP64"):
        take(source, limits=ArchiveLimits())
    assert time.process_time() - began < 2


def test_a_count_that_lies_is_no_way_around(take: Callable[..., Result], tmp_path: Path) -> None:
    source = archive(tmp_path / "a.zip", {f"{number}.yml": RULE for number in range(400)})
    raw = bytearray(source.read_bytes())
    end = raw.rindex(b"PK\5\6")
    raw[end + 8 : end + 12] = (1).to_bytes(2, "little") * 2
    source.write_bytes(raw)
    with pytest.raises(InputError, match="more than 200 members"):
        take(source)
    with pytest.raises(InputError, match="more than 20000 members"):
        take(source, limits=ArchiveLimits(directory=1000))


def test_a_zip64_archive_is_refused(take: Callable[..., Result], tmp_path: Path) -> None:
    source = archive(tmp_path / "a.zip")
    raw = source.read_bytes()
    end = raw.rindex(b"PK\5\6")
    source.write_bytes(raw[:end] + b"PK\6\7" + bytes(16) + raw[end:])
    with pytest.raises(InputError, match="ZIP64"):
        take(source)


def test_an_archive_without_rules_is_refused(take: Callable[..., Result], tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"no rule \(\.yml\) is in it"):
        take(archive(tmp_path / "a.zip", {"README.md": "nothing"}))


def test_a_file_that_is_too_large_is_not_copied_further(take: Callable[..., Result], tmp_path: Path) -> None:
    source = tmp_path / "a.zip"
    source.write_bytes(bytes(3 << 20))
    with pytest.raises(InputError, match="larger than 1 MiB"):
        take(source)


@pytest.mark.parametrize(
    ("make", "said"), [(None, "it is not there"), (Path.mkdir, "it is no file"), (os.mkfifo, "no file")]
)
def test_a_source_that_is_no_file_is_named(
    make: Callable[[Path], None] | None, said: str, take: Callable[..., Result], tmp_path: Path
) -> None:
    if make is not None:
        make(tmp_path / "a.zip")
    with pytest.raises(InputError, match=said):
        take(tmp_path / "a.zip")


# --- from an address -----------------------------------------------------------------------------------------------


@pytest.fixture
def server() -> Iterator[http.server.ThreadingHTTPServer]:
    class Handler(http.server.BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            status, headers, body = PAGES[self.path.partition("?")[0]]
            self.send_response(status)
            for name, value in ({"Content-Length": str(len(body))} | headers).items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *arguments: object) -> None:
            pass

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as running:
        thread = threading.Thread(target=running.serve_forever, args=(0.02,))
        thread.start()
        yield running
        running.shutdown()
        thread.join()


PAGES: dict[str, tuple[int, dict[str, str], bytes]] = {}


@pytest.fixture
def base(server: http.server.ThreadingHTTPServer, tmp_path: Path) -> str:
    content = archive(tmp_path / "served.zip").read_bytes()
    PAGES.clear()
    PAGES.update(
        {
            "/a.zip": (200, {}, content),
            "/sent-on": (302, {"Location": "/a.zip"}, b""),
            "/round": (302, {"Location": "/round"}, b""),
            "/to-file": (302, {"Location": "file:///etc/passwd"}, b""),
            "/to-ftp": (302, {"Location": "ftp://127.0.0.1/a.zip"}, b""),
            "/to-outside": (302, {"Location": "http://192.0.2.1/a.zip"}, b""),
            "/large": (200, {}, bytes(2 << 20)),
            "/short": (200, {"Content-Length": "100000", "Connection": "close"}, content),
            "/secret": (403, {}, b""),
        }
    )
    return f"http://127.0.0.1:{server.server_address[1]}"


@pytest.mark.parametrize("path", ["/a.zip", "/sent-on"])
def test_rules_are_fetched_from_an_address(path: str, base: str, take: Callable[..., Result], folder: Path) -> None:
    result = take(f"{base}{path}?token=secret")
    assert result.source == f"{base}{path}"
    assert in_use(folder) == {"rules/windows/a.yml": RULE}


@pytest.mark.parametrize(
    ("path", "said"),
    [
        ("/missing", "cannot be fetched|stopped coming"),
        ("/secret", "cannot be fetched: .*Forbidden"),
        ("/round", "cannot be fetched"),
        ("/to-file", "sends on to another kind of address|not allowed"),
        ("/to-ftp", "sends on to another kind of address"),
        ("/large", "larger than 1 MiB"),
        ("/short", "stopped coming after .* of 100000 bytes"),
    ],
)
@pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")
def test_what_cannot_be_had_is_said(
    path: str, said: str, base: str, take: Callable[..., Result], folder: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(InputError, match=said):
        take(base + path)
    assert in_use(folder) is None


def test_nobody_is_sent_on_to_plain_http_elsewhere(base: str, take: Callable[..., Result]) -> None:
    with pytest.raises(UsageError, match="https:// only"):
        take(f"{base}/to-outside")


@pytest.mark.parametrize(
    "address",
    [
        "http://example.org/a.zip",
        "ftp://example.org/a.zip",
        "file:///a.zip",
        "https://",
        "http://127.0.0.1.example.org/",
    ],
)
def test_only_https_is_taken_and_http_from_this_machine(address: str, take: Callable[..., Result]) -> None:
    with pytest.raises(UsageError):
        take(address)


@pytest.mark.slow
def test_a_server_that_never_answers_is_given_up(take: Callable[..., Result]) -> None:
    import socket

    with socket.create_server(("127.0.0.1", 0)) as silent, pytest.raises(InputError, match="timed out"):
        take(f"http://127.0.0.1:{silent.getsockname()[1]}/a.zip", limits=ArchiveLimits(idle=0.3))


@pytest.mark.slow
def test_a_server_that_drips_is_given_up(take: Callable[..., Result]) -> None:
    import socket

    def drip(listening: socket.socket) -> None:
        connection, _ = listening.accept()
        with connection:
            connection.recv(4096)
            connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\n")
            for _ in range(100):
                try:
                    connection.sendall(b"x")
                except OSError:
                    return
                time.sleep(0.05)

    with socket.create_server(("127.0.0.1", 0)) as listening:
        thread = threading.Thread(target=drip, args=(listening,))
        thread.start()
        with pytest.raises(InputError, match="did not come within"):
            take(f"http://127.0.0.1:{listening.getsockname()[1]}/a.zip", limits=ArchiveLimits(idle=2, whole=0.5))
        thread.join()


@pytest.mark.parametrize(
    ("address", "clean"),
    [
        ("https://user:word@example.org:8443/a.zip?key=1#x", "https://example.org:8443/a.zip"),
        ("/srv/a.zip", "/srv/a.zip"),
    ],
)
def test_the_ledger_never_learns_what_an_address_hides(address: str, clean: str) -> None:
    assert shown(address) == clean
