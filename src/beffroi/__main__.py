"""`python -m beffroi`, which is what the launcher at the root starts."""

import sys

from beffroi.cli.main import main

sys.exit(main(sys.argv[1:]))
