"""The words of the situations of stealing."""

from typing import Final

from beffroi.core.model import message
from beffroi.incidents.situations import parts
from beffroi.incidents.situations.parts import Situation

WORDS: Final[dict[str, Situation]] = {
    "files-read": Situation(
        what=(
            message("The account {account} is reading or copying far more files than usual on {machine}."),
            message("The account {account} is reading or copying far more files than usual."),
            message("On {machine}, far more files than usual are being read or copied."),
            message("In the house, far more files than usual are being read or copied."),
        ),
        why=message("They may be residents' files: their health, their money, their family."),
        steps=(
            ("director", message("Ask the person, alone and calmly, what these files were needed for.")),
            ("provider", message("List which files were opened; close the account if nobody can explain it.")),
            ("director", parts.NOTE_TIME),
        ),
        call=(
            parts.PROVIDER_BY_DAY,
            parts.DATA_AUTHORITY,
        ),
        silent=parts.TEAM,
    ),
    "files-packed": Situation(
        what=(
            message(
                "On {machine}, with the account {account}, many files are being packed together, as if for sending."
            ),
            message("On {machine}, many files are being packed together, as if for sending."),
            message("With the account {account}, many files are being packed together, as if for sending."),
            message("Many files of the house are being packed together, as if for sending."),
        ),
        why=message("This is often the last step before residents' files leave the house."),
        steps=(
            ("nurse", message("Ask whether somebody needs these files packed: provider, accountant, inspection.")),
            ("nurse", message("If nobody knows, take {machine} off the network (cable or Wi-Fi).")),
            ("provider", message("Look at what was packed, and whether it has left the house.")),
        ),
        call=(parts.PROVIDER,),
        silent=parts.TEAM,
    ),
    "files-sent-out": Situation(
        what=(
            message("From {machine}, with the account {account}, files are leaving the house over the internet."),
            message("From {machine}, files are leaving the house over the internet."),
            message("With the account {account}, files are leaving the house over the internet."),
            message("Files are leaving the house over the internet."),
        ),
        why=message("What is out cannot be fetched back; residents can be blackmailed or deceived with it."),
        steps=(
            ("nurse", parts.OFF_NETWORK),
            ("provider", message("Find out which files left and where to, and close that way.")),
            ("director", parts.NOTE_TIME),
        ),
        call=(
            parts.PROVIDER,
            parts.COMPLAINT,
            parts.DATA_AUTHORITY,
        ),
        silent=parts.PRESS,
    ),
    "mailbox-forwards": Situation(
        what=(
            message("The mailbox of {account} sends copies of its emails to somebody outside the house."),
            message("A mailbox of the house sends copies of its emails to somebody outside."),
        ),
        why=message("A stranger reads along, and waits for an invoice or a resident's file."),
        steps=(
            ("nurse", message("Ring the person: did they set up this forwarding themselves?")),
            ("provider", message("Remove the forwarding, change the password and end all open sessions.")),
            (
                "director",
                message("Tell whoever pays invoices: no new account number without a call to a known number."),
            ),
        ),
        call=(
            parts.PROVIDER,
            parts.DATA_AUTHORITY,
        ),
        silent=parts.MAIL,
    ),
    "mailbox-hides": Situation(
        what=(
            message("In the mailbox of {account}, certain emails are hidden or deleted before anybody sees them."),
            message("In a mailbox of the house, certain emails are hidden or deleted before anybody sees them."),
        ),
        why=message("Fraudsters hide the answers of your bank or suppliers in this way, until the money is gone."),
        steps=(
            ("nurse", message("Ring the person: did they set up this sorting themselves?")),
            ("provider", message("Remove the rule, change the password and end all open sessions.")),
            ("director", message("Check by phone the latest invoices and every changed account number.")),
        ),
        call=(
            parts.PROVIDER,
            parts.BANK,
            parts.DATA_AUTHORITY,
        ),
        silent=parts.MAIL,
    ),
    "mailbox-entered": Situation(
        what=(
            message("Somebody at {address} has opened the mailbox of {account}, or writes from it."),
            message("Somebody else has opened the mailbox of {account}, or writes from it."),
            message("Somebody else has opened a mailbox of the house, or writes from it."),
        ),
        why=message("Emails hold residents' data, and others trust what comes from this address."),
        steps=(
            ("nurse", parts.RING_PERSON),
            ("provider", parts.CLOSE_ACCOUNT),
            ("director", message("Ring those who received a false email: they open nothing and pay nothing.")),
        ),
        call=(
            parts.PROVIDER,
            parts.DATA_AUTHORITY,
        ),
        silent=parts.MAIL,
    ),
    "decoy-touched": Situation(
        what=(
            message("With the account {account}, a false file laid out as a trap was opened on {machine}."),
            message("With the account {account}, a false file laid out as a trap was opened."),
            message("A false file laid out as a trap was opened on {machine}."),
            message("A false file laid out as a trap was opened."),
        ),
        why=message("Nobody needs it for work: whoever opens it is searching for something."),
        steps=(
            ("director", message("Find out, calmly, who was using this account at that time.")),
            ("provider", message("Look at what else was opened with the same account or from the same machine.")),
            (
                "provider",
                message("If the person was not there: close the account and take the machine off the network."),
            ),
        ),
        call=(parts.PROVIDER,),
        silent=parts.DECOY,
    ),
    "spied-on": Situation(
        what=(
            message("Something on {machine} may be watching the screen, the keyboard or what is sent."),
            message("Something in the house may be watching a screen, a keyboard or what is sent."),
        ),
        why=message("Passwords and residents' data typed there may be read by others."),
        steps=(
            ("nurse", message("Stop using {machine}: type no password and no resident's data there.")),
            ("provider", message("Look for the program or device that watches, and remove it.")),
            ("provider", message("Change the passwords typed there, from another machine.")),
        ),
        call=(parts.PROVIDER,),
        silent=parts.COMPUTERS,
    ),
}
