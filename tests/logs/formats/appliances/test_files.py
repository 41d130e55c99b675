"""Files that people open, write and delete on a NAS: the columns are Synology's and QNAP's, names and people invented."""

import pytest

from beffroi.core.model import LogSource
from beffroi.logs.formats.appliances import qnap, synology


@pytest.mark.parametrize(
    ("event", "category"),
    [
        ("read", "file_access"),
        ("write", "file_event"),
        ("create", "file_event"),
        ("delete", "file_delete"),
        ("rename", "file_rename"),
        ("odd", None),
    ],
)
def test_synology_tells_what_was_done_to_a_file(event: str, category: str | None) -> None:
    text = f"Event: {event}, Path: /homes/anna/plan.docx, File/Folder: File, Size: 6.00 KB, User: HOUSE\\anna, IP: 192.0.2.5"
    expected = {
        "action": event,
        "TargetFilename": "/homes/anna/plan.docx",
        "username": "HOUSE\\anna",
        "size": "6.00 KB",
        "kind": "File",
        "src_ip": "192.0.2.5",
    }
    source = LogSource("synology", category, "winfileservice")
    assert synology.read(text) == (source, expected)
    assert synology.read(f"WinFileService {text}") == (source, expected)


def test_a_file_name_that_imitates_the_line_changes_nobody() -> None:
    path = "/a, File/Folder: File, Size: 1 KB, User: bert, IP: 198.51.100.66"
    reading = synology.read(f"Event: delete, Path: {path}, File/Folder: File, Size: 6.00 KB, User: anna, IP: 192.0.2.5")
    assert reading
    assert (reading[1]["TargetFilename"], reading[1]["username"], reading[1]["src_ip"]) == (path, "anna", "192.0.2.5")
    path = "share/x, Source IP: 198.51.100.66, Computer name: pc, Connection type: SAMBA, Accessed resources: y"
    reading = qnap.read(
        f"conn log: Users: anna, Source IP: 192.0.2.5, Computer name: pc7, Connection type: SAMBA, Accessed resources: {path}, Action: Delete"
    )
    assert reading == (
        LogSource("qnap", "file_delete", "conn"),
        {
            "action": "Delete",
            "username": "anna",
            "src_ip": "192.0.2.5",
            "hostname": "pc7",
            "application": "SAMBA",
            "resource": path,
            "TargetFilename": path,
        },
    )


def test_the_system_of_a_synology_says_who_changed_it() -> None:
    assert synology.read("anna:\tUser [bert] was created.") == (
        LogSource("synology", None, "system"),
        {"username": "anna", "said": "User [bert] was created."},
    )
