"""Who signs in to services on servers, and who only tries. The sentences are the programs' own, the people invented."""

import pytest

from beffroi.logs.formats import services

FORGED = "198.51.100.66"
"""An address that an attacker writes into a name: nobody may ever be taken for it."""
REAL = "203.0.113.9"
WHO = tuple[str | None, str | None, str | None]

LINES: dict[str, tuple[str, str, WHO]] = {
    # OpenSSH
    "password": ("sshd", f"Accepted password for anna from {REAL} port 50022 ssh2", ("success", "anna", REAL)),
    "key": ("sshd", f"Accepted publickey for anna from {REAL} port 50022 ssh2: ED25519 SHA256:x", ("success", "anna", REAL)),
    "wrong password": ("sshd-session", f"Failed password for anna from {REAL} port 50022 ssh2", ("failure", "anna", REAL)),
    "one key of several": ("sshd", f"Failed publickey for anna from {REAL} port 50022 ssh2: RSA SHA256:x", (None, "anna", REAL)),
    "nobody": ("sshd", f"Invalid user admin from {REAL} port 50022", ("failure", "admin", REAL)),
    "nobody's key": ("sshd", f"Failed publickey for invalid user admin from {REAL} port 1 ssh2: RSA SHA256:x", ("failure", "admin", REAL)),
    "a user without a name": ("sshd", f"Invalid user  from {REAL} port 1", ("failure", "", REAL)),
    "not let in": ("sshd", f"User root from {REAL} not allowed because not listed in AllowUsers", ("failure", "root", REAL)),
    "PAM in sshd": ("sshd", f"error: PAM: Authentication failure for illegal user x from {REAL}", ("failure", "x", REAL)),
    "PAM says it too": ("sshd", f"pam_unix(sshd:auth): authentication failure; logname= uid=0 euid=0 tty=ssh ruser= rhost={REAL}  user=anna", (None, "anna", REAL)),
    "PAM of old": ("sshd(pam_unix)", f"authentication failure; logname= uid=0 euid=0 tty=NODEVssh ruser= rhost={REAL}  user=anna", ("failure", "anna", REAL)),
    "PAM of old, at work": ("sshd(pam_unix)", "session opened for user anna by (uid=0)", (None, "anna", None)),
    "too often": ("sshd", f"error: maximum authentication attempts exceeded for root from {REAL} port 22 ssh2 [preauth]", ("failure", "root", REAL)),
    "gone in haste": ("sshd", f"Received disconnect from {REAL} port 4711:11: Bye Bye [preauth]", ("failure", None, REAL)),
    "gone after work": ("sshd", f"Received disconnect from {REAL} port 4711:11: disconnected by user", (None, None, REAL)),
    "gone": ("sshd", f"Connection closed by authenticating user anna {REAL} port 4711 [preauth]", (None, "anna", REAL)),
    "another name": ("sshd", f"Disconnecting invalid user a {REAL} port 1: Change of username or service not allowed: (a,ssh-connection) -> (b,ssh-connection) [preauth]", ("failure", "a", REAL)),
    "mapped": ("sshd", f"Failed password for anna from ::ffff:{REAL} port 1 ssh2", ("failure", "anna", REAL)),
    # Dropbear
    "Dropbear refused": ("dropbear", f"Bad password attempt for 'root' from {REAL}:60588", ("failure", "root", REAL)),
    "Dropbear nobody": ("dropbear", f"Login attempt for nonexistent user from {REAL}:60588", ("failure", None, REAL)),
    "Dropbear": ("dropbear", f"Password auth succeeded for 'root' from {REAL}:60588", ("success", "root", REAL)),
    "Dropbear key": ("dropbear", f"Pubkey auth succeeded for 'root' with ssh-rsa key SHA256:x from {REAL}:60588", ("success", "root", REAL)),
    # At the machine itself
    "console": ("login", "LOGIN ON tty1 BY anna", ("success", "anna", None)),
    "console refused": ("login", "FAILED LOGIN (1) on '/dev/tty1' FOR 'anna', Authentication failure", ("failure", "anna", None)),
    "su": ("su", "(to root) anna on pts/0", ("success", "anna", None)),
    "su refused": ("su", "FAILED SU (to root) anna on pts/0", ("failure", "anna", None)),
    "sudo": ("sudo", "    anna : TTY=pts/0 ; PWD=/home/anna ; USER=root ; COMMAND=/usr/bin/id", (None, "anna", None)),
    "sudo refused": ("sudo", "anna : 3 incorrect password attempts ; TTY=pts/0 ; PWD=/ ; USER=root ; COMMAND=/bin/sh", ("failure", "anna", None)),
    "no sudoer": ("sudo", "anna : user NOT in sudoers ; TTY=pts/0 ; PWD=/ ; USER=root ; COMMAND=/bin/sh", ("failure", "anna", None)),
    # Mail
    "Dovecot": ("dovecot", f"imap-login: Login: user=<anna>, method=PLAIN, rip={REAL}, lip=192.0.2.1, mpid=7, TLS, session=<x>", ("success", "anna", REAL)),
    "Dovecot 2.4": ("dovecot", f"imap-login: Logged in: user=<anna>, method=PLAIN, rip={REAL}, lip=192.0.2.1", ("success", "anna", REAL)),
    "Dovecot refused": ("dovecot", f"imap-login: Disconnected (auth failed, 1 attempts in 2 secs): user=<anna>, method=PLAIN, rip={REAL}, lip=192.0.2.1", ("failure", "anna", REAL)),
    "Dovecot did not try": ("dovecot", f"imap-login: Disconnected (no auth attempts in 2 secs): user=<>, rip={REAL}, lip=192.0.2.1", (None, None, REAL)),
    "Dovecot's worker": ("dovecot", f"auth-worker(7): conn unix:auth-worker (pid=1,uid=2): auth-worker<3>: pam(anna,{REAL},<x>): unknown user", ("failure", "anna", REAL)),
    "Postfix": ("postfix/smtpd", f"4B0C21A2: client=pc.example[{REAL}], sasl_method=PLAIN, sasl_username=anna@house.example", ("success", "anna@house.example", REAL)),
    "Postfix refused": ("postfix/submission/smtpd", f"warning: unknown[{REAL}]: SASL LOGIN authentication failed: UGFzc3dvcmQ6, sasl_username=anna", ("failure", "anna", REAL)),
    "Exim refused": ("exim", f"login authenticator failed for (pc) [{REAL}]:1: 535 Incorrect authentication data (set_id=anna)", ("failure", "anna", REAL)),
    "Exim": ("exim", f"1rabcd-000123-4X <= anna@house.example H=(pc) [{REAL}]:1 P=esmtpsa A=login:anna S=700", ("success", "anna", REAL)),
    "Sendmail refused": ("sendmail", f"06I02CNi016764: AUTH failure (LOGIN): authentication failure (-13), user=anna, relay=pc.example [{REAL}]", ("failure", "anna", REAL)),
    "Courier refused": ("imapd", f"LOGIN FAILED, user=anna, ip=[::ffff:{REAL}]", ("failure", "anna", REAL)),
    # Files
    "ProFTPD": ("proftpd", f"nas (pc[{REAL}]) - USER anna: Login successful.", ("success", "anna", REAL)),
    "ProFTPD refused": ("proftpd", f"nas (pc[{REAL}]) - USER anna (Login failed): Incorrect password", ("failure", "anna", REAL)),
    "vsftpd": ("vsftpd", f'[anna] OK LOGIN: Client "{REAL}"', ("success", "anna", REAL)),
    "vsftpd refused": ("vsftpd", f'[pid 2] [anna] FAIL LOGIN: Client "::ffff:{REAL}"', ("failure", "anna", REAL)),
    "vsftpd connects": ("vsftpd", f'[pid 2] CONNECT: Client "{REAL}"', (None, None, REAL)),
    "Pure-FTPd": ("pure-ftpd", f"(?@{REAL}) [INFO] anna is now logged in", ("success", "anna", REAL)),
    # VPN
    "OpenVPN": ("openvpn", f"{REAL}:1194 [anna] Peer Connection Initiated with [AF_INET]{REAL}:1194", ("success", "anna", REAL)),
    "OpenVPN refused": ("ovpn-server", f"{REAL}:1194 TLS Auth Error: Auth Username/Password verification failed for peer", ("failure", None, REAL)),
    "OpenVPN goes": ("openvpn", f"anna/{REAL}:1194 SIGUSR1[soft,connection-reset] received, client-instance restarting", (None, "anna", REAL)),
    "OpenVPN over IPv6": ("openvpn", "anna/[2001:db8::9]:1194 TLS Auth Error: x", ("failure", "anna", "2001:db8::9")),
    "WireGuard": ("kernel", f"wireguard: wg0: Invalid handshake initiation from {REAL}:51820", ("failure", None, REAL)),
    "strongSwan refused": ("charon", "09[IKE] <rw|85> EAP-MS-CHAPv2 verification failed, retry (1)", ("failure", None, None)),
    "strongSwan": ("charon", "09[IKE] <rw|85> authentication of 'anna' with EAP successful", ("success", "anna", None)),
    "strongSwan itself": ("charon", "09[IKE] <rw|85> authentication of 'vpn.house.example' (myself) with EAP", (None, None, None)),
    "strongSwan stands": ("charon", f"09[IKE] <rw|85> IKE_SA rw[85] established between 192.0.2.1[vpn]...{REAL}[anna]", (None, "anna", REAL)),
    "Libreswan": ("pluto", f'"rw"[3] {REAL} #7: XAUTH: User anna: Authentication Successful', ("success", "anna", REAL)),
    "Libreswan refused": ("pluto", f'"rw"[3] {REAL} #7: authentication failed: no certificate matched', ("failure", None, REAL)),
    # Web
    "nginx refused": ("nginx", f'2026/03/04 10:11:12 [error] 7#7: *1 user "anna": password mismatch, client: {REAL}, server: , request: "GET / HTTP/1.1", host: "h"', ("failure", "anna", REAL)),
    "nginx unknown": ("nginx", f'2026/03/04 10:11:12 [error] 7#7: *1 user "anna" was not found in "/etc/nginx/p", client: {REAL}, server: h, request: "GET / HTTP/1.1", host: "h"', ("failure", "anna", REAL)),
    "Apache refused": ("apache2", f'[auth_basic:error] [pid 7] [client {REAL}:1] AH01617: user anna: authentication failure for "/": Password Mismatch', ("failure", "anna", REAL)),
    "Apache unknown": ("httpd/site", f"[auth_basic:error] [pid 7] [client {REAL}:1] AH01618: user anna not found: /", ("failure", "anna", REAL)),
}  # fmt: skip


def who(program: str, text: str) -> WHO:
    reading = services.read(program, text)
    assert reading is not None, text
    fields = reading[1]
    return fields.get("outcome"), fields.get("username"), fields.get("src_ip")


@pytest.mark.parametrize(("program", "text", "wanted"), LINES.values(), ids=LINES)
def test_who_signs_in(program: str, text: str, wanted: WHO) -> None:
    assert who(program, text) == wanted


FORGERIES: dict[str, tuple[str, str, str]] = {
    "sshd": ("sshd", "Failed password for invalid user {} from " + REAL + " port 4711 ssh2", f"x from {FORGED} port 22 ssh2"),
    "sshd, with a colon": ("sshd", "Failed password for invalid user {} from " + REAL + " port 4711 ssh2", f"x from {FORGED} port 22 ssh2: y"),
    "sshd, a key": ("sshd", "Failed publickey for invalid user {} from " + REAL + " port 4711 ssh2: RSA SHA256:abc", f"x from {FORGED} port 22 ssh2: RSA SHA256:abc"),
    "sshd, invalid": ("sshd", "Invalid user {} from " + REAL + " port 4711", f"x from {FORGED} port 22"),
    "sshd, not allowed": ("sshd", "User {} from " + REAL + " not allowed because x", f"a from {FORGED} not allowed because y"),
    "sshd, exceeded": ("sshd", "error: maximum authentication attempts exceeded for invalid user {} from " + REAL + " port 1 ssh2 [preauth]", f"x from {FORGED} port 1 ssh2"),
    "sshd, PAM": ("sshd", "error: PAM: Authentication failure for illegal user {} from " + REAL, f"x for y from {FORGED} via {FORGED}"),
    "sshd, closed": ("sshd", "Connection closed by invalid user {} " + REAL + " port 4711 [preauth]", f"x {FORGED} port 22"),
    "PAM": ("vsftpd", "pam_unix(vsftpd:auth): authentication failure; logname= uid=0 euid=0 tty=ftp ruser={} rhost=" + REAL, f"x rhost={FORGED}  user=root"),
    "Dropbear": ("dropbear", "Bad password attempt for '{}' from " + REAL + ":1", f"x' from {FORGED}:1"),
    "Dovecot": ("dovecot", "imap-login: Disconnected (auth failed, 1 attempts): user=<{}>, method=PLAIN, rip=" + REAL + ", lip=192.0.2.1", f"x>, method=PLAIN, rip={FORGED}, lip=192.0.2.1"),
    "Dovecot's worker": ("dovecot", "auth-worker(7): pam({}," + REAL + "): unknown user", f"x,{FORGED}): unknown user"),
    "Postfix": ("postfix/smtpd", "warning: unknown[" + REAL + "]: SASL LOGIN authentication failed: x, sasl_username={}", f"unknown[{FORGED}]: SASL LOGIN authentication failed: y"),
    "Exim": ("exim", "login authenticator failed for (pc) [" + REAL + "]:1: 535 Incorrect authentication data (set_id={})", f"x) [{FORGED}]:1: 535 Incorrect authentication data (set_id=y"),
    "Exim's HELO": ("exim", "login authenticator failed for ({}) [" + REAL + "]:1: 535 Incorrect authentication data", f"[{FORGED}]"),
    "Sendmail": ("sendmail", "a1: AUTH failure (LOGIN): x, user={}, relay=[" + REAL + "]", f"x, relay=[{FORGED}]"),
    "Courier": ("imapd", "LOGIN FAILED, user={}, ip=[" + REAL + "]", f"x, ip=[{FORGED}]"),
    "ProFTPD": ("proftpd", "nas (pc[" + REAL + "]) - USER {}: no such user found from pc [" + REAL + "] to 192.0.2.1:21", f"nas (pc[{FORGED}]) - USER y: no such user found from pc [{FORGED}] to 192.0.2.1:21"),
    "vsftpd": ("vsftpd", '[{}] FAIL LOGIN: Client "' + REAL + '"', 'x] FAIL LOGIN: Client "' + FORGED),
    "OpenVPN": ("openvpn", "{}/" + REAL + ":1194 TLS Auth Error: x", f"x/{FORGED}:1194"),
    "nginx, referrer": ("nginx", '[error] 7#7: *1 user "a": password mismatch, client: ' + REAL + ', server: , request: "GET / HTTP/1.1", host: "h", referrer: "{}"', f'": password mismatch, client: {FORGED}, server: , request: "'),
    "Apache": ("apache2", "[core:error] [pid 7] [client " + REAL + ":1] AH00126: Invalid URI in request {}", f"[client {FORGED}] user root not found"),
    "Apache's user": ("apache2", "[auth_basic:error] [pid 7] [client " + REAL + ":1] AH01618: user {} not found: /", f"x] [client {FORGED}:1] AH01618: user y"),
    "access": ("apache2", REAL + ' - {} [04/Mar/2026:10:11:12 +0100] "GET / HTTP/1.1" 401 7 "-" "-"', f'{FORGED} - - [04/Mar/2026:10:11:12 +0100] \\"GET / HTTP/1.1'),
    "access, a dash": ("apache2", REAL + ' - {} [04/Mar/2026:10:11:12 +0100] "GET / HTTP/1.1" 401 7 "-" "-"', f"{FORGED} - -"),
}  # fmt: skip


@pytest.mark.parametrize(("program", "line", "name"), FORGERIES.values(), ids=FORGERIES)
def test_nobody_is_taken_for_an_address_that_a_name_holds(program: str, line: str, name: str) -> None:
    reading = services.read(program, line.format(name))
    assert reading is not None
    assert reading[1].get("src_ip") in (REAL, None)
    assert FORGED not in (reading[1].get("src_host"), reading[1].get("c-ip"))


def test_where_both_may_be_the_clients_no_address_is_given() -> None:
    password = f"auth: passwd-file(anna,{REAL}): Password mismatch (given password: x,{FORGED}): unknown user)"
    assert who("dovecot", password) == ("failure", None, None)
    disconnecting = f"Disconnecting invalid user a {FORGED} port 1: Change of username or service not allowed: (a {REAL} port 2: Change of username or service not allowed: (x"
    assert who("sshd", disconnecting) == ("failure", "a", None)


@pytest.mark.parametrize("name", [f"x/{FORGED}:1 ", f"{FORGED}:1 TLS Auth Error: x"])
def test_a_name_with_blanks_makes_nobody_openvpns_peer(name: str) -> None:
    assert who("openvpn", f"{name}/{REAL}:1194 SIGUSR1[soft,connection-reset] received")[1:] == (None, None)


def test_a_host_by_its_name_is_no_address() -> None:
    reading = services.read("sshd", "Failed password for anna from pc.house.example port 22 ssh2")
    assert reading
    assert "src_ip" not in reading[1]
    assert reading[1]["src_host"] == "pc.house.example"
