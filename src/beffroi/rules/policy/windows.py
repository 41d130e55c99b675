"""What Windows' logs hold: which audit subcategory writes which event of the Security log, and which fields an event has.

Written down from Microsoft's documentation ("Advanced security audit policy settings", the pages of the single events; Sysmon's of
Sysinternals) and checked against recordings. GUIDs are those of [MS-GPAC] 2.2.1.2. Only names; what is in the logs is nobody's
business here. To add an event: its number in its subcategory, and its fields below, where it has others than the subject's.
"""

from typing import Final, NamedTuple

from beffroi.detect.logsources import DEFENDER, POWERSHELL, POWERSHELL_CLASSIC


class Subcategory(NamedTuple):
    """A part of the audit policy: its name, what Windows records of it unless told otherwise ("S" successes, "F" failures; the most
    that a workstation, a server or a domain controller does), and the events it writes for a success and for a failure."""

    name: str
    usual: str
    success: tuple[int, ...]
    failure: tuple[int, ...] = ()


TAIL: Final = "-69AE-11D9-BED3-505054503030"
"""What the GUIDs of all subcategories end with."""

_SHARED_ACCOUNT: Final = (4728, 4729, 4731, 4732, 4733, 4734, 4735, 4727, 4730, 4737, 4754, 4755, 4756, 4757, 4758)
_OBJECTS: Final = ((4656, 4663, 4660, 4670), (4656,))

SUBCATEGORIES: Final[dict[str, Subcategory]] = {
    "0CCE9210": Subcategory("Security State Change", "S", (4608, 4609, 4616, 4621)),
    "0CCE9211": Subcategory("Security System Extension", "", (4610, 4611, 4614, 4622, 4697)),
    "0CCE9212": Subcategory("System Integrity", "SF", (4612, 4615, 4618, 4816, 5056), (5038, 5057, 5062, 6281, 6410)),
    "0CCE9213": Subcategory("IPsec Driver", "", (4960, 4961, 4962, 4963, 4965, 5478, 5479, 5480, 5483, 5484, 5485)),
    "0CCE9214": Subcategory("Other System Events", "SF", (5024, 5025, 5033, 5034, 5058, 5059), (5027, 5028, 5029, 5030, 5032, 5035, 5037)),
    "0CCE9215": Subcategory("Logon", "SF", (4624, 4648, 4675), (4625,)),
    "0CCE9216": Subcategory("Logoff", "S", (4634, 4647)),
    "0CCE9217": Subcategory("Account Lockout", "S", (), (4625,)),
    "0CCE9218": Subcategory("IPsec Main Mode", "", (4650, 4651), (4652, 4653)),
    "0CCE9219": Subcategory("IPsec Quick Mode", "", (5451,), (4977, 4654)),
    "0CCE921A": Subcategory("IPsec Extended Mode", "", (4979, 4980, 4981, 4982), (4978, 4983, 4984)),
    "0CCE921B": Subcategory("Special Logon", "S", (4672, 4964)),
    "0CCE921C": Subcategory("Other Logon/Logoff Events", "", (4778, 4779, 4800, 4801, 4802, 4803, 5378), (4649, 5632, 5633)),
    "0CCE9243": Subcategory("Network Policy Server", "SF", (6272, 6278), (6273, 6274, 6275, 6276, 6277, 6279, 6280)),
    "0CCE9247": Subcategory("User / Device Claims", "", (4626,)),
    "0CCE9249": Subcategory("Group Membership", "", (4627,)),
    "0CCE921D": Subcategory("File System", "", (*_OBJECTS[0], 4664, 4985), _OBJECTS[1]),
    "0CCE921E": Subcategory("Registry", "", (*_OBJECTS[0], 4657), _OBJECTS[1]),
    "0CCE921F": Subcategory("Kernel Object", "", _OBJECTS[0], _OBJECTS[1]),
    "0CCE9220": Subcategory("SAM", "", (4661,), (4661,)),
    "0CCE9221": Subcategory("Certification Services", "", (4868, 4870, 4882, 4885, 4886, 4887, 4890, 4891, 4892, 4896, 4898, 4899, 4900), (4888,)),
    "0CCE9222": Subcategory("Application Generated", "", (4665, 4666, 4667)),
    "0CCE9223": Subcategory("Handle Manipulation", "", (4656, 4658, 4690), (4656,)),
    "0CCE9224": Subcategory("File Share", "", (5140, 5142, 5143, 5144), (5140, 5168)),
    "0CCE9225": Subcategory("Filtering Platform Packet Drop", "", (), (5152, 5153)),
    "0CCE9226": Subcategory("Filtering Platform Connection", "", (5154, 5156, 5158), (5031, 5150, 5151, 5155, 5157, 5159)),
    "0CCE9227": Subcategory("Other Object Access Events", "", (4698, 4699, 4700, 4701, 4702, 4691, 5888, 5889, 5890), (4671,)),
    "0CCE9244": Subcategory("Detailed File Share", "", (5145,), (5145,)),
    "0CCE9245": Subcategory("Removable Storage", "", (4656, 4663), (4656,)),
    "0CCE9246": Subcategory("Central Policy Staging", "", (4818,)),
    "0CCE9228": Subcategory("Sensitive Privilege Use", "", (4673, 4674), (4673, 4674)),
    "0CCE9229": Subcategory("Non Sensitive Privilege Use", "", (4673, 4674), (4673, 4674)),
    "0CCE922A": Subcategory("Other Privilege Use Events", "", ()),
    "0CCE922B": Subcategory("Process Creation", "", (4688, 4696)),
    "0CCE922C": Subcategory("Process Termination", "", (4689,)),
    "0CCE922D": Subcategory("DPAPI Activity", "", (4692, 4693, 4694, 4695), (4692, 4693, 4694, 4695)),
    "0CCE922E": Subcategory("RPC Events", "", (5712,)),
    "0CCE9248": Subcategory("Plug and Play Events", "", (6416, 6419, 6420, 6421, 6422, 6423, 6424)),
    "0CCE924A": Subcategory("Token Right Adjusted Events", "", (4703,)),
    "0CCE922F": Subcategory("Audit Policy Change", "S", (4715, 4719, 4817, 4902, 4904, 4905, 4906, 4907, 4908, 4912)),
    "0CCE9230": Subcategory("Authentication Policy Change", "S", (4706, 4707, 4713, 4716, 4717, 4718, 4739, 4864, 4865, 4866, 4867)),
    "0CCE9231": Subcategory("Authorization Policy Change", "", (4704, 4705, 4670, 4911, 4913)),
    "0CCE9232": Subcategory("MPSSVC Rule-Level Policy Change", "", (4944, 4945, 4946, 4947, 4948, 4949, 4950, 4954, 4956), (4951, 4952, 4953, 4957, 4958)),
    "0CCE9233": Subcategory("Filtering Platform Policy Change", "", (5440, 5441, 5442, 5443, 5444, 5446, 5448, 5449, 5450)),
    "0CCE9234": Subcategory("Other Policy Change Events", "", (4819, 4826, 5063, 5064, 5065, 5066, 5067, 5068, 5069, 5070, 5447), (6145,)),
    "0CCE9235": Subcategory("User Account Management", "S", (4720, 4722, 4723, 4724, 4725, 4726, 4738, 4740, 4765, 4767, 4780, 4781, 4794, 4798, 5376, 5377), (4723, 4724, 4766)),
    "0CCE9236": Subcategory("Computer Account Management", "S", (4741, 4742, 4743)),
    "0CCE9237": Subcategory("Security Group Management", "S", (*_SHARED_ACCOUNT, 4764, 4799)),
    "0CCE9238": Subcategory("Distribution Group Management", "", (4744, 4745, 4746, 4747, 4748, 4749, 4750, 4751, 4752, 4753, 4759, 4760, 4761, 4762, 4763)),
    "0CCE9239": Subcategory("Application Group Management", "", (4783, 4784, 4785, 4786, 4787, 4788, 4789, 4790)),
    "0CCE923A": Subcategory("Other Account Management Events", "", (4782, 4793)),
    "0CCE923B": Subcategory("Directory Service Access", "S", (4661, 4662), (4662,)),
    "0CCE923C": Subcategory("Directory Service Changes", "", (5136, 5137, 5138, 5139, 5141)),
    "0CCE923D": Subcategory("Directory Service Replication", "", (4932, 4933), (4932, 4933)),
    "0CCE923E": Subcategory("Detailed Directory Service Replication", "", (4928, 4929, 4930, 4931, 4934), (4928, 4929, 4935, 4936, 4937)),
    "0CCE923F": Subcategory("Credential Validation", "S", (4774, 4775, 4776), (4776, 4777)),
    "0CCE9240": Subcategory("Kerberos Service Ticket Operations", "S", (4769, 4770), (4769, 4773)),
    "0CCE9241": Subcategory("Other Account Logon Events", "", ()),
    "0CCE9242": Subcategory("Kerberos Authentication Service", "S", (4768,), (4768, 4771, 4772)),
}  # fmt: skip
"""The GUID's own part → the subcategory."""

ALWAYS: Final = (1100, 1101, 1102, 1104, 1105, 1108)
"""Events of the Security log that no policy can switch off."""

COMMON: Final = (
    "Channel Computer EventID EventRecordID Keywords Level Opcode Provider_Name Task TimeCreated UserID Version"
)
"""Fields of every event of Windows."""

_SUBJECT: Final = "SubjectUserSid SubjectUserName SubjectDomainName SubjectLogonId"
_TARGET: Final = "TargetUserName TargetDomainName TargetSid"
_ACCOUNT: Final = (
    f"{_SUBJECT} {_TARGET} PrivilegeList SamAccountName DisplayName UserPrincipalName HomeDirectory HomePath ScriptPath ProfilePath "
    "UserWorkstations PasswordLastSet AccountExpires PrimaryGroupId AllowedToDelegateTo OldUacValue NewUacValue UserAccountControl "
    "UserParameters SidHistory LogonHours"
)
_OBJECT: Final = f"{_SUBJECT} ObjectServer ObjectType ObjectName HandleId AccessList AccessMask ProcessId ProcessName ResourceAttributes"
_SHARE: Final = f"{_SUBJECT} ObjectType IpAddress IpPort ShareName ShareLocalPath AccessMask AccessList"
_KERBEROS: Final = (
    "TargetUserName TargetDomainName ServiceName ServiceSid TicketOptions TicketEncryptionType IpAddress IpPort Status"
)
_LOGON: Final = (
    f"{_SUBJECT} TargetUserSid TargetUserName TargetDomainName LogonType LogonProcessName AuthenticationPackageName WorkstationName "
    "TransmittedServices LmPackageName KeyLength ProcessId ProcessName IpAddress IpPort"
)
_DIRECTORY: Final = f"{_SUBJECT} OpCorrelationID AppCorrelationID DSName DSType ObjectDN ObjectGUID ObjectClass"
_SESSION: Final = "AccountName AccountDomain LogonID SessionName ClientName ClientAddress"

OF_SECURITY: Final[dict[int, str]] = {
    1102: _SUBJECT,
    4610: "AuthenticationPackageName",
    4611: f"{_SUBJECT} LogonProcessName",
    4614: "NotificationPackageName",
    4616: f"{_SUBJECT} PreviousTime NewTime ProcessId ProcessName",
    4622: "SecurityPackageName",
    4624: f"{_LOGON} TargetLogonId LogonGuid ImpersonationLevel RestrictedAdminMode TargetOutboundUserName "
    "TargetOutboundDomainName VirtualAccount TargetLinkedLogonId ElevatedToken",
    4625: f"{_LOGON} Status SubStatus FailureReason",
    4634: "TargetUserSid TargetUserName TargetDomainName TargetLogonId LogonType",
    4647: "TargetUserSid TargetUserName TargetDomainName TargetLogonId",
    4648: f"{_SUBJECT} LogonGuid TargetUserName TargetDomainName TargetLogonGuid TargetServerName TargetInfo ProcessId ProcessName "
    "IpAddress IpPort",
    4656: f"{_OBJECT} TransactionId AccessReason PrivilegeList RestrictedSidCount",
    4657: f"{_SUBJECT} ObjectName ObjectValueName HandleId OperationType OldValueType OldValue NewValueType NewValue ProcessId "
    "ProcessName",
    4660: f"{_SUBJECT} ObjectServer HandleId ProcessId ProcessName TransactionId",
    4661: f"{_OBJECT} TransactionId Properties PrivilegeList RestrictedSidCount",
    4662: f"{_SUBJECT} ObjectServer ObjectType ObjectName OperationType HandleId AccessList AccessMask Properties AdditionalInfo "
    "AdditionalInfo2",
    4663: _OBJECT,
    4670: f"{_OBJECT} OldSd NewSd",
    4672: f"{_SUBJECT} PrivilegeList",
    4673: f"{_SUBJECT} ObjectServer Service PrivilegeList ProcessId ProcessName",
    4674: f"{_OBJECT} PrivilegeList",
    4688: f"{_SUBJECT} NewProcessId NewProcessName TokenElevationType ProcessId TargetUserSid TargetUserName TargetDomainName "
    "TargetLogonId ParentProcessName MandatoryLabel",
    4689: f"{_SUBJECT} Status ProcessId ProcessName",
    4697: f"{_SUBJECT} ServiceName ServiceFileName ServiceType ServiceStartType ServiceAccount",
    4698: f"{_SUBJECT} TaskName TaskContent ClientProcessId ParentProcessId RpcCallClientLocality FQDN",
    4699: f"{_SUBJECT} TaskName TaskContent",
    4700: f"{_SUBJECT} TaskName TaskContent",
    4701: f"{_SUBJECT} TaskName TaskContent",
    4702: f"{_SUBJECT} TaskName TaskContentNew ClientProcessId ParentProcessId RpcCallClientLocality FQDN",
    4703: f"{_SUBJECT} TargetUserSid TargetUserName TargetDomainName TargetLogonId ProcessName ProcessId EnabledPrivilegeList "
    "DisabledPrivilegeList",
    4704: f"{_SUBJECT} TargetSid PrivilegeList",
    4706: f"{_SUBJECT} DomainName DomainSid TdoType TdoDirection TdoAttributes SidFilteringEnabled",
    4717: f"{_SUBJECT} TargetSid AccessGranted",
    4719: f"{_SUBJECT} CategoryId SubcategoryId SubcategoryGuid AuditPolicyChanges",
    4720: _ACCOUNT,
    4738: f"{_ACCOUNT} Dummy",
    4739: f"{_SUBJECT} DomainPolicyChanged DomainName DomainSid PrivilegeList MinPasswordLength PasswordProperties LockoutThreshold",
    4741: f"{_ACCOUNT} DnsHostName ServicePrincipalNames",
    4742: f"{_ACCOUNT} DnsHostName ServicePrincipalNames ComputerAccountChange",
    **dict.fromkeys((4722, 4723, 4724, 4725, 4726, 4743, 4767, 4780), f"{_SUBJECT} {_TARGET} PrivilegeList"),
    **dict.fromkeys((4728, 4729, 4732, 4733, 4756, 4757), f"{_SUBJECT} {_TARGET} MemberName MemberSid PrivilegeList"),
    **dict.fromkeys(
        (4727, 4730, 4731, 4734, 4735, 4737, 4754, 4755, 4758, 4764),
        f"{_SUBJECT} {_TARGET} SamAccountName SidHistory PrivilegeList",
    ),
    4740: f"{_SUBJECT} {_TARGET}",
    4765: f"{_SUBJECT} {_TARGET} SourceUserName SourceSid PrivilegeList SidList",
    4768: f"{_KERBEROS} TargetSid PreAuthType CertIssuerName CertSerialNumber CertThumbprint",
    4769: f"{_KERBEROS} LogonGuid TransmittedServices",
    4770: _KERBEROS,
    4771: "TargetUserName TargetSid ServiceName TicketOptions Status PreAuthType IpAddress IpPort CertIssuerName CertSerialNumber "
    "CertThumbprint",
    4776: "PackageName TargetUserName Workstation Status",
    4778: _SESSION,
    4779: _SESSION,
    4781: f"{_SUBJECT} OldTargetUserName NewTargetUserName TargetDomainName TargetSid PrivilegeList",
    4794: f"{_SUBJECT} Workstation Status",
    **dict.fromkeys((4798, 4799), f"{_SUBJECT} {_TARGET} CallerProcessId CallerProcessName"),
    **dict.fromkeys((4800, 4801), "TargetUserSid TargetUserName TargetDomainName TargetLogonId SessionId"),
    4886: "RequestId Requester Attributes",
    **dict.fromkeys((4887, 4888), "RequestId Requester Attributes Disposition SubjectKeyIdentifier Subject"),
    4907: f"{_OBJECT} OldSd NewSd",
    4946: "ProfileChanged RuleId RuleName",
    4985: f"{_SUBJECT} TransactionId NewState ResourceManager ProcessId ProcessName",
    5136: f"{_DIRECTORY} AttributeLDAPDisplayName AttributeSyntaxOID AttributeValue OperationType",
    5137: _DIRECTORY,
    5141: f"{_DIRECTORY} TreeDelete",
    5140: _SHARE,
    5142: f"{_SUBJECT} ShareName ShareLocalPath",
    5143: f"{_SUBJECT} ShareName ShareLocalPath ObjectType OldSD NewSD",
    5144: f"{_SUBJECT} ShareName ShareLocalPath",
    5145: f"{_SHARE} RelativeTargetName AccessReason",
    5156: "ProcessID Application Direction SourceAddress SourcePort DestAddress DestPort Protocol FilterRTID LayerName LayerRTID",
    6416: f"{_SUBJECT} DeviceId DeviceDescription ClassId ClassName VendorIds CompatibleIds LocationInformation",
}
"""Event → the fields of its own; one that is not here has the subject's."""

_PROCESS: Final = "RuleName UtcTime ProcessGuid ProcessId Image User"
_SIGNED: Final = "Hashes Signed Signature SignatureStatus"
_PROGRAM: Final = "FileVersion Description Product Company OriginalFileName"
_FILE: Final = f"{_PROCESS} TargetFilename"
_TWO: Final = (
    "RuleName UtcTime SourceProcessGuid SourceProcessGUID SourceProcessId SourceImage TargetProcessGuid TargetProcessGUID "
    "TargetProcessId TargetImage SourceUser TargetUser"
)

OF_SYSMON: Final[dict[int, str]] = {
    1: f"{_PROCESS} {_PROGRAM} CommandLine CurrentDirectory LogonGuid LogonId TerminalSessionId IntegrityLevel Hashes "
    "ParentProcessGuid ParentProcessId ParentImage ParentCommandLine ParentUser",
    2: f"{_FILE} CreationUtcTime PreviousCreationUtcTime",
    3: f"{_PROCESS} Protocol Initiated SourceIsIpv6 SourceIp SourceHostname SourcePort SourcePortName DestinationIsIpv6 DestinationIp "
    "DestinationHostname DestinationPort DestinationPortName",
    4: "UtcTime State SchemaVersion",
    5: _PROCESS,
    6: f"RuleName UtcTime ImageLoaded {_SIGNED}",
    7: f"{_PROCESS} {_PROGRAM} {_SIGNED} ImageLoaded",
    8: f"{_TWO} NewThreadId StartAddress StartModule StartFunction",
    9: f"{_PROCESS} Device",
    10: f"{_TWO} SourceThreadId GrantedAccess CallTrace",
    11: f"{_FILE} CreationUtcTime",
    12: f"{_PROCESS} EventType TargetObject",
    13: f"{_PROCESS} EventType TargetObject Details",
    14: f"{_PROCESS} EventType TargetObject NewName",
    15: f"{_FILE} CreationUtcTime Hash Contents",
    16: "UtcTime Configuration ConfigurationFileHash",
    17: f"{_PROCESS} EventType PipeName",
    18: f"{_PROCESS} EventType PipeName",
    19: "RuleName EventType UtcTime Operation User EventNamespace Name Query",
    20: "RuleName EventType UtcTime Operation User Name Type Destination",
    21: "RuleName EventType UtcTime Operation User Consumer Filter",
    22: f"{_PROCESS} QueryName QueryStatus QueryResults",
    23: f"{_FILE} Hashes IsExecutable Archived",
    24: f"{_PROCESS} Session ClientInfo Hashes Archived",
    25: f"{_PROCESS} Type",
    26: f"{_FILE} Hashes IsExecutable",
    27: f"{_FILE} Hashes",
    28: f"{_FILE} Hashes IsExecutable",
    29: f"{_FILE} Hashes",
    255: "UtcTime ID Description",
}
"""Event of Sysmon → its fields, in its present schema."""

_THREAT: Final = (
    "Detection ID|Detection Time|Detection User|Threat ID|Threat Name|Severity ID|Severity Name|Category ID|Category Name|FWLink|"
    "Status Code|State|Source ID|Source Name|Process Name|Path|Origin ID|Origin Name|Execution ID|Execution Name|Type ID|Type Name|"
    "Action ID|Action Name|Error Code|Error Description|Remediation User|Signature Version|Engine Version|Pre Execution Status|"
    "Post Clean Status|Additional Actions ID|Additional Actions String"
)
_DEFENDER: Final = "Product Name|Product Version"
_TASK: Final = "TaskName|UserContext|UserName|InstanceId|ActionName|Path|ProcessID|Priority|ResultCode|TaskInstanceId"
_SERVICE: Final = "param1|param2|param3|param4|Binary"

ELSEWHERE: Final[dict[str, dict[int, str]]] = {
    "System": {
        104: "SubjectUserName|SubjectDomainName|Channel|BackupPath",
        1074: "param1|param2|param3|param4|param5|param6|param7",
        6005: "",
        7000: _SERVICE, 7009: _SERVICE, 7023: _SERVICE, 7024: _SERVICE, 7034: _SERVICE, 7036: _SERVICE, 7040: _SERVICE,
        7045: "ServiceName|ImagePath|ServiceType|StartType|AccountName",
    },
    "Application": {1000: "Data", 1001: "Data", 1033: "Data", 11707: "Data"},
    DEFENDER: {
        **dict.fromkeys((1006, 1007, 1008, 1013, 1015, 1116, 1117, 1118, 1119), f"{_DEFENDER}|{_THREAT}"),
        **dict.fromkeys((1121, 1122), f"{_DEFENDER}|ID|Detection Time|User|Path|Process Name|Target Commandline|Parent Commandline"),
        1150: _DEFENDER, 5001: _DEFENDER, 5010: _DEFENDER, 5012: _DEFENDER,
        5004: f"{_DEFENDER}|Feature Name|Reason|Configuration",
        5007: f"{_DEFENDER}|Old Value|New Value",
        5013: f"{_DEFENDER}|Changed Type|Value",
    },
    POWERSHELL[0]: {40961: "", 40962: "", 53504: "param1|param2"},
    POWERSHELL_CLASSIC: {400: "Data", 403: "Data", 600: "Data"},
    "Microsoft-Windows-TerminalServices-LocalSessionManager/Operational": dict.fromkeys((21, 22, 23, 24, 25, 39, 40), "User|SessionID|Address"),
    "Microsoft-Windows-TerminalServices-RemoteConnectionManager/Operational": {261: "listenerName", 1149: "Param1|Param2|Param3"},
    "Microsoft-Windows-RemoteDesktopServices-RdpCoreTS/Operational": {
        98: "", 131: "ConnType|ClientIP", 132: "ChannelName|TunnelID", 140: "IPString", 148: "ChannelName|TunnelID",
    },
    "Microsoft-Windows-WinRM/Operational": {6: "connection", 91: "", 169: "username|authenticationMechanism"},
    "Microsoft-Windows-Application-Experience/Program-Telemetry": {500: "ProcessId|StartTime|ExePath|FixID|FixName|Flags", 505: "ProcessId|StartTime|ExePath|FixID|FixName|Flags"},
    "Microsoft-Windows-Application-Experience/Program-Compatibility-Assistant": {17: "ExePath|ResolverName"},
    "Microsoft-Windows-Winsock-WS2HELP/Operational": {1: "Catalog|Category|GUID|Installer|LSPName"},
    "Microsoft-Windows-WMI-Activity/Operational": {
        5857: "ProviderName|Code|HostProcess|ProcessID|ProviderPath", 5858: "Id|ClientMachine|User|ClientProcessId|Component|Operation|ResultCode|PossibleCause",
        5860: "Namespace|Query|User|ClientMachine|PossibleCause", 5861: "Namespace|ESS|CONSUMER|PossibleCause",
    },
    "Microsoft-Windows-Bits-Client/Operational": {
        3: "jobTitle|jobId|jobOwner|processPath|processId", 59: "transferId|name|Id|url|peer|fileTime|fileLength|bytesTotal|bytesTransferred",
        60: "transferId|name|Id|url|peer|hr|fileLength|bytesTotal|bytesTransferred",
    },
    "Microsoft-Windows-Windows Firewall With Advanced Security/Firewall": {
        **dict.fromkeys((2004, 2005, 2006, 2033, 2071, 2097), "RuleId|RuleName|Origin|ApplicationPath|ServiceName|Direction|Protocol|LocalPorts|RemotePorts|Action|"
                        "Profiles|LocalAddresses|RemoteAddresses|ModifyingUser|ModifyingApplication|Active"),
        **dict.fromkeys((2002, 2003), "SettingType|SettingValueSize|SettingValue|SettingValueString|Profiles|Origin|ModifyingUser|ModifyingApplication"),
    },
    "Microsoft-Windows-CodeIntegrity/Operational": {3033: "FileNameBuffer|ProcessNameBuffer", 3077: "File Name|Process Name"},
    "Microsoft-Windows-BitLocker/BitLocker Management": {768: "VolumeName|VolumeMountPoint", 845: ""},
    "Microsoft-Windows-VHDMP-Operational": dict.fromkeys((1, 12, 25), "VhdFileName"),
    "Microsoft-Windows-Ntfs/Operational": {142: "DeviceName"},
    "Microsoft-Windows-PrintService/Admin": {808: "PluginDllName|ErrorCode"},
    "Microsoft-Windows-SMBServer/Operational": {1001: "UserName|ClientName"},
    "Microsoft-Windows-SmbClient/Security": {31001: "UserName|ServerName|Reason|Status"},
    "Microsoft-Windows-SmbClient/Connectivity": {30803: "ServerName|Status"},
}  # fmt: skip
"""Channel that Windows keeps unless somebody asked it not to → event → its own fields. One that stands here lets the rules of its channel see, those
of other events too: they only did not happen yet."""

SCRIPTS: Final[dict[int, str]] = {
    4103: "ContextInfo|UserData|Payload",
    4104: "MessageNumber|MessageTotal|ScriptBlockText|ScriptBlockId|Path",
}
"""PowerShell's events that are asked for by two values of the registry. Without them it writes 4104 for scripts that it finds suspicious itself, which is
not to be relied on and not counted."""

OF_PROGRAMS: Final[dict[str, dict[int, str]]] = {
    "Veeam Backup": dict.fromkeys((110, 190, 23090, 28200), ""),
    "Microsoft-Windows-Hyper-V-Worker-Admin": dict.fromkeys((18500, 18502, 18504, 18508, 18514), "VmName|VmId"),
}
"""Logs of programs and roles that a house may have: no policy of Windows concerns them, and where the program is, they come."""

SWITCHED_ON: Final[dict[str, dict[int, str]]] = {
    "Microsoft-Windows-TaskScheduler/Operational": dict.fromkeys((100, 102, 106, 129, 140, 141, 200, 201), _TASK),
    "Microsoft-Windows-PrintService/Operational": {307: "|".join(f"Param{number}" for number in range(1, 9))},
}
"""What is off until it is switched on."""
