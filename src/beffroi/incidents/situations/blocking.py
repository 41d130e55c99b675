"""The words of the situations of blocking."""

from typing import Final

from beffroi.core.model import message
from beffroi.incidents.situations import parts
from beffroi.incidents.situations.parts import Situation

WORDS: Final[dict[str, Situation]] = {
    "copies-destroyed": Situation(
        what=(
            message("On {machine}, with the account {account}, backups are being deleted or made unusable."),
            message("On {machine}, backups are being deleted or made unusable."),
            message("Backups of the house are being deleted or made unusable."),
        ),
        why=message("Attackers destroy backups first, so that you must pay to get residents' files back."),
        steps=(
            ("nurse", parts.OFF_NETWORK),
            ("provider", message("Disconnect the backups from everything at once, and check which are still good.")),
            (
                "nurse",
                message("Print the lists care needs, while it still works: medication, allergies, phone numbers."),
            ),
        ),
        call=(
            parts.PROVIDER,
            parts.POLICE,
            parts.CCB,
        ),
        silent=parts.COMPUTERS,
    ),
    "files-encrypted": Situation(
        what=(
            message("On {machine}, with the account {account}, files are being made unreadable one after another."),
            message("On {machine}, files are being made unreadable one after another."),
            message("With the account {account}, files are being made unreadable one after another."),
            message("Files of the house are being made unreadable one after another."),
        ),
        why=message("Care records, lists of medication and phone numbers may be gone within minutes."),
        steps=(
            ("nurse", message("Take {machine} off the network now; if you cannot, switch off the network cabinet.")),
            ("nurse", parts.PAPER),
            ("provider", message("Separate servers and backups at once; restore nothing before the way in is found.")),
        ),
        call=(
            parts.PROVIDER,
            parts.POLICE,
            parts.CCB,
            parts.DATA_AUTHORITY,
        ),
        silent=parts.BLACKMAIL,
    ),
    "files-deleted": Situation(
        what=(
            message("On {machine}, with the account {account}, many files are being deleted."),
            message("On {machine}, many files are being deleted."),
            message("With the account {account}, many files are being deleted."),
            message("Many files of the house are being deleted."),
        ),
        why=message("They may be residents' files; once overwritten, only a backup brings them back."),
        steps=(
            ("nurse", message("Ask whether somebody is tidying up on purpose.")),
            ("nurse", message("If nobody knows, take {machine} off the network (cable or Wi-Fi).")),
            (
                "provider",
                message("Stop the account, keep the disk as it is, and bring the files back from the backup."),
            ),
        ),
        call=(parts.PROVIDER,),
        silent=parts.TEAM,
    ),
    "ransom-note": Situation(
        what=(
            message("A letter of blackmail lies on {machine}: somebody wants money for your files."),
            message("A letter of blackmail lies on a machine of the house: somebody wants money for your files."),
        ),
        why=message("Files are probably blocked or stolen already; from now on care goes on without them."),
        steps=(
            ("nurse", message("Photograph the letter with your mobile phone, and touch nothing else on the machine.")),
            ("nurse", parts.PAPER),
            ("provider", message("Separate all machines and backups from each other and from the internet.")),
        ),
        call=(
            parts.PROVIDER,
            parts.POLICE,
            parts.CCB,
            parts.DATA_AUTHORITY,
        ),
        silent=parts.BLACKMAIL,
    ),
    "machines-stopped": Situation(
        what=(
            message("With the account {account}, somebody stopped {machine} or programs there."),
            message("Somebody stopped {machine} or programs there."),
            message("Machines or programs of the house were stopped."),
        ),
        why=message("What stands still no longer helps care; attackers stop machines before they block files."),
        steps=(
            ("nurse", message("Ask whether there was a power cut, an update or planned work.")),
            ("nurse", message("Use paper and telephone for what no longer works.")),
            ("provider", message("Find out who stopped it and why, before starting it again.")),
        ),
        call=(parts.PROVIDER,),
        silent=parts.NOTHING,
    ),
    "service-flooded": Situation(
        what=(
            message("Too many requests reach {machine} from {address}: hardly any is answered."),
            message("Too many requests reach {machine}: hardly any is answered."),
            message("The mailbox of {account} is flooded with messages."),
            message("The house is flooded with requests or messages from outside."),
        ),
        why=message("Telephone, email or care records may fail; sometimes the flood hides another attack."),
        steps=(
            (
                "provider",
                message("Have the internet supplier filter the flood, and look for another attack behind it."),
            ),
            ("nurse", message("Use paper and telephone for what no longer works.")),
            ("director", message("Check the latest payments and orders: a flood of emails often hides a fraud.")),
        ),
        call=(parts.PROVIDER,),
        silent=parts.NOTHING,
    ),
}
