"""What the service asks of the system for itself."""

import resource
from typing import Final

FILES: Final = 16_384
"""Open files that the service asks for; each connection is one, and login shells give 1,024."""


def more_files(wanted: int = FILES) -> int:
    """Raise the soft limit on open files as far as the hard one lets us; what it is now."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    most = wanted if hard == resource.RLIM_INFINITY else min(wanted, hard)
    if soft != resource.RLIM_INFINITY and soft < most:
        resource.setrlimit(resource.RLIMIT_NOFILE, (most, hard))
    return resource.getrlimit(resource.RLIMIT_NOFILE)[0]
