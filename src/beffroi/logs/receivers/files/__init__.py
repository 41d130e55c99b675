"""Files as senders: text files that grow, a folder into which recordings are dropped, the machine's own journal.

::

    await Follow(intake, [Followed("/var/log/nginx/access.log", "product=linux,service=nginx")], state).serve()

Each serves until it is cancelled and keeps how far it came in a file of its own.
"""

from beffroi.logs.receivers.files.drop import Drop
from beffroi.logs.receivers.files.follow import Follow, Followed
from beffroi.logs.receivers.files.journald import Journald

__all__ = ["Drop", "Follow", "Followed", "Journald"]
