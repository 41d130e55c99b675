"""Commands by which an IT provider checks and repairs, by what happened and where. Pure.

Whoever attacks chooses names of accounts and machines, so what stands in a command is quoted as its shell wants it, and only what plainly is
a name or an address stands there at all; anything else stays a place to fill in, `<ACCOUNT>`. Nothing here is ever run by Beffroi.

Taken from the manuals: Microsoft's PowerShell reference, the manual pages of systemd, util-linux, shadow and Samba, Fortinet's CLI reference.
"""

import ipaddress
import re
import shlex
from collections.abc import Callable, Mapping
from typing import Final, NamedTuple

KINDS: Final = ("windows", "linux", "samba", "fortigate", "m365")
"""Kinds of sources that commands are known for."""

_NAME: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,62}", re.ASCII)


class Commands(NamedTuple):
    """What shows more, and what undoes it."""

    check: tuple[str, ...]
    repair: tuple[str, ...]


def commands(situation: str, kind: str, values: Mapping[str, str]) -> Commands:
    """The commands for a situation on a kind of source, filled with what is known: `machine`, `account`, `address`."""
    found = _COMMANDS[kind].get(_TOPIC_OF.get(situation, "signs"), _COMMANDS[kind]["signs"])
    return Commands(
        tuple(_filled(each, kind, values) for each in found.check),
        tuple(_filled(each, kind, values) for each in found.repair),
    )


def _filled(command: str, kind: str, values: Mapping[str, str]) -> str:
    quote = _QUOTES[kind]
    for place, plain in (("machine", _is_name), ("account", _is_name), ("address", _is_address)):
        value = values.get(place, "")
        command = command.replace(f"<{place.upper()}>", quote(value if plain(value) else f"<{place.upper()}>"))
    return command


def _is_name(value: str) -> bool:
    return _NAME.fullmatch(value) is not None


def _is_address(value: str) -> bool:
    try:
        return str(ipaddress.ip_address(value)) == value.lower()
    except ValueError:
        return False


def _of_powershell(value: str) -> str:
    return "'" + value.replace("'", "''") + "'"


def _of_fortios(value: str) -> str:
    return '"' + value.replace("\\", "\\\\").replace('"', '\\"') + '"'


_QUOTES: Final[Mapping[str, Callable[[str], str]]] = {
    "windows": _of_powershell,
    "linux": shlex.quote,
    "samba": shlex.quote,
    "fortigate": _of_fortios,
    "m365": _of_powershell,
}

_TOPICS: Final = {
    "sign-in": "password-guessing password-spraying password-guessed sign-in-from-elsewhere old-sign-in administrator-at-night "
    "watch-attacked",
    "accounts": "new-administrator account-changed full-power",
    "programs": "attachment-opened foothold remote-control malware-found foreign-code steered-from-outside spied-on",
    "protection": "defences-off traces-wiped",
    "secrets": "passwords-stolen",
    "neighbours": "network-scan house-explored machine-to-machine attack-prepared",
    "services": "service-attacked service-broken-into service-flooded",
    "files": "files-read files-packed files-sent-out files-deleted decoy-touched data-falsified resident-swindled",
    "blocking": "copies-destroyed files-encrypted ransom-note machines-stopped",
    "mail": "mailbox-forwards mailbox-hides mailbox-entered rogue-application payment-fraud",
    "signs": "unknown",
}
_TOPIC_OF: Final = {situation: topic for topic, names in _TOPICS.items() for situation in names.split()}

_WINDOWS: Final = {
    "signs": Commands(
        (
            "Get-WinEvent -ComputerName <MACHINE> -LogName Security -MaxEvents 200 | Select-Object TimeCreated, Id, Message",
            "Get-CimInstance Win32_LogonSession | Get-CimAssociatedInstance -ResultClassName Win32_Account",
        ),
        ("Start-MpScan -ScanType QuickScan",),
    ),
    "sign-in": Commands(
        (
            (
                "Get-WinEvent -FilterHashtable @{LogName='Security'; Id=4624,4625} -MaxEvents 5000 | "
                "Where-Object { $_.Properties[5].Value -eq <ACCOUNT> } | Select-Object TimeCreated, Id, Message"
            ),
            "Get-WinEvent -FilterHashtable @{LogName='Security'; Id=4740} -MaxEvents 50 | Select-Object TimeCreated, Message",
            "quser /server:<MACHINE>",
        ),
        (
            "Disable-ADAccount -Identity <ACCOUNT>",
            "Disable-LocalUser -Name <ACCOUNT>",
            "logoff '<SESSION>' /server:<MACHINE>",
            "Set-ADAccountPassword -Identity <ACCOUNT> -Reset",
            "New-NetFirewallRule -DisplayName 'Incident' -Direction Inbound -RemoteAddress <ADDRESS> -Action Block",
        ),
    ),
    "accounts": Commands(
        (
            "Get-LocalGroupMember -SID S-1-5-32-544",
            'Get-ADGroupMember -Identity "$((Get-ADDomain).DomainSID)-512"',
            (
                "Get-ADUser -Filter * -Properties whenCreated | Sort-Object whenCreated -Descending | "
                "Select-Object -First 10 SamAccountName, Enabled, whenCreated"
            ),
            "Get-WinEvent -FilterHashtable @{LogName='Security'; Id=4720,4722,4728,4732,4756} | Select-Object TimeCreated, Id, Message",
        ),
        (
            "Remove-LocalGroupMember -SID S-1-5-32-544 -Member <ACCOUNT>",
            'Remove-ADGroupMember -Identity "$((Get-ADDomain).DomainSID)-512" -Members <ACCOUNT>',
            "Disable-ADAccount -Identity <ACCOUNT>",
            "Disable-LocalUser -Name <ACCOUNT>",
        ),
    ),
    "programs": Commands(
        (
            "Get-ScheduledTask | Where-Object State -ne 'Disabled' | Select-Object TaskPath, TaskName, Author",
            "Get-CimInstance Win32_Service | Where-Object State -eq 'Running' | Select-Object Name, PathName, StartName",
            "Get-CimInstance Win32_StartupCommand | Select-Object Name, Command, Location, User",
            (
                "Get-NetTCPConnection -State Established | "
                "Select-Object RemoteAddress, RemotePort, @{n='Program'; e={(Get-Process -Id $_.OwningProcess).Path}}"
            ),
            "Get-MpThreatDetection | Select-Object InitialDetectionTime, ProcessName, Resources",
        ),
        (
            "Disable-ScheduledTask -TaskPath '<PATH>' -TaskName '<TASK>'",
            "Stop-Service -Name '<SERVICE>'; Set-Service -Name '<SERVICE>' -StartupType Disabled",
            "Start-MpScan -ScanType FullScan",
        ),
    ),
    "protection": Commands(
        (
            "Get-MpComputerStatus | Select-Object RealTimeProtectionEnabled, IsTamperProtected, AntivirusSignatureLastUpdated",
            "Get-MpPreference | Select-Object ExclusionPath, ExclusionProcess, ExclusionExtension",
            "Get-NetFirewallProfile | Select-Object Name, Enabled",
            "Get-WinEvent -FilterHashtable @{LogName='Security'; Id=1102,4719} | Select-Object TimeCreated, Id, Message",
            "auditpol /get /category:*",
        ),
        (
            "Set-MpPreference -DisableRealtimeMonitoring $false",
            "Remove-MpPreference -ExclusionPath '<PATH>'",
            "Set-NetFirewallProfile -All -Enabled True",
            "wevtutil set-log Security /maxsize:1073741824",
        ),
    ),
    "secrets": Commands(
        (
            "quser /server:<MACHINE>",
            "Get-ItemProperty HKLM:\\SYSTEM\\CurrentControlSet\\Control\\Lsa | Select-Object RunAsPPL",
            (
                "Get-ADUser -Filter * -Properties PasswordLastSet, AdminCount | Where-Object AdminCount -eq 1 | "
                "Select-Object SamAccountName, PasswordLastSet"
            ),
        ),
        (
            "Set-ADAccountPassword -Identity <ACCOUNT> -Reset",
            "Set-ItemProperty -Path HKLM:\\SYSTEM\\CurrentControlSet\\Control\\Lsa -Name RunAsPPL -Value 1 -Type DWord",
        ),
    ),
    "neighbours": Commands(
        (
            "Get-SmbSession | Select-Object ClientComputerName, ClientUserName, NumOpens",
            "Resolve-DnsName -Name <ADDRESS>; arp -a <ADDRESS>",
            "quser /server:<MACHINE>",
        ),
        (
            "Get-SmbSession | Where-Object ClientUserName -like ('*\\' + <ACCOUNT>) | Close-SmbSession -Force",
            "New-NetFirewallRule -DisplayName 'Incident' -Direction Inbound -RemoteAddress <ADDRESS> -Action Block",
            "Disable-ADAccount -Identity <ACCOUNT>",
        ),
    ),
    "services": Commands(
        (
            (
                "Get-NetTCPConnection -State Listen | "
                "Select-Object LocalPort, @{n='Program'; e={(Get-Process -Id $_.OwningProcess).Path}}"
            ),
            "Get-ChildItem C:\\inetpub -Recurse -File | Where-Object LastWriteTime -gt (Get-Date).AddDays(-7)",
            "Get-HotFix | Sort-Object InstalledOn -Descending | Select-Object -First 10",
        ),
        (
            "Stop-Service -Name W3SVC",
            "New-NetFirewallRule -DisplayName 'Incident' -Direction Inbound -RemoteAddress <ADDRESS> -Action Block",
        ),
    ),
    "files": Commands(
        (
            "Get-SmbOpenFile | Select-Object ClientComputerName, ClientUserName, Path",
            "Get-SmbShareAccess -Name '<SHARE>'",
            "Get-WinEvent -FilterHashtable @{LogName='Security'; Id=5145,4663} -MaxEvents 1000 | Select-Object TimeCreated, Id, Message",
        ),
        (
            "Get-SmbOpenFile | Where-Object ClientUserName -like ('*\\' + <ACCOUNT>) | Close-SmbOpenFile -Force",
            "Disable-ADAccount -Identity <ACCOUNT>",
        ),
    ),
    "blocking": Commands(
        (
            "vssadmin list shadows",
            "wbadmin get versions",
            "Get-SmbOpenFile | Group-Object ClientComputerName, ClientUserName | Sort-Object Count -Descending",
            "Get-CimInstance Win32_Process | Sort-Object CreationDate -Descending | Select-Object -First 20 CreationDate, CommandLine",
        ),
        (
            "Get-SmbSession | Where-Object ClientUserName -like ('*\\' + <ACCOUNT>) | Close-SmbSession -Force",
            "Disable-NetAdapter -Name '*' -Confirm:$false",
            "Disable-ADAccount -Identity <ACCOUNT>",
            "reagentc /enable",
        ),
    ),
}

_LINUX: Final = {
    "signs": Commands(("sudo journalctl --since -24h --priority notice", "who --all", "sudo ss -tupn"), ()),
    "sign-in": Commands(
        (
            "sudo last -Faiw <ACCOUNT> | head -n 50",
            "sudo lastb -Faiw <ACCOUNT> | head -n 50",
            "sudo journalctl --since -24h | grep -F -e <ADDRESS>",
        ),
        (
            "sudo usermod --lock --expiredate 1 <ACCOUNT>",
            "sudo pkill -KILL -u <ACCOUNT>",
            "sudo ip route add blackhole <ADDRESS>",
        ),
    ),
    "accounts": Commands(
        (
            "getent group sudo wheel adm; awk -F: '$3 == 0' /etc/passwd",
            "sudo grep -rn NOPASSWD /etc/sudoers /etc/sudoers.d",
            "sudo journalctl --since -7d -t useradd -t usermod -t groupadd",
        ),
        ("sudo gpasswd --delete <ACCOUNT> sudo", "sudo usermod --lock --expiredate 1 <ACCOUNT>"),
    ),
    "programs": Commands(
        (
            "systemctl list-unit-files --state=enabled; systemctl list-timers --all",
            "sudo ls -la /etc/cron.d /etc/cron.daily /etc/cron.hourly /var/spool/cron",
            "sudo ss -tupn state established",
            "sudo find /root /home -name authorized_keys -exec ls -l {} +",
        ),
        ("sudo systemctl disable --now '<UNIT>'", "sudo pkill -STOP -u <ACCOUNT>"),
    ),
    "protection": Commands(
        (
            "sudo auditctl -s; systemctl status auditd rsyslog systemd-journald --no-pager",
            "sudo journalctl --verify",
            "sudo ls -la --time-style=full-iso /var/log",
        ),
        ("sudo systemctl enable --now auditd rsyslog",),
    ),
    "secrets": Commands(
        ("sudo journalctl --since -24h -t sudo -t su", "sudo ls -la --time-style=full-iso /etc/shadow /etc/passwd"),
        ("sudo passwd <ACCOUNT>",),
    ),
    "neighbours": Commands(
        ("ip neigh show <ADDRESS>", "getent hosts <ADDRESS>", "sudo last -Faiw | head -n 50"),
        ("sudo ip route add blackhole <ADDRESS>",),
    ),
    "services": Commands(
        (
            "sudo ss -tulpn",
            "sudo grep -rF -e <ADDRESS> /var/log/nginx /var/log/apache2 | tail -n 200",
            "sudo find /var/www -type f -mtime -7 -ls",
        ),
        ("sudo systemctl stop '<UNIT>'", "sudo ip route add blackhole <ADDRESS>"),
    ),
    "files": Commands(
        ("sudo find /srv /home -xdev -type f -mmin -120 | head -n 200", "sudo lsof -a -u <ACCOUNT> /srv /home"),
        ("sudo pkill -STOP -u <ACCOUNT>", "sudo usermod --lock --expiredate 1 <ACCOUNT>"),
    ),
    "blocking": Commands(
        (
            "sudo find /srv /home -xdev -type f -mmin -60 | wc -l",
            "ps -eo lstart,user,args --sort=-start_time | head -n 30",
            "findmnt --types nfs,nfs4,cifs",
        ),
        ("sudo pkill -STOP -u <ACCOUNT>", "sudo ip link set dev '<INTERFACE>' down"),
    ),
}

_SAMBA: Final = {
    "signs": Commands(
        ("sudo smbstatus --processes", "sudo smbstatus --locks", "sudo journalctl -t smbd_audit --since -24h | tail -n 500"),
        (
            "sudo smbcontrol smbd kill-client-ip <ADDRESS>",
            "sudo smbpasswd -d <ACCOUNT>",
            "sudo smbcontrol smbd close-share '<SHARE>'",
        ),
    ),
    "accounts": Commands(("sudo pdbedit --list --verbose",), ("sudo smbpasswd -d <ACCOUNT>",)),
}  # fmt: skip

_FORTIGATE: Final = {
    "signs": Commands(
        (
            "execute log filter category event",
            "execute log filter field user <ACCOUNT>",
            "execute log display",
            "diagnose sys session filter src <ADDRESS>",
            "diagnose sys session list",
        ),
        (
            "diagnose user banned-ip add src4 <ADDRESS> 86400 admin",  # since FortiOS 7.2
            "diagnose user quarantine add src4 <ADDRESS> 86400 admin",  # before
        ),
    ),
    "sign-in": Commands(
        (
            "execute vpn sslvpn list",
            "execute log filter category event",
            "execute log filter field user <ACCOUNT>",
            "execute log display",
        ),
        (
            "execute vpn sslvpn del-tunnel '<INDEX>'",
            "config user local\n    edit <ACCOUNT>\n        set status disable\n    next\nend",
            "diagnose user banned-ip add src4 <ADDRESS> 86400 admin",
            "diagnose user quarantine add src4 <ADDRESS> 86400 admin",
        ),
    ),
    "accounts": Commands(
        ("show system admin", "get system admin status"),
        ("config system admin\n    delete <ACCOUNT>\nend", "execute disconnect-admin-session '<INDEX>'"),
    ),
    "protection": Commands(("show firewall policy", "diagnose sys ha status", "execute log filter category event"), ()),
}

_M365: Final = {
    "signs": Commands(
        (
            "Search-UnifiedAuditLog -StartDate (Get-Date).AddDays(-7) -EndDate (Get-Date) -FreeText <ACCOUNT>",
            (
                "Get-InboxRule -Mailbox <ACCOUNT> -IncludeHidden | "
                "Select-Object Name, Enabled, ForwardTo, RedirectTo, DeleteMessage, MoveToFolder"
            ),
            (
                "Get-Mailbox -Identity <ACCOUNT> | "
                "Select-Object ForwardingSmtpAddress, ForwardingAddress, DeliverToMailboxAndForward"
            ),
            "Get-MgOauth2PermissionGrant -All | Select-Object Id, ClientId, PrincipalId, Scope",
        ),
        (
            "Update-MgUser -UserId '<SIGN-IN NAME>' -AccountEnabled:$false",
            "Revoke-MgUserSignInSession -UserId '<SIGN-IN NAME>'",
            "Remove-InboxRule -Mailbox <ACCOUNT> -Identity '<RULE>'",
            "Set-Mailbox -Identity <ACCOUNT> -ForwardingSmtpAddress $null -ForwardingAddress $null",
            "Remove-MgOauth2PermissionGrant -OAuth2PermissionGrantId '<ID>'",
        ),
    ),
}

_COMMANDS: Final = {"windows": _WINDOWS, "linux": _LINUX, "samba": _SAMBA, "fortigate": _FORTIGATE, "m365": _M365}
