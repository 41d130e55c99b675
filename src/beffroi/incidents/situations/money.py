"""The words of the situations of money, the watch itself, and the rest."""

from typing import Final

from beffroi.core.model import message
from beffroi.incidents.situations import parts
from beffroi.incidents.situations.parts import Situation

WORDS: Final[dict[str, Situation]] = {
    "payment-fraud": Situation(
        what=(
            message("Around the account {account}, there are signs of a fraud with payments or account numbers."),
            message("There are signs that somebody wants money of the house sent to a false account."),
        ),
        why=message("The sooner the bank knows, the better the chance of getting the money back."),
        steps=(
            (
                "director",
                message(
                    "Pay nothing that rests on a message: check account numbers by ringing a number you already know."
                ),
            ),
            ("director", message("If money has left: ring your bank at once and keep all messages.")),
            ("provider", message("Look whether a stranger is in the mailbox, and change its password.")),
        ),
        call=(
            parts.BANK,
            parts.CARD_STOP,
            parts.COMPLAINT,
        ),
        silent=parts.CALLER,
    ),
    "resident-swindled": Situation(
        what=(
            message(
                "A resident's phone or account number, seen with the account {account}, may be used to swindle them."
            ),
            message("A phone or account number from a resident's file may be used to swindle the resident."),
        ),
        why=message("Residents trust whoever knows their name and family; they can lose their savings."),
        steps=(
            (
                "nurse",
                message("Speak with the resident and the family: no codes, no card, no transfer to anybody who rings."),
            ),
            ("director", message("Ask the family or the legal representative to warn the resident's bank.")),
            ("provider", message("List who opened this resident's file in the last weeks.")),
        ),
        call=(
            parts.CARD_STOP,
            parts.COMPLAINT,
            parts.DATA_AUTHORITY,
        ),
        silent=parts.TEAM,
    ),
    "watch-attacked": Situation(
        what=(
            message("Somebody at {address} is trying to enter Beffroi itself, or to blind it."),
            message("Somebody is trying to enter Beffroi itself, or to blind it."),
        ),
        why=message("Without Beffroi, nobody would see what happens next in the house."),
        steps=(
            ("provider", message("Check who signed in to Beffroi or its machine, and change the passwords.")),
            ("director", message("Look into Beffroi every day this week: are all machines still seen?")),
        ),
        call=(parts.PROVIDER,),
        silent=parts.COMPUTERS,
    ),
    "data-falsified": Situation(
        what=(
            message(
                "On {machine}, with the account {account}, data or settings were changed in a way that can do harm."
            ),
            message("On {machine}, data or settings were changed in a way that can do harm."),
            message("With the account {account}, data or settings were changed in a way that can do harm."),
            message("Data or settings of the house were changed in a way that can do harm."),
        ),
        why=message("Wrong data can lead to wrong care; wrong settings open doors."),
        steps=(
            ("nurse", message("Check by hand what care depends on: medication, allergies, diets.")),
            ("provider", message("Find out what was changed and by whom, and put it back.")),
        ),
        call=(parts.PROVIDER_BY_DAY,),
        silent=parts.NOTHING,
    ),
    "unknown": Situation(
        what=(
            message("On {machine}, with the account {account}, something unusual happened."),
            message("On {machine}, something unusual happened."),
            message("With the account {account}, something unusual happened."),
            message("Something unusual came from the address {address}."),
            message("Something unusual happened in the house."),
        ),
        why=message("Beffroi cannot say what it means for residents: somebody who knows the house must look."),
        steps=(
            ("nurse", message("Ask whether somebody is doing something unusual: maintenance, a new device, a test.")),
            ("provider", message("Read the technical part, and tell the director whether it is harmless.")),
        ),
        call=(parts.LATER,),
        silent=parts.NOTHING,
    ),
}
