"""The watch: what comes in is kept, understood as it comes, and told.

keeper.py          senders let in or held aside, batches to the journal: the receivers' `Intake`
understanding.py   arrivals → matches, firings, what each source showed: pure
process.py         the same in a process of its own, which reads the journal
frames.py          what that process and the service say to each other
"""
