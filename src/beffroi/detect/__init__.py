"""Rule text → rules → matches: pure, without a clock and without I/O.

ir.py           rules as plain data                 translate.py    Sigma (pySigma) → ir
logsources.py   what a log source means in Windows   values.py       what a value means
atoms.py        one test of one value                witness.py      the rare literals that make a rule worth trying
matcher.py      batches of events → matches          correlation/    matches in event time → firings
"""
