"""The words of the situations of staying."""

from typing import Final

from beffroi.core.model import message
from beffroi.incidents.situations import parts
from beffroi.incidents.situations.parts import Situation

WORDS: Final[dict[str, Situation]] = {
    "new-administrator": Situation(
        what=(
            message("The account {target} was given all rights on {machine}."),
            message("The account {target} was given all rights."),
            message("An account was given all rights on {machine}."),
            message("An account of the house was given all rights."),
        ),
        why=message("With all rights one reads every file, switches off protection and locks everybody out."),
        steps=(
            ("director", parts.IS_IT_YOU),
            ("provider", message("If not: take the rights away, close the account, and find out who gave them.")),
        ),
        call=(parts.PROVIDER,),
        silent=parts.COMPUTERS,
    ),
    "account-changed": Situation(
        what=(
            message("The account {target} was created, changed or closed."),
            message("With the account {account}, another account was created, changed or closed."),
            message("An account was created, changed or closed on {machine}."),
            message("An account of the house was created, changed or closed."),
        ),
        why=message("A colleague may have arrived or left; or a stranger is making a door for himself."),
        steps=(
            ("director", message("Check whether somebody has just arrived, left or changed jobs.")),
            ("provider", message("If nobody asked for it: undo the change and close the account.")),
        ),
        call=(parts.LATER,),
        silent=parts.NOTHING,
    ),
    "foothold": Situation(
        what=(
            message("Something has settled on {machine} so that it starts again by itself."),
            message("Something has settled on a machine of the house so that it starts again by itself."),
        ),
        why=message("It may be a new program; a stranger who settles comes back after every restart."),
        steps=(
            ("nurse", message("Ask whether somebody installed a program or connected a device today.")),
            (
                "provider",
                message(
                    "Find out what was installed; if nobody knows it, take the machine off the network and examine it."
                ),
            ),
        ),
        call=(parts.PROVIDER_BY_DAY,),
        silent=parts.COMPUTERS,
    ),
    "remote-control": Situation(
        what=(
            message("Somebody can see and use {machine} from a distance, with a program made for it."),
            message("Somebody can see and use a machine of the house from a distance."),
        ),
        why=message("They see the screen and use the keyboard, residents' files included."),
        steps=(
            ("nurse", message("Ask who it is: your provider, a supplier, or somebody who rang up?")),
            ("nurse", message("If nobody knows, take {machine} off the network (cable or Wi-Fi).")),
            ("provider", message("Remove the program if it is not yours, and change the passwords typed there.")),
        ),
        call=(parts.PROVIDER,),
        silent=parts.CALLER,
    ),
    "defences-off": Situation(
        what=(
            message("With the account {account}, a protection was switched off or weakened on {machine}."),
            message("A protection was switched off or weakened on {machine}."),
            message("A protection of the house was switched off or weakened."),
        ),
        why=message("Attackers often do this just before they strike, so that nobody sees them."),
        steps=(
            ("nurse", parts.IS_IT_YOU),
            ("provider", message("Switch the protection on again, and find out who switched it off.")),
            (
                "nurse",
                message("If your provider knows nothing of it, take {machine} off the network (cable or Wi-Fi)."),
            ),
        ),
        call=(parts.PROVIDER,),
        silent=parts.COMPUTERS,
    ),
    "traces-wiped": Situation(
        what=(
            message("With the account {account}, the record of what happened on {machine} was wiped."),
            message("The record of what happened on {machine} was wiped."),
            message("The record of what happened on a machine of the house was wiped."),
        ),
        why=message("Whoever wipes traces often has something to hide."),
        steps=(
            ("director", parts.IS_IT_YOU),
            ("provider", message("Leave the machine as it is, and read in Beffroi what it received from it before.")),
            ("director", message("Have the machine examined before it is used again.")),
        ),
        call=(parts.PROVIDER,),
        silent=parts.COMPUTERS,
    ),
    "malware-found": Situation(
        what=(
            message("A harmful program was found on {machine}."),
            message("A harmful program was found on a machine of the house."),
        ),
        why=message("It may spread, steal passwords or make residents' files unreadable."),
        steps=(
            ("nurse", parts.OFF_NETWORK),
            ("nurse", message("Let nobody work on it, and put no USB stick from it into another machine.")),
            ("provider", message("Examine and clean it, and look for the same on the other machines.")),
        ),
        call=(parts.PROVIDER,),
        silent=parts.NOTHING,
    ),
    "foreign-code": Situation(
        what=(
            message("On {machine}, with the account {account}, something was run that does not belong to daily work."),
            message("On {machine}, something was run that does not belong to daily work."),
            message("With the account {account}, something was run that does not belong to daily work."),
            message("On a machine of the house, something was run that does not belong to daily work."),
        ),
        why=message("It may be maintenance; attackers use the same tools to settle in."),
        steps=(
            ("director", parts.IS_IT_YOU),
            (
                "provider",
                message("Look at what was run, and by whom; if nobody knows, take the machine off the network."),
            ),
        ),
        call=(parts.PROVIDER_BY_DAY,),
        silent=parts.COMPUTERS,
    ),
    "full-power": Situation(
        what=(
            message("With the account {account}, somebody is taking full power over {machine}."),
            message("Somebody is taking full power over {machine}."),
            message("Somebody is taking full power over the machines of the house."),
        ),
        why=message("Full power opens every file and switches off every protection."),
        steps=(
            ("director", parts.IS_IT_YOU),
            ("provider", parts.OFF_NETWORK),
            ("provider", message("Change the passwords of all administrators, from a machine that is surely clean.")),
        ),
        call=(parts.PROVIDER,),
        silent=parts.COMPUTERS,
    ),
}
