"""Records of Microsoft 365's unified audit log, as the Management Activity API gives them.

Schema: Microsoft, "Office 365 Management Activity API schema"; the house's tenant and all numbers are invented.
"""

import json
from datetime import UTC, datetime
from typing import Any, Final
from uuid import NAMESPACE_OID, uuid5

from beffroi.demo.house import DNS, Person
from beffroi.demo.said import Said

TENANT: Final = "2c1f7b7e-54a1-4c0e-9d3e-0b1f5a6c7d88"
SOURCE: Final = "m365"
EDGE: Final = "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/142.0.0.0 Safari/537.36 Edg/142.0.0.0"
LINUX: Final = "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/129.0.0.0 Safari/537.36"
OUTLOOK: Final = "Client=OutlookService;Outlook-iOS/2.0"


def record(at: float, operation: str, workload: str, kind: int, who: Person, **more: Any) -> Said:
    """Any record: what all have, and `more`."""
    document = {
        "CreationTime": datetime.fromtimestamp(at, UTC).strftime("%Y-%m-%dT%H:%M:%S"),
        "Id": str(uuid5(NAMESPACE_OID, f"{at} {operation} {who.login} {sorted(more)}")), "Operation": operation, "OrganizationId": TENANT,
        "RecordType": kind, "UserKey": f"1003{who.number:012x}", "UserType": 0, "Version": 1, "Workload": workload, "UserId": who.mail, **more,
    }  # fmt: skip
    return Said(at, SOURCE, "m365", lambda _: json.dumps(document, ensure_ascii=False).encode())


def _entra(at: float, operation: str, who: Person, address: str, **more: Any) -> Said:
    return record(
        at, operation, "AzureActiveDirectory", 15, who, ClientIP=address, ActorIpAddress=address, AzureActiveDirectoryEventType=1,
        Actor=[{"ID": str(uuid5(NAMESPACE_OID, who.login)), "Type": 0}, {"ID": who.mail, "Type": 5}], ActorContextId=TENANT, TargetContextId=TENANT,
        InterSystemsId=str(uuid5(NAMESPACE_OID, f"i{at}")), IntraSystemId=str(uuid5(NAMESPACE_OID, f"j{at}")), SupportTicketId="", ModifiedProperties=[],
        **more,
    )  # fmt: skip


def signed_in(at: float, who: Person, address: str, agent: str = EDGE, system: str = "Windows10") -> Said:
    return _entra(
        at, "UserLoggedIn", who, address, ResultStatus="Success", ObjectId="00000002-0000-0ff1-ce00-000000000000",
        ApplicationId="9199bf20-a13f-4107-85dc-02114787ef48", ErrorNumber="0", Target=[{"ID": "00000002-0000-0ff1-ce00-000000000000", "Type": 0}],
        ExtendedProperties=[
            {"Name": "ResultStatusDetail", "Value": "Success"}, {"Name": "UserAgent", "Value": agent}, {"Name": "RequestType", "Value": "OAuth2:Authorize"},
        ],
        DeviceProperties=[
            {"Name": "OS", "Value": system}, {"Name": "BrowserType", "Value": "Edge" if system == "Windows10" else "Chrome"},
            {"Name": "IsCompliantAndManaged", "Value": "False"},
        ],
    )  # fmt: skip


def refused(at: float, who: Person, address: str, agent: str = EDGE) -> Said:
    return _entra(
        at, "UserLoginFailed", who, address, ResultStatus="Failed", ObjectId="00000002-0000-0ff1-ce00-000000000000", LogonError="InvalidUserNameOrPassword",
        ApplicationId="9199bf20-a13f-4107-85dc-02114787ef48", ErrorNumber="50126", Target=[{"ID": "00000002-0000-0ff1-ce00-000000000000", "Type": 0}],
        ExtendedProperties=[
            {"Name": "ResultStatusDetail", "Value": "UserError"}, {"Name": "UserAgent", "Value": agent}, {"Name": "RequestType", "Value": "OAuth2:Authorize"},
        ],
        DeviceProperties=[{"Name": "OS", "Value": "Windows10"}, {"Name": "BrowserType", "Value": "Other"}],
    )  # fmt: skip


def _exchange(at: float, operation: str, who: Person, address: str, kind: int, **more: Any) -> Said:
    return record(
        at, operation, "Exchange", kind, who, ResultStatus="True" if kind == 1 else "Succeeded", ClientIP=f"{address}:51022" if kind == 1 else address,
        ExternalAccess=False, OrganizationName="tilleuls-example.onmicrosoft.com", OriginatingServer="PR3P190MB0921 (15.20.4200.000)\r\n", **more,
    )  # fmt: skip


def mailbox_rule(at: float, who: Person, address: str, name: str, **parameters: str) -> Said:
    """New-InboxRule; `parameters` are those of the command (From, SubjectOrBodyContainsWords, MoveToFolder, DeleteMessage, …)."""
    listed = [{"Name": "Name", "Value": name}, *({"Name": key, "Value": value} for key, value in parameters.items())]
    return _exchange(
        at, "New-InboxRule", who, address, 1, ObjectId=f"EURPR03A001.PROD.OUTLOOK.COM/Microsoft Exchange Hosted Organizations/tilleuls/{who.login}\\{name}",
        AppId="00000002-0000-0ff1-ce00-000000000000", SessionId=str(uuid5(NAMESPACE_OID, address)),
        Parameters=[*listed, {"Name": "StopProcessingRules", "Value": "True"}, {"Name": "AlwaysDeleteOutlookRulesBlob", "Value": "False"}, {"Name": "Force", "Value": "False"}],
    )  # fmt: skip


def forwarding(at: float, who: Person, address: str, to: str) -> Said:
    """Set-Mailbox with a forwarding address."""
    return _exchange(
        at, "Set-Mailbox", who, address, 1, ObjectId=f"EURPR03A001.PROD.OUTLOOK.COM/Microsoft Exchange Hosted Organizations/tilleuls/{who.login}",
        Parameters=[
            {"Name": "Identity", "Value": who.mail}, {"Name": "ForwardingSmtpAddress", "Value": f"smtp:{to}"}, {"Name": "DeliverToMailboxAndForward", "Value": "True"},
        ],
    )  # fmt: skip


def letters_read(at: float, who: Person, address: str, client: str, count: int) -> Said:
    """MailItemsAccessed."""
    folder = {"Path": "\\Inbox", "FolderItems": [{"InternetMessageId": f"<{int(at)}.{n}@{DNS}>"} for n in range(count)]}
    return _exchange(
        at, "MailItemsAccessed", who, address, 50, ClientIPAddress=address, ClientInfoString=client, LogonType=0, MailboxOwnerUPN=who.mail,
        OperationProperties=[{"Name": "MailAccessType", "Value": "Bind"}, {"Name": "IsThrottled", "Value": "False"}], Folders=[folder], OperationCount=count,
    )  # fmt: skip


def letter_sent(at: float, who: Person, address: str, subject: str, client: str = "Client=OWA;Action=ViaProxy") -> Said:
    """Send."""
    return _exchange(
        at, "Send", who, address, 2, ClientIPAddress=address, ClientInfoString=client, LogonType=0, MailboxOwnerUPN=who.mail,
        Item={"Subject": subject, "InternetMessageId": f"<{int(at)}@{DNS}>", "SizeInBytes": 23_411, "ParentFolder": {"Path": "\\Drafts"}},
    )  # fmt: skip


def letters_deleted(at: float, who: Person, address: str, subject: str, operation: str = "SoftDelete") -> Said:
    return _exchange(
        at, operation, who, address, 3, ClientIPAddress=address, ClientInfoString="Client=OWA;Action=ViaProxy", LogonType=0, MailboxOwnerUPN=who.mail,
        AffectedItems=[{"Subject": subject, "InternetMessageId": f"<{int(at)}@{DNS}>", "ParentFolder": {"Path": "\\Sent Items"}}],
        Folder={"Path": "\\Sent Items"},
    )  # fmt: skip


def file(at: float, who: Person, address: str, operation: str, name: str, agent: str = EDGE) -> Said:
    """FileAccessed, FileDownloaded, FileModified, … in SharePoint or OneDrive."""
    return record(
        at, operation, "SharePoint", 6, who, ClientIP=address, ObjectId=f"https://tilleuls-example.sharepoint.com/sites/direction/Documents/{name}",
        EventSource="SharePoint", ItemType="File", SiteUrl="https://tilleuls-example.sharepoint.com/sites/direction/", SourceFileExtension=name.rpartition(".")[2],
        SourceFileName=name, SourceRelativeUrl="Documents", UserAgent=agent,
    )  # fmt: skip


def consent(at: float, who: Person, address: str, application: str) -> Said:
    """Somebody lets a foreign application into the own mailbox."""
    return record(
        at, "Consent to application.", "AzureActiveDirectory", 8, who, ClientIP=address, ResultStatus="Success", AzureActiveDirectoryEventType=1,
        ObjectId="7d3a1f5e-2b64-4f0c-8a7e-5b1c0d9e8f11", Actor=[{"ID": who.mail, "Type": 5}], ActorContextId=TENANT, TargetContextId=TENANT,
        Target=[{"ID": application, "Type": 1}, {"ID": "ServicePrincipal", "Type": 2}],
        ModifiedProperties=[
            {"Name": "ConsentContext.IsAdminConsent", "NewValue": "False", "OldValue": ""},
            {"Name": "ConsentAction.Permissions", "OldValue": "",
             "NewValue": f"[] => [[Id: , ClientId: , PrincipalId: , ResourceId: , ConsentType: Principal, Scope: Mail.Read Mail.Send offline_access {application}]]"},
        ],
    )  # fmt: skip
