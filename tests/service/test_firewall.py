"""The machine's own firewall: what its rules do with a packet, decided by us as the real programs list them."""

import json
import os
import shutil
import subprocess

import pytest

from beffroi.service.firewall import Chains, Packet, iptables, let, nftables
from tests.debian import environment, unpacked

NEIGHBOUR = "192.168.7.20"


def becomes(tables: list[Chains], protocol: str, port: int, peer: str | None = NEIGHBOUR) -> str:
    return let(tables, Packet(protocol, port, peer)).value


def alone(*command: str, data: str = "", env: dict[str, str]) -> str:
    """What a program prints in a network of its own, where its rules concern nobody."""
    if os.geteuid() != 0 or not shutil.which("unshare"):
        pytest.skip("needs root, to have a network of its own")
    done = subprocess.run(
        ["unshare", "-n", *command], env=env, input=data, capture_output=True, text=True, check=False, timeout=60
    )
    if "Operation not permitted" in done.stderr:
        pytest.skip("no network of one's own can be had here")
    assert done.returncode == 0, done.stderr
    return done.stdout


def listed(rules: str) -> list[Chains]:
    """The rules, as the real nft lists them."""
    root = unpacked("nftables")
    nft = str(root / "usr/sbin/nft")
    said = alone("sh", "-c", f"{nft} -f - && {nft} -j list ruleset", data=rules, env=environment(root))
    return nftables(json.loads(said))


def saved(rules: str) -> list[Chains]:
    """The rules, as the real iptables-save lists them."""
    root = unpacked("iptables")
    env = environment(root) | {"XTABLES_LIBDIR": str(next(root.glob("usr/lib/*/xtables")))}
    tool = str(root / "usr/sbin/xtables-nft-multi")
    said = alone("sh", "-c", f"{tool} iptables-restore && {tool} iptables-save", data=rules, env=env)
    return [iptables(said)]


WORKSTATION = """
table inet filter {
  set lan { type ipv4_addr; flags interval; elements = { 192.168.0.0/16 } }
  chain input {
    type filter hook input priority 0; policy drop;
    ct state vmap { established : accept, related : accept, invalid : drop }
    iif lo accept
    ip6 nexthdr tcp tcp dport 2514 accept
    tcp dport { 22, 8080-8090 } counter accept
    ip saddr @lan udp dport 514 accept
    ip saddr 192.168.7.0/24 jump house
    limit rate 5/second tcp dport 9200 accept
    tcp dport 4318 log prefix "no" drop
    goto rest
  }
  chain house {
    tcp dport 6514 accept
    tcp dport 6515 return
    tcp dport 6515 accept
  }
  chain rest {
    meta l4proto udp th dport 5514 accept
  }
}
"""


@pytest.mark.slow
def test_nftables_rules_are_followed_as_the_kernel_follows_them() -> None:
    tables = listed(WORKSTATION)
    assert [becomes(tables, "tcp", port) for port in (22, 8085, 8091, 6514, 4318)] == [
        "open", "open", "closed", "open", "closed",
    ]  # fmt: skip
    assert [becomes(tables, "udp", port) for port in (514, 5514, 6514)] == ["open", "open", "closed"]
    assert becomes(tables, "udp", 514, "203.0.113.9") == "closed"
    assert becomes(tables, "udp", 514, None) == "depends"
    assert becomes(tables, "tcp", 6515) == "closed"  # it returned before it was accepted
    assert becomes(tables, "tcp", 2514) == "closed"  # that is for IPv6
    assert becomes(tables, "tcp", 9200) == "depends"  # on how many come


@pytest.mark.slow
def test_every_table_at_which_packets_come_in_must_let_them_in() -> None:
    tables = listed(
        "table inet filter {\nchain input {\ntype filter hook input priority 0\n}\n}\n"
        "table ip guard {\nchain in {\ntype filter hook input priority 5; policy accept\ntcp dport 514 reject\n}\n}\n"
        "table ip away {\nchain out {\ntype filter hook output priority 0; policy drop\n}\n}\n"
    )
    assert becomes(tables, "tcp", 514) == "closed"
    assert becomes(tables, "tcp", 6514) == "open"


@pytest.mark.slow
def test_iptables_rules_are_followed_too() -> None:
    tables = saved(
        "*filter\n:INPUT DROP [0:0]\n:FORWARD ACCEPT [0:0]\n:OUTPUT ACCEPT [0:0]\n:ufw-user-input - [0:0]\n"
        "-A INPUT -i lo -j ACCEPT\n-A INPUT -m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT\n"
        '-A INPUT -m comment --comment "a -j ACCEPT" -j ufw-user-input\n'
        "-A INPUT ! -s 192.168.0.0/16 -p tcp -m tcp --dport 22 -j ACCEPT\n"
        "-A INPUT -p tcp -m tcp --dport 9200 -m limit --limit 3/min -j ACCEPT\n"
        "-A ufw-user-input -p tcp -m multiport --dports 80,6000:6600 -j ACCEPT\n"
        "-A ufw-user-input -p udp -m udp --dport 514 -j REJECT\nCOMMIT\n"
    )  # fmt: skip
    assert [becomes(tables, "tcp", port) for port in (80, 6514, 443, 22, 9200)] == [
        "open", "open", "closed", "closed", "depends",
    ]  # fmt: skip
    assert becomes(tables, "tcp", 22, "203.0.113.9") == "open"
    assert becomes(tables, "udp", 514) == "closed"


def test_without_rules_everything_is_open_and_nonsense_is_passed_over() -> None:
    assert becomes([], "tcp", 514) == "open"
    assert becomes(nftables({"nftables": [{"metainfo": {}}, 7, {"rule": {}}]}), "tcp", 514) == "open"
    assert becomes(nftables([]), "tcp", 514) == "open"
    assert becomes([iptables('*filter\n:INPUT DROP [0:0]\n-A INPUT "\n-A NOWHERE -j ACCEPT\n')], "tcp", 1) == "closed"


def test_chains_that_lead_in_a_circle_end() -> None:
    chain = {"family": "ip", "table": "t", "name": "in", "hook": "input", "policy": "drop"}
    rule = {"family": "ip", "table": "t", "chain": "in", "expr": [{"jump": {"target": "in"}}]}
    assert becomes(nftables({"nftables": [{"chain": chain}, {"rule": rule}]}), "tcp", 1) == "depends"
