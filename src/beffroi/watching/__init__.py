"""The watch: what comes in is kept, understood as it comes, and told.

keeper.py          senders let in or held aside, batches to the journal: the receivers' `Intake`
understanding.py   arrivals → matches, firings, what each source showed: pure
process.py         the same in a process of its own, which reads the journal
mark.py            what that process is at, in memory that outlives it
suspicion.py       which message ends it each time; aside.py: those that are never read again
frames.py          what that process and the service say to each other
"""
