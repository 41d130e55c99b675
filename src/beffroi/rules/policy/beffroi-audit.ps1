<#
.SYNOPSIS
    Has Windows record what Beffroi's rules look for. With -Undo everything is as it was before.

.DESCRIPTION
    It only adds: what this machine records already, it goes on recording. Before the first change it writes down what was there
    (auditpol's own backup, the values of the registry, the sizes of the logs); started again it changes nothing that is right
    already and keeps that first backup, which -Undo puts back.
    Subcategories are named by their GUID, since their names are translated in each language of Windows.

    powershell -ExecutionPolicy Bypass -File beffroi-audit.ps1             sets it
    powershell -ExecutionPolicy Bypass -File beffroi-audit.ps1 -WhatIf     says what it would change, and changes nothing
    powershell -ExecutionPolicy Bypass -File beffroi-audit.ps1 -Undo       takes it back

    In a domain a group policy that sets the same takes it back within two hours: there, put the same settings into the policy.
    What programs are given on their command line and what PowerShell runs can hold passwords: who may read the logs may read them.
#>
#Requires -Version 5.1
#Requires -RunAsAdministrator
[CmdletBinding(SupportsShouldProcess = $true)]
param(
    [switch] $Undo
)
Set-StrictMode -Version Latest
$ErrorActionPreference = 'Stop'

# --- what is set ---------------------------------------------------------------------------------------------------------------

# A name and why, then the GUID of the subcategory and what of it is recorded.
$Audit = @(
    # Credential Validation: each password that this machine checks itself (4776); a spray of passwords shows here first.
    @('{0CCE923F-69AE-11D9-BED3-505054503030}', 'Success, Failure'),
    # Kerberos Authentication Service: who signs in to the domain, and each wrong password (4768, 4771); on domain controllers only.
    @('{0CCE9242-69AE-11D9-BED3-505054503030}', 'Success, Failure'),
    # Kerberos Service Ticket Operations: who asks for which service (4769); passwords of services are guessed from these tickets.
    @('{0CCE9240-69AE-11D9-BED3-505054503030}', 'Success, Failure'),
    # User Account Management: accounts made, changed, locked, and passwords set by others (4720 to 4740).
    @('{0CCE9235-69AE-11D9-BED3-505054503030}', 'Success, Failure'),
    # Security Group Management: who becomes an administrator (4728, 4732, 4756).
    @('{0CCE9237-69AE-11D9-BED3-505054503030}', 'Success'),
    # Computer Account Management: a machine that joins the domain (4741), which intruders make up as well.
    @('{0CCE9236-69AE-11D9-BED3-505054503030}', 'Success'),
    # Process Creation: each program that starts (4688). Most of what attackers do is a program with a telling command line.
    @('{0CCE922B-69AE-11D9-BED3-505054503030}', 'Success'),
    # Plug and Play Events: sticks and disks that are plugged in (6416).
    @('{0CCE9248-69AE-11D9-BED3-505054503030}', 'Success'),
    # Directory Service Access: who reads secrets out of the domain (4662), as when all its passwords are copied.
    @('{0CCE923B-69AE-11D9-BED3-505054503030}', 'Success'),
    # Directory Service Changes: what of the domain is changed, and from what to what (5136); rights given away in silence.
    @('{0CCE923C-69AE-11D9-BED3-505054503030}', 'Success'),
    # Logon: who signs in, from where and how (4624), and each try that fails (4625), without which nobody sees passwords being guessed.
    @('{0CCE9215-69AE-11D9-BED3-505054503030}', 'Success, Failure'),
    # Logoff: when a session ends (4634, 4647), so that a story has an end.
    @('{0CCE9216-69AE-11D9-BED3-505054503030}', 'Success'),
    # Account Lockout: tries at an account that is locked (4625), while somebody still guesses.
    @('{0CCE9217-69AE-11D9-BED3-505054503030}', 'Success, Failure'),
    # Special Logon: sessions with an administrator's power (4672).
    @('{0CCE921B-69AE-11D9-BED3-505054503030}', 'Success'),
    # Other Logon/Logoff Events: remote desktops taken up again and left (4778, 4779), and sign-ins that are played back (4649).
    @('{0CCE921C-69AE-11D9-BED3-505054503030}', 'Success, Failure'),
    # File Share: who opens which share from where (5140), and shares that are made (5142).
    @('{0CCE9224-69AE-11D9-BED3-505054503030}', 'Success, Failure'),
    # Detailed File Share: each file opened over the network (5145): mass copying, encryption from another machine. The most talkative one.
    @('{0CCE9244-69AE-11D9-BED3-505054503030}', 'Success, Failure'),
    # File System: files in folders that somebody marked for auditing (4663); silent until then.
    @('{0CCE921D-69AE-11D9-BED3-505054503030}', 'Success, Failure'),
    # Kernel Object: who reads the memory that holds passwords (4663 on lsass, which Windows marks itself since Windows 10).
    @('{0CCE921F-69AE-11D9-BED3-505054503030}', 'Success'),
    # Certification Services: certificates asked for and given (4886, 4887), on machines that give them and are told to by certutil as well.
    @('{0CCE9221-69AE-11D9-BED3-505054503030}', 'Success, Failure'),
    # Other Object Access Events: scheduled tasks made and changed (4698, 4702), by which intruders stay.
    @('{0CCE9227-69AE-11D9-BED3-505054503030}', 'Success, Failure'),
    # Audit Policy Change: somebody who switches this very recording off (4719).
    @('{0CCE922F-69AE-11D9-BED3-505054503030}', 'Success, Failure'),
    # Authentication Policy Change: domains that are trusted, rules for passwords, rights to sign in (4706, 4739, 4717).
    @('{0CCE9230-69AE-11D9-BED3-505054503030}', 'Success'),
    # Security State Change: starts of Windows, and the clock being put back (4616).
    @('{0CCE9210-69AE-11D9-BED3-505054503030}', 'Success'),
    # Security System Extension: services that are installed (4697), which is how most remote tools arrive.
    @('{0CCE9211-69AE-11D9-BED3-505054503030}', 'Success'),
    # System Integrity: code whose signature is wrong (5038, 6281), and events that were lost (4612).
    @('{0CCE9212-69AE-11D9-BED3-505054503030}', 'Success, Failure')
)

# A name and why, then key (under HKEY_LOCAL_MACHINE), value, kind and content.
$Values = @(
    # Subcategories decide: without it the nine old categories of a policy from before 2008 undo all of the above.
    @('SYSTEM\CurrentControlSet\Control\Lsa', 'SCENoApplyLegacyAuditPolicy', 'DWord', 1),
    # Command lines: 4688 says what a program was told to do, not only its name.
    @('SOFTWARE\Microsoft\Windows\CurrentVersion\Policies\System\Audit', 'ProcessCreationIncludeCmdLine_Enabled', 'DWord', 1),
    # Script blocks: what PowerShell really ran (4104), after all disguise was taken off.
    @('SOFTWARE\Policies\Microsoft\Windows\PowerShell\ScriptBlockLogging', 'EnableScriptBlockLogging', 'DWord', 1),
    # Modules: what PowerShell's commands were given and what came out (4103).
    @('SOFTWARE\Policies\Microsoft\Windows\PowerShell\ModuleLogging', 'EnableModuleLogging', 'DWord', 1),
    # All modules: a list without a star records nothing.
    @('SOFTWARE\Policies\Microsoft\Windows\PowerShell\ModuleLogging\ModuleNames', '*', 'String', '*'),
    # Script blocks of PowerShell 7: it has a policy of its own, and is the way around the older one.
    @('SOFTWARE\Policies\Microsoft\PowerShellCore\ScriptBlockLogging', 'EnableScriptBlockLogging', 'DWord', 1)
)

# Why, then the log and the room it has at least. Logs that this Windows does not have are passed over.
$Logs = @(
    # Windows gives it 20 MB, which a busy machine overwrites within hours: what was not fetched by then never happened.
    @('Security', 1024mb),
    # Services, drivers, and logs that were cleared (104, 7045).
    @('System', 64mb),
    # Scripts are long; 15 MB hold little of them.
    @('Microsoft-Windows-PowerShell/Operational', 256mb),
    @('PowerShellCore/Operational', 128mb),
    # What Defender found, and who switched it off.
    @('Microsoft-Windows-Windows Defender/Operational', 32mb),
    # Tasks that run; on most Windows this log is off until somebody asks.
    @('Microsoft-Windows-TaskScheduler/Operational', 32mb),
    # Who printed how many pages; off until somebody asks.
    @('Microsoft-Windows-PrintService/Operational', 32mb),
    # Remote desktops: who came from where.
    @('Microsoft-Windows-TerminalServices-LocalSessionManager/Operational', 32mb),
    # Where Sysmon is installed, it says the most.
    @('Microsoft-Windows-Sysmon/Operational', 512mb)
)

# --- how -----------------------------------------------------------------------------------------------------------------------

# Only administrators may write here: whoever could write the backup could say what -Undo does.
$Folder = Join-Path $env:ProgramFiles 'Beffroi\audit'
$Before = Join-Path $Folder 'before'
$Policy = Join-Path $Before 'policy.csv'
$Notes = Join-Path $Before 'before.json'

function Invoke-Tool([string] $Name, [string[]] $Arguments) {
    $said = & (Join-Path $env:SystemRoot "System32\$Name") $Arguments
    if ($LASTEXITCODE -ne 0) { throw "$Name failed ($LASTEXITCODE): $said" }
}

function Open-Key([string] $Path) {
    [Microsoft.Win32.Registry]::LocalMachine.OpenSubKey($Path, $true)
}

function Read-Value([string] $Path, [string] $Name) {
    # What stands there now. `Key` is whether its key is there at all.
    $key = [Microsoft.Win32.Registry]::LocalMachine.OpenSubKey($Path)
    if ($null -eq $key) { return @{ Key = $false; Kind = ''; Value = $null } }
    try {
        if ($key.GetValueNames() -notcontains $Name) { return @{ Key = $true; Kind = ''; Value = $null } }
        $kind = $key.GetValueKind($Name).ToString()
        if ($kind -notin 'DWord', 'String') { throw "$Path, ${Name}: $kind was not expected here. Nothing was changed." }
        return @{ Key = $true; Kind = $kind; Value = $key.GetValue($Name) }
    }
    finally { $key.Close() }
}

function Find-Log([string] $Name) {
    Get-WinEvent -ListLog $Name -ErrorAction SilentlyContinue
}

function Save-Before {
    # Made aside and named last: where `before` is, it is whole.
    if (Test-Path -LiteralPath $Before) { return }
    if (-not $PSCmdlet.ShouldProcess($Before, 'write down what is set now')) { return }
    $new = Join-Path $Folder 'new'
    if (Test-Path -LiteralPath $new) { Remove-Item -LiteralPath $new -Recurse -Force }
    New-Item -ItemType Directory -Path $new -Force | Out-Null
    $kept = @{ Made = (Get-Date).ToString('o'); Values = @(); Logs = @() }
    foreach ($each in $Values) {
        $was = Read-Value $each[0] $each[1]
        $kept.Values += @{ Path = $each[0]; Name = $each[1]; Key = $was.Key; Kind = $was.Kind; Value = $was.Value }
    }
    foreach ($each in $Logs) {
        $log = Find-Log $each[0]
        if ($log) { $kept.Logs += @{ Name = $each[0]; Size = $log.MaximumSizeInBytes; Enabled = $log.IsEnabled } }
    }
    $kept | ConvertTo-Json -Depth 4 | Set-Content -LiteralPath (Join-Path $new 'before.json') -Encoding UTF8
    Invoke-Tool 'auditpol.exe' @('/backup', "/file:$(Join-Path $new 'policy.csv')")
    Rename-Item -LiteralPath $new -NewName 'before'
}

function Set-Everything {
    foreach ($each in $Values) {
        $was = Read-Value $each[0] $each[1]
        if ($was.Kind -eq $each[2] -and $was.Value -eq $each[3]) { continue }
        if ($PSCmdlet.ShouldProcess("$($each[0]), $($each[1])", "set to $($each[3])")) {
            $key = [Microsoft.Win32.Registry]::LocalMachine.CreateSubKey($each[0])
            try { $key.SetValue($each[1], $each[3], [Microsoft.Win32.RegistryValueKind] $each[2]) }
            finally { $key.Close() }
        }
    }
    foreach ($each in $Audit) {
        $arguments = @('/set', "/subcategory:$($each[0])")
        if ($each[1] -match 'Success') { $arguments += '/success:enable' }
        if ($each[1] -match 'Failure') { $arguments += '/failure:enable' }
        if ($PSCmdlet.ShouldProcess($each[0], "record $($each[1])")) { Invoke-Tool 'auditpol.exe' $arguments }
    }
    foreach ($each in $Logs) {
        $log = Find-Log $each[0]
        if (-not $log) { continue }
        if ($log.MaximumSizeInBytes -lt $each[1] -and $PSCmdlet.ShouldProcess($each[0], "room for $($each[1]) bytes")) {
            Invoke-Tool 'wevtutil.exe' @('set-log', $each[0], "/maxsize:$($each[1])")
        }
        if (-not $log.IsEnabled -and $PSCmdlet.ShouldProcess($each[0], 'switch on')) {
            Invoke-Tool 'wevtutil.exe' @('set-log', $each[0], '/enabled:true')
        }
    }
}

function Restore-Value($Was) {
    $key = Open-Key $Was.Path
    if ($null -eq $key) { return }
    try {
        if ($Was.Kind) { $key.SetValue($Was.Name, $Was.Value, [Microsoft.Win32.RegistryValueKind] $Was.Kind) }
        else { $key.DeleteValue($Was.Name, $false) }
        $empty = $key.ValueCount -eq 0 -and $key.SubKeyCount -eq 0
    }
    finally { $key.Close() }
    if ($empty -and -not $Was.Key) { [Microsoft.Win32.Registry]::LocalMachine.DeleteSubKey($Was.Path, $false) }
}

function Restore-Before {
    if (-not (Test-Path -LiteralPath $Notes)) { throw "There is nothing to take back: $Notes is not there." }
    $kept = Get-Content -LiteralPath $Notes -Raw -Encoding UTF8 | ConvertFrom-Json
    if ($PSCmdlet.ShouldProcess($Policy, 'put the audit policy back')) {
        Invoke-Tool 'auditpol.exe' @('/restore', "/file:$Policy")
    }
    $values = @($kept.Values)
    [array]::Reverse($values)  # a key below another goes first
    foreach ($was in $values) {
        if ($PSCmdlet.ShouldProcess("$($was.Path), $($was.Name)", 'put back')) { Restore-Value $was }
    }
    foreach ($was in @($kept.Logs)) {
        $log = Find-Log $was.Name
        if (-not $log) { continue }
        if ($log.MaximumSizeInBytes -ne $was.Size -and $PSCmdlet.ShouldProcess($was.Name, "room for $($was.Size) bytes")) {
            Invoke-Tool 'wevtutil.exe' @('set-log', $was.Name, "/maxsize:$($was.Size)")
        }
        if ($log.IsEnabled -and -not $was.Enabled -and $PSCmdlet.ShouldProcess($was.Name, 'switch off')) {
            Invoke-Tool 'wevtutil.exe' @('set-log', $was.Name, '/enabled:false')
        }
    }
    # Kept under another name, so that the next run writes down anew what it finds.
    if ($PSCmdlet.ShouldProcess($Before, 'put aside')) {
        Rename-Item -LiteralPath $Before -NewName "undone-$(Get-Date -Format 'yyyyMMdd-HHmmss')"
    }
}

if ([Environment]::Is64BitOperatingSystem -and -not [Environment]::Is64BitProcess) {
    throw 'Start this with the 64-bit PowerShell: the other one sees a registry of its own.'
}
if ($Undo) {
    Restore-Before
    $done = 'What Windows records is as it was before.'
}
else {
    Save-Before
    Set-Everything
    $done = "Windows records what Beffroi's rules look for. What was there before lies in $Before; -Undo puts it back."
}
if (-not $WhatIfPreference) { Write-Output $done }
