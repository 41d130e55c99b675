"""What the oracle refuses."""


class Unsupported(Exception):
    """This rule cannot be evaluated; the text says why."""
