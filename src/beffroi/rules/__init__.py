"""The repository of rules: loading with a cache, Beffroi's own pack, updates, switches, and what the rules can see.

repository.py   folders of rule files → rules (parse.py is the cold path, cache.py what is kept)
pack/           Beffroi's own rules and their samples      trial.py      a set tried on those samples
update.py       a new set from an archive (archive.py)     switches.py   which rules a house switched off
coverage.py     which rules could fire, which are blind    attack.py     ATT&CK's names
"""
