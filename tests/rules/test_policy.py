"""What Windows records, with and without the script that Beffroi recommends: the script is whole, and what is counted is what it sets."""

import re
from pathlib import Path
from uuid import UUID

import pytest

from beffroi.detect.logsources import POWERSHELL, SECURITY, SYSMON
from beffroi.logs.formats.recordings import recordings
from beffroi.rules import policy
from beffroi.rules.coverage import Inventory, coverage
from beffroi.rules.pack import SILENT_LEVEL
from beffroi.rules.policy import POLICIES, comes
from beffroi.rules.policy.gains import about_windows, gains, readers
from beffroi.rules.policy.windows import ALWAYS, OF_SECURITY, SUBCATEGORIES, TAIL
from beffroi.rules.repository import PACK, RuleSet, load

TASKS = "Microsoft-Windows-TaskScheduler/Operational"


@pytest.fixture(scope="module")
def pack() -> RuleSet:
    return load([PACK])


@pytest.fixture(scope="module")
def script() -> str:
    return policy.script()


def bare(text: str) -> str:
    """A PowerShell script without its comments and what stands in single quotes."""
    return re.sub(r"<#.*?#>|'[^']*'|(?<!`)#[^\n]*", "", text, flags=re.DOTALL)


# --- the script --------------------------------------------------------------------------------------------------------------


def test_every_line_of_the_script_is_read_and_has_its_reason(script: str) -> None:
    read = [*policy.audited(), *policy.values(), *policy.logs()]
    assert len(read) == len(re.findall(r"^    @\('", script, re.MULTILINE)) > 30
    assert all(
        why.endswith(".") for why in (*(line.why for line in policy.audited()), *(line.why for line in policy.values()))
    )


def test_its_subcategories_are_microsofts_by_guid_and_by_name() -> None:
    lines = policy.audited()
    assert [SUBCATEGORIES[line.guid.removesuffix(TAIL)].name for line in lines] == [line.name for line in lines]
    assert len({line.guid for line in lines}) == len(lines)
    assert {UUID(own + TAIL).version for own in SUBCATEGORIES} == {1}
    assert len({each.name for each in SUBCATEGORIES.values()}) == len(SUBCATEGORIES) == 59


def test_it_takes_no_record_away_and_asks_for_no_outcome_that_does_not_exist() -> None:
    for line in policy.audited():
        subcategory = SUBCATEGORIES[line.guid.removesuffix(TAIL)]
        assert set(line.recorded) >= set(subcategory.usual) - {"F" if not subcategory.failure else ""}, line.name


def test_it_names_no_subcategory_by_a_name_that_windows_translates(script: str) -> None:
    code = re.sub(r"<#.*?#>|#[^\n]*", "", script, flags=re.DOTALL)
    assert not [each.name for each in SUBCATEGORIES.values() if f"'{each.name}'" in code]


def test_it_is_plain_ascii_which_every_powershell_reads_alike(script: str) -> None:
    assert script.isascii()
    assert "\t" not in script
    assert all(line == line.rstrip() for line in script.splitlines())


def test_it_asks_for_an_administrator_and_stops_at_the_first_fault(script: str) -> None:
    assert "#Requires -RunAsAdministrator" in script
    assert "$ErrorActionPreference = 'Stop'" in script
    assert "if ($LASTEXITCODE -ne 0) { throw" in script


def test_its_brackets_close_and_every_function_it_calls_is_its_own_or_powershells(script: str) -> None:
    closing, open_ones = {")": "(", "}": "{", "]": "["}, list[str]()
    for sign in bare(script):
        if sign in closing.values():
            open_ones.append(sign)
        elif sign in closing:
            assert open_ones.pop() == closing[sign]
    assert open_ones == []
    own = set(re.findall(r"^function ([\w-]+)", script, re.MULTILINE))
    called = set(re.findall(r"\b[A-Z]\w+-[A-Z]\w+\b", bare(script)))
    powershells = {
        "Test-Path", "Join-Path", "New-Item", "Remove-Item", "Rename-Item", "Get-Content", "Set-Content", "Get-Date", "Get-WinEvent",
        "ConvertTo-Json", "ConvertFrom-Json", "Write-Output", "Out-Null", "Set-StrictMode",
    }  # fmt: skip
    assert called - {"Microsoft-Windows"} == own | powershells


def test_what_was_there_is_kept_whole_before_anything_is_changed(script: str) -> None:
    main = script[script.rindex("if ($Undo)") :]
    assert main.index("Save-Before") < main.index("Set-Everything")
    saving = script[script.index("function Save-Before") : script.index("function Set-Everything")]
    assert saving.index("if (Test-Path -LiteralPath $Before) { return }") < saving.index("New-Item")
    steps = ["foreach ($each in $Values)", "foreach ($each in $Logs)", "Set-Content", "/backup", "-NewName 'before'"]
    assert [saving.index(step) for step in steps] == sorted(saving.index(step) for step in steps)


def test_undo_puts_back_all_three_and_only_what_this_script_wrote_down(script: str) -> None:
    undoing = script[script.index("function Restore-Before") : script.index("if ([Environment]")]
    for step in ("/restore", "$kept.Values", "Restore-Value", "$kept.Logs", "/maxsize:$($was.Size)", "/enabled:false"):
        assert step in undoing
    assert "$key.DeleteValue($Was.Name, $false)" in script  # what was not there goes again
    assert "$env:ProgramFiles" in script  # nobody else may write the backup


def test_every_change_can_be_looked_at_first(script: str) -> None:
    """Each call that changes something stands behind a question to -WhatIf, on its line or on the one above."""
    lines = script[script.index("function Set-Everything") :].splitlines()
    changing = [
        place
        for place, line in enumerate(lines)
        if re.search(r"Invoke-Tool '|Rename-Item|CreateSubKey|\{ Restore-Value", line)
    ]
    assert len(changing) == 9
    assert all("ShouldProcess" in lines[place] + lines[place - 1] for place in changing)


# --- what comes --------------------------------------------------------------------------------------------------------------


def test_windows_by_itself_tells_of_sign_ins_but_not_of_programs_scripts_and_tasks() -> None:
    seen = comes("default")
    assert {(SECURITY, 4624), (SECURITY, 4625), (SECURITY, 1102), (SECURITY, 4720), ("System", 7045)} <= seen.keys()
    assert not {(SECURITY, 4688), (SECURITY, 4698), (SECURITY, 5145), (SECURITY, 4697)} & seen.keys()
    assert not {(channel, number) for channel, number in seen if channel in (SYSMON, TASKS) or number in (4103, 4104)}


def test_the_script_brings_programs_with_their_command_lines_scripts_and_tasks() -> None:
    seen = comes("recommended")
    assert {"NewProcessName", "CommandLine", "ParentProcessName"} <= seen[SECURITY, 4688]
    assert {"ScriptBlockText", "Path"} <= seen[POWERSHELL[0], 4104]
    assert {(SECURITY, 4698), (SECURITY, 5145), (SECURITY, 4697), (SECURITY, 4771), (TASKS, 106)} <= seen.keys()
    assert not [channel for channel, _ in seen if channel == SYSMON]


def test_each_policy_sees_all_that_the_one_before_it_does() -> None:
    less, more, most = (comes(each) for each in POLICIES)
    assert less.keys() < more.keys() < most.keys()
    assert all(less[key] <= more[key] <= most[key] for key in less)


def test_a_policy_is_what_the_script_says(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, script: str) -> None:
    before = len(policy.audited())
    changed = re.sub(r"    # Process Creation:.*\n.*\n", "", script).replace(
        "EnableScriptBlockLogging", "EnableNothing"
    )
    (tmp_path / "a.ps1").write_text(changed, "ascii")
    monkeypatch.setattr(policy, "SCRIPT", tmp_path / "a.ps1")
    assert len(policy.audited()) == before - 1
    assert not {(SECURITY, 4688), (POWERSHELL[0], 4104)} & comes("recommended").keys()


def test_an_event_with_fields_is_one_that_some_subcategory_writes() -> None:
    written = {number for each in SUBCATEGORIES.values() for number in (*each.success, *each.failure)} | {*ALWAYS}
    assert OF_SECURITY.keys() <= written


@pytest.mark.slow
def test_recorded_events_have_no_field_that_is_not_written_down(corpus: Path) -> None:
    inventory = Inventory()
    for recording in recordings([corpus / "evtx-attack-samples"], faults=[]):
        inventory.add(recording.events())
    known = comes("sysmon")
    recorded = {
        key: fields for key, fields in inventory.seen().items() if key[0] in (SECURITY, SYSMON) and key in known
    }
    assert len(recorded) > 50
    assert {key: extra for key, fields in recorded.items() if (extra := fields - known[key])} == {}


# --- what it gains -----------------------------------------------------------------------------------------------------------


def test_every_rule_about_windows_can_fire_with_the_recommended_policy_and_sysmon(pack: RuleSet) -> None:
    """One that cannot looks for something that Windows never says, or for an event that windows.py does not know."""
    blind = coverage(about_windows(pack.rules), comes("sysmon")).blind
    assert [(each.rule.title, str(each.why)) for each in blind if each.rule.blind is None] == []


def test_the_gains_count_what_speaks_and_rise_from_policy_to_policy(pack: RuleSet) -> None:
    default, recommended, sysmon, everything = gains(pack)
    assert [each.policy for each in (default, recommended, sysmon, everything)] == [*POLICIES, "all"]
    assert everything.rules == sum(rule.level != SILENT_LEVEL for rule in about_windows(pack.rules))
    assert default.rules < recommended.rules <= sysmon.rules <= everything.rules
    assert 0 < default.correlations < recommended.correlations <= sysmon.correlations <= everything.correlations
    assert default.techniques < recommended.techniques <= sysmon.techniques <= everything.techniques


def test_the_readers_of_a_line_are_the_rules_that_ask_for_its_events(pack: RuleSet) -> None:
    by_name = {line.name: readers(pack)[line.guid] for line in policy.audited()}
    commands = [rule for rule in about_windows(pack.rules) if rule.logsource.category == "process_creation"]
    assert by_name["Process Creation"] >= len(commands) > 0
    shares = [rule for rule in about_windows(pack.rules) if rule.events == frozenset({5145})]
    assert by_name["Detailed File Share"] >= len(shares) > 0
    assert by_name["Logoff"] < by_name["Logon"] < by_name["Process Creation"]


def test_a_correlation_about_other_sources_is_no_gain_of_windows(pack: RuleSet) -> None:
    *_, everything = gains(pack)
    assert everything.correlations < len(pack.correlations)
