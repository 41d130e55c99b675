"""What is done to each real program: it is set up as an administrator would, and visited by people whom we know. All are invented."""

import json
from typing import Final

from tests.real.machine import Machine

FORGED: Final = "198.51.100.66"
UNKNOWN: Final = "nobody-here"
HOSTILE: Final = f"x] at [now] with [NTLMv2] status [NT_STATUS_OK] workstation [PC] remote host [ipv4:{FORGED}:1"
HOSTILE_MAIL: Final = f"x>, method=plain, rip={FORGED}, lip=<"

SAMBA_LOG: Final = "/var/log/samba/log.smbd"
SAMBA_JSON: Final = "/var/log/samba/auth.json"
_SMB_CONF = f"""
[global]
    workgroup = HOUSE
    server role = standalone server
    interfaces = lo
    disable netbios = yes
    smb ports = 445
    load printers = no
    log file = {SAMBA_LOG}
    logging = file syslog@3
    log level = 0 auth_audit:3 auth_json_audit:3@{SAMBA_JSON}
    vfs objects = full_audit
    full_audit:prefix = %u|%I|%m|%S
    full_audit:success = connect disconnect create_file openat pread_send pwrite_send renameat unlinkat mkdirat
    full_audit:failure = connect create_file openat unlinkat mkdirat renameat
[plans]
    path = /srv/plans
    read only = no
[minutes]
    path = /srv/plans
    read only = no
    full_audit:prefix = %T|IP=%I|USER=%u|MACHINE=%m|VOLUME=%S
"""


def _people(inside: Machine, *names: str) -> None:
    for name in names:
        inside.run(f"useradd --no-create-home --user-group --shell /bin/sh {name}")


def samba(inside: Machine) -> None:
    """A share with an audit, opened with right and wrong passwords."""
    inside.write("/etc/samba/smb.conf", _SMB_CONF)
    _people(inside, "anna")
    inside.run("""
        mkdir -p /srv/plans /var/lib/samba/private /var/log/samba /var/cache/samba /run/samba
        chown anna /srv/plans
        echo salaries > /srv/plans/closed.docx; chmod 600 /srv/plans/closed.docx
        printf 'right\\nright\\n' | smbpasswd -a -s anna
        smbd -D
    """)
    inside.until("ss -ltn | grep -q :445")
    inside.write("/tmp/hostile", f"username = {HOSTILE}\npassword = x\n")
    for known in ("-U anna%wrong", f"-U {UNKNOWN}%x", "-A /tmp/hostile"):
        inside.run(f"smbclient //{'127.0.0.1'}/plans {known} -c ls", check=False)
    inside.run("""
        cd /tmp; echo hello > a.docx
        smbclient //127.0.0.1/plans -U anna%right -c \
            'mkdir new; put a.docx; get a.docx back; get closed.docx; rename a.docx a.docx.locked; del a.docx.locked; rmdir new' || true
        smbclient //127.0.0.1/minutes -U anna%right -c 'mkdir monday; rmdir monday'
    """)


_DOVECOT_CONF = """
protocols = imap
listen = 127.0.0.1
ssl = no
disable_plaintext_auth = no
log_path = syslog
auth_verbose = yes
auth_failure_delay = 0
auth_username_chars =
mail_location = maildir:/home/%u/Maildir
passdb {
  driver = passwd-file
  args = /etc/dovecot/passwords
}
userdb {
  driver = passwd
}
service anvil {
  unix_listener anvil-auth-penalty {
    mode = 0
  }
}
service auth {
  unix_listener /var/spool/postfix/private/auth {
    mode = 0666
  }
}
"""
_POSTFIX_CONF = """
compatibility_level = 3.6
myhostname = nas.house.example
mydestination = nas, localhost
mynetworks = 192.0.2.0/24
inet_interfaces = loopback-only
inet_protocols = ipv4
smtpd_peername_lookup = no
smtpd_sasl_auth_enable = yes
smtpd_sasl_type = dovecot
smtpd_sasl_path = private/auth
smtpd_relay_restrictions = permit_sasl_authenticated, reject_unauth_destination
local_recipient_maps =
alias_maps =
alias_database =
"""
_MAIL_CLIENT = """
import contextlib, imaplib, json, smtplib

names = json.loads(NAMES)
for name, word in names:
    client = imaplib.IMAP4("127.0.0.1", timeout=60)
    with contextlib.suppress(imaplib.IMAP4.error):
        client.login('"' + name + '"', word)
    client.logout()
for name, word in names[1:]:
    with smtplib.SMTP("127.0.0.1", 25, "pc7.house.example", timeout=60) as client, contextlib.suppress(smtplib.SMTPException):
        client.login(name, word)
        client.sendmail("anna@house.example", ["anna@localhost", "no-such-person@localhost"], "Subject: plans\\r\\n\\r\\nhello")
with smtplib.SMTP("127.0.0.1", 25, "pc7.house.example", timeout=60) as client, contextlib.suppress(smtplib.SMTPException):
    client.sendmail("anna@house.example", ["bert@elsewhere.example"], "Subject: plans\\r\\n\\r\\nhello")
with smtplib.SMTP("127.0.0.1", 25, "pc7.house.example", timeout=60) as client:
    client.docmd("GET / HTTP/1.1")
"""


def mail(inside: Machine) -> None:
    """A mail server: Postfix, which asks Dovecot who is who; mail fetched, sent, and refused."""
    if inside.run("dovecot --version").startswith("2.4"):
        inside.skip("Dovecot 2.4 wants another configuration")
    inside.write("/etc/dovecot/test.conf", _DOVECOT_CONF)
    inside.write("/etc/dovecot/passwords", "anna:{PLAIN}right\n")
    inside.write("/etc/postfix/main.cf", _POSTFIX_CONF)
    _people(inside, "postfix", "dovecot", "dovenull", "anna")
    inside.run("""
        groupadd -f postdrop
        mkdir -p /home/anna /var/mail /var/spool/postfix /var/lib/postfix /run/dovecot
        chmod 1777 /var/mail; chown anna /home/anna; chown postfix /var/lib/postfix
        cp /usr/share/postfix/master.cf.dist /etc/postfix/master.cf; touch /etc/postfix/dynamicmaps.cf
        postfix set-permissions || true  # what packages do when they are installed; files that are not there do not matter
        dovecot -c /etc/dovecot/test.conf
        postfix start
    """)
    for port in (25, 143):
        inside.until(f"ss -ltn | grep -q :{port}")
    names = [(HOSTILE_MAIL, "x"), ("anna", "wrong"), (UNKNOWN, "x"), ("anna", "right")]
    inside.python(_MAIL_CLIENT.replace("NAMES", repr(json.dumps(names))))
    inside.until("grep -q 'status=sent' /var/log/0 && grep -q 'status=bounced' /var/log/0")


def openvpn(inside: Machine) -> None:
    """A server with certificates and passwords; a good sign-in, a wrong password, and a certificate of somebody else's."""
    if not inside.run("ls /dev/net/tun", check=False).startswith("/dev/net/tun\n"):
        inside.skip("this kernel has no tunnels")
    inside.write("/etc/openvpn/verify", '#!/bin/sh\n{ read name; read word; } < "$1"\n[ "$word" = right ]\n')
    inside.run("""
        cd /etc/openvpn; chmod 755 verify
        new="-newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes"
        openssl req -x509 $new -keyout ca.key -out ca.crt -subj /CN=house -days 2
        openssl req -x509 $new -keyout stranger.key -out stranger.crt -subj /CN=stranger -days 2
        for name in server anna; do
            openssl req $new -keyout $name.key -out $name.csr -subj /CN=$name
            openssl x509 -req -in $name.csr -CA ca.crt -CAkey ca.key -CAcreateserial -days 2 -out $name.crt
        done
        printf 'anna\\nright\\n' > good; printf 'anna\\nwrong\\n' > bad
        openvpn --daemon ovpn-house --mode server --tls-server --dev tun --server 10.8.0.0 255.255.255.0 --topology subnet \
            --local 127.0.0.1 --port 1194 --ca ca.crt --cert server.crt --key server.key --dh none \
            --auth-user-pass-verify /etc/openvpn/verify via-file --script-security 2 --keepalive 10 60 --verb 3
    """)
    inside.until("ss -lun | grep -q :1194")
    for number, (whose, word) in enumerate((("anna", "good"), ("anna", "bad"), ("stranger", "good"))):
        inside.run(f"""
            cd /etc/openvpn
            openvpn --daemon client --log /tmp/client{number} --writepid /tmp/pid{number} --client --dev null --ifconfig-noexec \
                --route-noexec --remote 127.0.0.1 1194 --nobind --ca ca.crt --cert {whose}.crt --key {whose}.key \
                --auth-user-pass {word} --connect-retry-max 1 --hand-window 10
        """)
    for told in ("PUSH_REPLY", "TLS Auth Error", "TLS handshake failed"):
        inside.until(f"grep -q '{told}' /var/log/0")


def sudo(inside: Machine) -> None:
    """People who become others, and some who may not."""
    _people(inside, "anna", "bert")
    inside.run("""
        echo '127.0.0.1 localhost nas' > /etc/hosts
        for name in anna bert; do echo $name:right | chpasswd; done
        echo 'anna ALL=(ALL) ALL' > /etc/sudoers.d/anna; chmod 440 /etc/sudoers.d/anna
    """)
    for who, word, command in (
        ("anna", "right", "sudo -k -S -u bert id -un"),
        ("anna", "wrong", "sudo -k -S cat /etc/shadow"),
        ("bert", "right", "sudo -k -S cat /etc/shadow"),
        ("anna", "right", "su bert -c id"),
        ("anna", "wrong", "su bert -c id"),
    ):
        inside.run(f"cd /tmp; echo {word} | runuser -u {who} -- {command}", check=False)


NGINX_ACCESS: Final = "/var/log/nginx/access.log"
NGINX_ERRORS: Final = "/var/log/nginx/error.log"
HOSTILE_WEB: Final = f'x": password mismatch, client: {FORGED}, server: , request: "GET / HTTP/1.1"'
_NGINX_CONF = f"""
pid /run/nginx.pid;
error_log {NGINX_ERRORS} info;
error_log syslog:server=unix:/dev/log,nohostname info;
events {{ }}
http {{
    access_log {NGINX_ACCESS} combined;
    access_log syslog:server=unix:/dev/log,nohostname combined;
    server {{
        listen 127.0.0.1:80;
        root /srv/web;
        location /closed/ {{ auth_basic "closed"; auth_basic_user_file /etc/nginx/passwords; }}
    }}
}}
"""
_WEB_CLIENT = """
import base64, contextlib, json, urllib.error, urllib.request

def visit(path, **headers):
    with contextlib.suppress(urllib.error.HTTPError):
        urllib.request.urlopen(urllib.request.Request("http://127.0.0.1" + path, headers=headers), timeout=60).close()

for name in json.loads(NAMES):
    visit("/closed/plans.html", Authorization="Basic " + base64.b64encode((name + ":wrong").encode()).decode())
visit("/closed/plans.html", Authorization="Basic " + base64.b64encode(b"anna:right").decode())
visit("/../../etc/passwd?a=b")
visit("/.env", **{"User-Agent": "scanner/1", "Referer": "http://elsewhere.example/"})
"""


def nginx(inside: Machine) -> None:
    """A site with a closed folder, which people try to enter."""
    inside.write("/etc/nginx/nginx.conf", _NGINX_CONF)
    inside.write("/srv/web/closed/plans.html", "plans")
    inside.run("""
        getent passwd nobody; getent group nogroup
        mkdir -p /var/log/nginx /var/lib/nginx
        sed -i '1i user nobody nogroup;' /etc/nginx/nginx.conf
        echo "anna:$(openssl passwd -apr1 right)" > /etc/nginx/passwords
        nginx
    """)
    inside.until("ss -ltn | grep -q :80")
    inside.python(_WEB_CLIENT.replace("NAMES", repr(json.dumps(["anna", UNKNOWN, HOSTILE_WEB]))))
    inside.until(f"grep -q scanner {NGINX_ACCESS}")


HOSTILE_SHELL: Final = f"x from {FORGED} port 22 ssh2"
_SSHD_CONF = """
ListenAddress 127.0.0.1:22
HostKey /etc/ssh/key
UsePAM yes
PasswordAuthentication yes
KbdInteractiveAuthentication no
PubkeyAuthentication no
"""


def sshd(inside: Machine) -> None:
    """A server with passwords, of which some are wrong."""
    _people(inside, "sshd", "anna")
    inside.write("/etc/ssh/test", _SSHD_CONF)
    inside.write("/tmp/ask", '#!/bin/sh\necho "$WORD"\n')
    inside.run("""
        chmod 755 /tmp/ask; mkdir -p /run/sshd; chmod 755 /run/sshd
        echo anna:right | chpasswd
        ssh-keygen -q -t ed25519 -N '' -f /etc/ssh/key
        /usr/sbin/sshd -f /etc/ssh/test
    """)
    inside.until("ss -ltn | grep -q :22")
    for name, word in (("anna", "wrong"), (UNKNOWN, "x"), (HOSTILE_SHELL, "x"), ("anna", "right")):
        inside.run(
            f"WORD={word} SSH_ASKPASS=/tmp/ask SSH_ASKPASS_REQUIRE=force ssh -F none -o StrictHostKeyChecking=no -o UserKnownHostsFile=/dev/null "
            f"-o NumberOfPasswordPrompts=1 -l '{name}' 127.0.0.1 true",
            check=False,
        )


AUDIT_LOG: Final = "/var/log/audit/audit.log"


def audit(inside: Machine) -> None:
    """The kernel's audit log of sign-ins at sshd, of a command and of a file; the kernel has one audit, so only where nobody uses it."""
    state = inside.run("auditctl -s && auditctl -l", check=False, kernel=True)
    if not all(words in state for words in ("enabled 0\n", "pid 0\n", "No rules")):
        inside.skip("the kernel's audit is somebody else's, or not to be had")
    inside.run("mkdir -p /var/log/audit /srv/plans; echo x > /srv/plans/a.docx")
    with inside.kernels("auditd", "-n"):
        inside.until("auditctl -s | grep -q 'enabled 1'", kernel=True)
        try:
            inside.run("auditctl -w /srv/plans -p wa -k plans; auditctl -w /usr/bin/id -p x -k run", kernel=True)
            sshd(inside)
            inside.run("id --user; mv /srv/plans/a.docx /srv/plans/a.docx.locked")
            inside.until(f"grep -q locked {AUDIT_LOG}")
        finally:
            inside.run("auditctl -D; auditctl -e 0", kernel=True)
