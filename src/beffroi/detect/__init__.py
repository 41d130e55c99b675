"""Rule text → rules → matches: pure, without a clock and without I/O.

ir.py           rules as plain data                  translate.py    Sigma (pySigma) → ir
logsources.py   what a log source means in Windows   values.py       what a value means
witness.py      what must be seen before a rule      scanner.py      where it is seen, field by field
                is worth trying                      keywords.py     and in raw text
matcher.py      batches of events → matches          verify.py       the exact test of a condition on an event,
atoms.py        one test of one value                functions.py    and as a function of its own
correlation/    matches in event time → firings      memory.py       what is remembered of values, bounded
"""
