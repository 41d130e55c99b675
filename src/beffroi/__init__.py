"""Beffroi: a security watchtower for small care structures. The rooms are described in docs/architecture.md."""

__version__ = "0.1.0"
