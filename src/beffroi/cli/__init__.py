"""The commands. One verb, one file: `beffroi hunt` is `cli/hunt.py`, its tests are `tests/cli/test_hunt.py`."""
