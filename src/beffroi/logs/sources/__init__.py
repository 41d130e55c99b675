"""Who may send: what each sender shows of itself, who is known, and where strangers' messages wait.

registry.admit(proof)         who is it? known, a stranger (held aside), or refused; no I/O
records.meet(change, …)       a stranger comes into the store, as `new`
waiting.hold(source, arrival) what it sends is kept aside until somebody accepts or rejects it
actions                       accept, reject, token, certificate, silence, rename: each in the ledger
"""

from beffroi.logs.sources.registry import Known, Registry, Unknown
from beffroi.logs.sources.waiting import WaitingRoom

__all__ = ["Known", "Registry", "Unknown", "WaitingRoom"]
