"""The promise "two commands on a fresh machine", kept in bare Debian roots: nothing there but what debootstrap's minbase gives.

The host's certificates and package settings (apt's Acquire options, pip's files, PIP_*, *_proxy and certificate variables) are
carried into the root read-only: how a machine reaches its packages is its own affair, not part of the promise.
"""

import json
import os
import re
import shutil
import subprocess
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import pytest

pytestmark = [
    pytest.mark.long,
    pytest.mark.timeout(1_200),
    pytest.mark.skipif(os.geteuid() != 0, reason="needs root, to make a root"),
    pytest.mark.skipif(not shutil.which("apt-get"), reason="needs Debian's apt, to fetch debootstrap"),
]

SETTINGS = re.compile(
    r"PIP_\w+|\w*(_CERT|_CA_|CA_BUNDLE|CAINFO|CERT_FILE|CERT_DIR)\w*|(https?|ftp|no|all)_proxy", re.IGNORECASE
)
"""Variables that say how packages are reached and whom to trust."""

FILES = ("/etc/pip.conf", "/etc/resolv.conf", "/etc/hosts", "~/.config/pip", "~/.pip")
"""Files that do."""

BUNDLE = "/etc/ssl/certs/ca-certificates.crt"
OWN_CERTIFICATES = "/usr/local/share/ca-certificates/host.crt"
"""Where Debian takes the certificates a machine trusts of its own accord, to build its BUNDLE with."""


@dataclass(frozen=True)
class BareRoot:
    """A Debian root in a folder, with our project's files in /beffroi, owned by the ordinary user 1000."""

    folder: Path
    binds: tuple[tuple[str, str], ...]

    def run(self, *command: str, user: int = 0) -> subprocess.CompletedProcess[str]:
        """Run a command in it, in a mount namespace of its own so that nothing stays mounted."""
        mounts = [
            f"mount -t proc proc {self.folder}/proc",
            f"mount --rbind /dev {self.folder}/dev",
            *(f"mount --bind -o ro {path} {self.folder}{inside}" for path, inside in self.binds),
        ]
        settings = [f"{name}={value}" for name, value in os.environ.items() if SETTINGS.fullmatch(name)]
        inside = [
            "env",
            "-i",
            "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
            f"HOME={'/root' if user == 0 else '/home/nurse'}",
            *settings,
        ]
        script = " && ".join([*mounts, f'exec chroot --userspec={user}:{user} {self.folder} "$@"'])
        return subprocess.run(
            ["unshare", "--mount", "--propagation", "private", "bash", "-c", script, "root", *inside, *command],
            cwd="/",
            stdin=-3,
            capture_output=True,
            text=True,
            check=False,
        )


@pytest.fixture(scope="module")
def debootstrap(tmp_path_factory: pytest.TempPathFactory) -> list[str]:
    """Debian's debootstrap, unpacked rather than installed."""
    folder = tmp_path_factory.mktemp("debootstrap")
    subprocess.run(["apt-get", "-q", "update"], check=True, capture_output=True)
    subprocess.run(["apt-get", "-q", "download", "debootstrap"], cwd=folder, check=True, capture_output=True)
    (package,) = folder.glob("*.deb")
    subprocess.run(["dpkg", "-x", package, folder], check=True)
    return [
        "env",
        f"DEBOOTSTRAP_DIR={folder}/usr/share/debootstrap",
        f"{folder}/usr/sbin/debootstrap",
        "--variant=minbase",
    ]


Story = Callable[[BareRoot, Path], None]


@pytest.fixture(scope="module")
def told(
    request: pytest.FixtureRequest,
    debootstrap: list[str],
    tmp_path_factory: pytest.TempPathFactory,
    root: Path,
    corpus: Path,
) -> Iterator[dict[str, Future[None]]]:
    """The stories that were asked for, by their test's name. All of them are begun at once, as many as there are processors side by
    side: each waits most of its time for packages and disks."""
    folder = tmp_path_factory.mktemp("bare")
    asked = [item for item in request.session.items if item.path == request.path and isinstance(item, pytest.Function)]
    bases: dict[str, Future[Path]] = {}

    def tell(name: str, debian: str, story: Story) -> None:
        bare = _bare(bases[debian].result(), folder / name, root)
        try:
            story(bare, corpus)
        finally:
            shutil.rmtree(bare.folder)

    with ThreadPoolExecutor(2) as making, ThreadPoolExecutor(len(os.sched_getaffinity(0))) as telling:
        stories = [
            (item.name, str(item.callspec.params["debian"]), str(item.callspec.params["story"])) for item in asked
        ]
        bases |= {
            each: making.submit(_base, debootstrap, each, folder) for each in {debian for _, debian, _ in stories}
        }
        yield {name: telling.submit(tell, name, debian, STORIES[story]) for name, debian, story in stories}


def _base(debootstrap: list[str], debian: str, folder: Path) -> Path:
    """What debootstrap makes of a Debian."""
    base = folder / debian
    done = subprocess.run([*debootstrap, debian, base, mirror()], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout[-2000:]
    return base


def _bare(base: Path, folder: Path, root: Path) -> BareRoot:
    subprocess.run(["cp", "-a", base, folder], check=True)
    (folder / "etc/apt/apt.conf.d/90host").write_text(acquire_options(), "utf-8")
    (folder / "home/nurse").mkdir(parents=True)
    for name in tracked(root):
        target = folder / "beffroi" / name
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(root / name, target)
    subprocess.run(["chown", "-R", "1000:1000", folder / "beffroi", folder / "home/nurse"], check=True)
    return BareRoot(folder, tuple(place(folder)))


def mirror() -> str:
    """Where this host gets Debian's main packages from."""
    listing = [
        "apt-get",
        "indextargets",
        "--format",
        "$(REPO_URI)",
        "Origin: Debian",
        "Label: Debian",
        "Component: main",
    ]
    return subprocess.run(listing, capture_output=True, text=True, check=True).stdout.split()[0]


def acquire_options() -> str:
    """The host's ways of fetching for apt: proxies, certificates, patience."""
    dump = subprocess.run(["apt-config", "dump"], capture_output=True, text=True, check=True).stdout
    wanted = re.compile(r"^Acquire::(https?::|ftp::|Check-|Retries)\S* .*;$", re.MULTILINE)
    return "\n".join(found[0] for found in wanted.finditer(dump)) + "\n"


def tracked(root: Path) -> list[str]:
    """The files a clone would have, and those about to be committed."""
    listing = ["git", "ls-files", "--cached", "--others", "--exclude-standard", "-z"]
    names = subprocess.run(listing, cwd=root, capture_output=True, text=True, check=True).stdout.split("\0")
    return [name for name in names if name and (root / name).is_file()]


def place(folder: Path) -> Iterator[tuple[str, str]]:
    """Make room in the root for each of the host's settings that exist; what to bind, and where."""
    named = [value for name, value in os.environ.items() if SETTINGS.fullmatch(name) and value.startswith("/")]
    paths = {os.fspath(Path(path).expanduser()) for path in (*FILES, *named)} - {BUNDLE, os.fspath(Path(BUNDLE).parent)}
    for path, inside in [(BUNDLE, OWN_CERTIFICATES), *((path, path) for path in sorted(paths))]:
        if not Path(path).exists():
            continue
        room = folder / inside.lstrip("/")
        room.parent.mkdir(parents=True, exist_ok=True)
        if Path(path).is_dir():
            room.mkdir(exist_ok=True)
        else:
            room.touch()
        yield path, inside


def _it_gets_its_answer_with_nothing_else_typed(bare: BareRoot, corpus: Path) -> None:
    """One story, because each step stands on the one before."""
    as_nurse = bare.run("/beffroi/beffroi", "--version", user=1000)
    assert as_nurse.returncode == 2
    assert as_nurse.stderr.splitlines()[-1].endswith("type: sudo apt install python3 python3-venv")

    installed = bare.run("apt-get", "install", "--yes", "--no-install-recommends", "python3")
    assert installed.returncode == 0, installed.stderr
    with_python_alone = bare.run("/beffroi/beffroi", "--version", user=1000)
    assert with_python_alone.stderr.splitlines()[-2:] == as_nurse.stderr.splitlines()[-2:]

    as_root = bare.run("/beffroi/beffroi", "--version")
    assert as_root.returncode == 0, as_root.stderr
    assert re.fullmatch(r"beffroi [\d.]+\n", as_root.stdout)
    assert len(as_root.stderr.splitlines()) == 6

    shutil.copy(next((corpus / "evtx-attack-samples").glob("Discovery/*.evtx")), bare.folder / "tmp" / "night.evtx")
    hunt = bare.run("/beffroi/beffroi", "hunt", "--json", "/tmp/night.evtx", user=1000)
    assert hunt.returncode == 0, hunt.stderr
    assert all(json.loads(line)["file"] for line in hunt.stdout.splitlines())

    tests = bare.run("/beffroi/test", "--fast", user=1000)
    assert tests.returncode == 0, tests.stdout[-4000:]
    assert re.search(r"\d+ passed.* in [\d.]+s", tests.stdout.splitlines()[-1])


def _it_becomes_a_service_is_upgraded_and_goes_again(bare: BareRoot, _corpus: Path) -> None:
    """One story in the same root. systemd does not run there: what it would do is judged by its own tools."""
    packages = bare.run(
        "apt-get", "install", "--yes", "--no-install-recommends", "python3-venv", "systemd", "ca-certificates"
    )
    assert packages.returncode == 0, packages.stderr
    as_nurse = bare.run("/beffroi/beffroi", "install", "--lang=en", user=1000)
    assert as_nurse.returncode == 2
    assert as_nurse.stderr.splitlines()[-1] == "beffroi: this changes the machine: type sudo in front of it"

    installed = bare.run("/beffroi/beffroi", "install", "--lang=en")
    assert installed.returncode == 0, installed.stderr
    assert "· systemd does not run here: Beffroi starts with the machine" in installed.stderr
    again = bare.run("/beffroi/beffroi", "install", "--lang=en")
    assert again.returncode == 0, again.stderr

    assert bare.run("systemctl", "is-enabled", "beffroi").stdout == "enabled\n"
    verified = bare.run("systemd-analyze", "verify", "/etc/systemd/system/beffroi.service")
    assert verified.returncode == 0, verified.stderr
    judged = bare.run(
        "systemd-analyze", "security", "--offline=true", "--threshold=25", "/etc/systemd/system/beffroi.service"
    )
    assert judged.returncode == 0, judged.stdout[-2000:]
    listed = bare.run(
        "stat", "-c", "%a %U %n", "/var/lib/beffroi", "/etc/beffroi/beffroi.toml", "/opt/beffroi/current/beffroi"
    )
    assert listed.stdout.splitlines() == [
        "700 beffroi /var/lib/beffroi",
        "640 root /etc/beffroi/beffroi.toml",
        "755 root /opt/beffroi/current/beffroi",
    ]
    ready = bare.run("beffroi", "up", "--check", "--lang=en")
    assert ready.returncode == 0, ready.stderr

    # A later version, as somebody would unpack it beside: the old one's data go with it.
    assert bare.run("cp", "-a", "/beffroi", "/later").returncode == 0
    version = bare.folder / "later/src/beffroi/__init__.py"
    before = re.findall(r'__version__ = "([^"]+)"', version.read_text("utf-8"))[0]
    version.write_text(version.read_text("utf-8").replace(before, "99.1"), "utf-8")
    upgraded = bare.run("/later/beffroi", "upgrade", "--lang=en")
    assert upgraded.returncode == 0, upgraded.stderr
    assert bare.run("beffroi", "--version").stdout == "beffroi 99.1\n"
    assert (bare.folder / "var/lib/beffroi/before-99.1/store.db").exists()

    # One that cannot work is taken back by itself.
    version.write_text(version.read_text("utf-8").replace("99.1", "99.2"), "utf-8")
    (bare.folder / "later/src/beffroi/service/running.py").write_text("raise OSError('broken')\n", "utf-8")
    broken = bare.run("/later/beffroi", "upgrade", "--lang=en")
    assert broken.returncode == 1, broken.stderr
    assert "it is taken back" in broken.stderr
    assert bare.run("beffroi", "--version").stdout == "beffroi 99.1\n"
    assert bare.run("beffroi", "up", "--check").returncode == 0

    gone = bare.run("beffroi", "uninstall", "--lang=en")
    assert gone.returncode == 0, gone.stderr
    assert not (bare.folder / "etc/systemd/system/beffroi.service").exists()
    assert (bare.folder / "var/lib/beffroi/store.db").exists()
    untyped = bare.run("/beffroi/beffroi", "uninstall", "--purge", "--typed=no", "--lang=en")
    assert untyped.returncode == 2
    purged = bare.run("/beffroi/beffroi", "uninstall", "--purge", "--typed=beffroi", "--lang=en")
    assert purged.returncode == 0, purged.stderr
    assert not (bare.folder / "var/lib/beffroi").exists()
    assert bare.run("id", "beffroi").returncode != 0


STORIES: dict[str, Story] = {
    "nothing-else-typed": _it_gets_its_answer_with_nothing_else_typed,
    "service": _it_becomes_a_service_is_upgraded_and_goes_again,
}


@pytest.mark.parametrize("debian", ["bookworm", "trixie"])
@pytest.mark.parametrize("story", STORIES)
def test_a_bare_debian(story: str, debian: str, told: dict[str, Future[None]], request: pytest.FixtureRequest) -> None:
    assert story in STORIES
    assert debian
    told[request.node.name].result()
