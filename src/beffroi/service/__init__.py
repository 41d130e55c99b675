"""The running service: everything started and stopped in one task group.

running.py     what is started, in which order, and how it stops
child.py       the process that understands, started again when it dies
receivers.py   the receivers of the configuration
chores.py      what is looked after each minute, hour and day: silence, disk, archive, self-test
systemd.py     what systemd is told
"""
