"""Who signs in to a pfSense or OPNsense: the web pages, the console.

pfSense says it as `php-fpm` (src/etc/inc/auth.inc of its public source), OPNsense as `audit` (src/opnsense/mvc, "Web GUI
authentication error"); both name the user in quotes and the address last.
"""

from beffroi.core.model import LogSource
from beffroi.logs.formats.common import FAILURE, SUCCESS, Reading, sign_in

_PFSENSE = LogSource("pfsense", None, "gui")
_OPNSENSE = LogSource("opnsense", None, "gui")
# (words before the user, source, outcome); the user's closing quote and the address end the line.
_SENTENCES = (
    ("webConfigurator authentication error for user '", _PFSENSE, FAILURE),
    ("webConfigurator authentication error for '", _PFSENSE, FAILURE),
    ("Successful login for user '", _PFSENSE, SUCCESS),
    ("Web GUI authentication error for '", _OPNSENSE, FAILURE),
    ("Successful login for '", _OPNSENSE, SUCCESS),
    ("User logged out for user '", _PFSENSE, None),
)
_PLACES = ("' from: ", "' from ")


def read(text: str) -> Reading | None:
    """A sign-in to the web pages, or its failure; None for anything else."""
    head = text[:128]
    for words, source, outcome in _SENTENCES:
        at = head.find(words)
        if at < 0:
            continue
        rest = text[at + len(words) :].rstrip()
        for place in _PLACES:
            user, found, origin = rest.rpartition(place)
            if found:
                # "(Local Database)" and the like may follow.
                origin = origin.partition(" ")[0]
                return sign_in(source, outcome, user, origin, action="login" if outcome else "logout")
    return None
