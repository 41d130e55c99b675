"""Samba's vfs_full_audit. The lines follow its manual page; people and files are invented."""

import pytest

from beffroi.core.model import LogSource
from beffroi.logs.formats import appliances
from beffroi.logs.formats.fields import NAMES

LINES = {
    "deleted": (
        "anna|192.0.2.5|homes|unlinkat|ok|plans/a.docx",
        "file_delete",
        {"TargetFilename": "plans/a.docx", "share": "homes"},
    ),
    "renamed": (
        "anna|192.0.2.5|homes|renameat|ok|a.docx|a.docx.locked",
        "file_rename",
        {"TargetFilename": "a.docx", "renamed": "a.docx.locked"},
    ),
    "written": ("anna|192.0.2.5|pc7|homes|pwrite|ok|a.docx", "file_event", {"workstation": "pc7", "share": "homes"}),
    "opened to read": ("anna|192.0.2.5|homes|openat|ok|r|a.docx", "file_access", {"TargetFilename": "a.docx"}),
    "opened to write": ("anna|192.0.2.5|homes|openat|ok|w|a.docx", "file_event", {"TargetFilename": "a.docx"}),
    "refused": (
        "anna|2001:db8::5|homes|openat|fail (Permission denied)|r|salaries.xlsx",
        "file_access",
        {"result": "fail", "failure_reason": "Permission denied", "src_ip": "2001:db8::5"},
    ),
    "made": (
        "anna|192.0.2.5|homes|create_file|ok|0x12019f|file|create|a.docx",
        "file_event",
        {"TargetFilename": "a.docx"},
    ),
    "looked at": (
        "anna|192.0.2.5|homes|create_file|ok|0x80|file|open|a.docx",
        "file_access",
        {"TargetFilename": "a.docx"},
    ),
    "connected": ("HOUSE\\anna|192.0.2.5|homes|connect|ok|homes", None, {"username": "HOUSE\\anna"}),
    "a name with bars": (
        "anna|192.0.2.5|homes|unlinkat|ok|a|unlinkat|ok|bert|198.51.100.66",
        "file_delete",
        {"username": "anna", "src_ip": "192.0.2.5", "TargetFilename": "a|unlinkat|ok|bert|198.51.100.66"},
    ),
    "a prefix with names": (
        "2026/11/26 03:44:32|IP=192.0.2.5|USER=anna|MACHINE=pc7|VOLUME=homes|unlinkat|ok|a.docx",
        "file_delete",
        {
            "username": "anna",
            "src_ip": "192.0.2.5",
            "workstation": "pc7",
            "share": "homes",
            "time": "2026/11/26 03:44:32",
        },
    ),
    "no prefix but a user": (
        "anna|rmdir|ok|plans",
        "file_delete",
        {"username": "anna", "TargetFilename": "plans", "share": None},
    ),
}


@pytest.mark.parametrize(("text", "category", "expected"), LINES.values(), ids=LINES)
def test_what_is_done_to_a_file(text: str, category: str | None, expected: dict[str, object]) -> None:
    reading = appliances.read("smbd_audit", text)
    assert reading
    source, fields = reading
    assert source == LogSource("samba", category, "full_audit")
    assert {name: fields.get(name) for name in expected} == expected
    assert set(fields) <= set(NAMES)


@pytest.mark.parametrize("text", ["", "anna|192.0.2.5|homes", "unlinkat", "a|unlinkat|maybe|b", "|" * 60_000])
def test_other_lines_are_no_operation(text: str) -> None:
    assert appliances.read("smbd_audit", text) is None
