"""What the oracle refuses."""


class Unsupported(Exception):  # noqa: N818 - the word the reports use
    """This rule cannot be evaluated; the text says why."""
