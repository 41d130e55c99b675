"""`python -m beffroi`, which is what the launcher at the root starts."""

import os
import sys

from beffroi.cli.main import main

code = main(sys.argv[1:])
sys.stderr.flush()
os._exit(code)  # without taking apart, object by object, what the system takes back at once: a twentieth of a long hunt
