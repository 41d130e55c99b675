"""Sockets → the intake: one receiver for each protocol, all made, bound and served in the same way.

::

    receiver = SyslogTcp(Listen("", 514), intake)
    address, port = receiver.bind()          # OSError: the port is taken, or only root may have it
    await receiver.serve()                   # until cancelled

What each has done stands in its `counts`, what it had to complain of in its `troubles`.
"""

from beffroi.logs.receivers.limits import Counts, Limits, Troubles
from beffroi.logs.receivers.lumberjack import Lumberjack
from beffroi.logs.receivers.relp import Relp
from beffroi.logs.receivers.streams import StreamReceiver
from beffroi.logs.receivers.syslog import SyslogTcp, SyslogTls, SyslogUdp

__all__ = [
    "Counts",
    "Limits",
    "Lumberjack",
    "Relp",
    "StreamReceiver",
    "SyslogTcp",
    "SyslogTls",
    "SyslogUdp",
    "Troubles",
]
