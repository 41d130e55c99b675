"""Whole stories: `STORIES[name](house, at, rng)` tells one, in the order of its time."""

from collections.abc import Callable
from random import Random
from typing import Final, TypeAlias

from beffroi.demo.house import House
from beffroi.demo.said import Story
from beffroi.demo.stories import frauds, innocent, intrusions

Tell: TypeAlias = Callable[[House, float, Random], Story]

STORIES: Final[dict[str, Tell]] = {
    tell.__name__: tell
    for tell in (
        intrusions.spray_then_encryption, intrusions.leaked_password, intrusions.phishing, intrusions.stolen_laptop,
        intrusions.ransomware_on_the_nas, intrusions.web_shell, intrusions.copies_first, intrusions.ssh_all_night, intrusions.new_administrator,
        frauds.invoice_fraud, frauds.rogue_application, frauds.curious_employee,
        innocent.provider_at_night, innocent.backup_renames, innocent.printer_scans, innocent.forgotten_password, innocent.summer_party,
        innocent.nothing,
    )
}  # fmt: skip
