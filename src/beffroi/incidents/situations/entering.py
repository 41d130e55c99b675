"""The words of the situations of getting in."""

from typing import Final

from beffroi.core.model import message
from beffroi.incidents.situations import parts
from beffroi.incidents.situations.parts import Situation

WORDS: Final[dict[str, Situation]] = {
    "network-scan": Situation(
        what=(
            message("The address {address} is knocking at the machines of the house to see what answers."),
            message("Somebody is knocking at {machine} to see what answers."),
            message("Somebody is knocking at the machines of the house to see what answers."),
        ),
        why=message("A burglar begins by walking around the house; it can also be a device that is badly set."),
        steps=(
            ("nurse", message("Ask whether somebody connected a new device today: laptop, printer, camera.")),
            ("provider", message("Find the device behind this address, and disconnect it if nobody knows it.")),
        ),
        call=(parts.LATER,),
        silent=parts.NOTHING,
    ),
    "service-attacked": Situation(
        what=(
            message("Somebody at {address} is trying to break into {machine} through a weak spot."),
            message("Somebody is trying to break into {machine} through a weak spot."),
            message("Somebody at {address} is trying to break in through a weak spot."),
            message("Somebody is trying to break in through a weak spot."),
        ),
        why=message("If they succeed, strangers reach residents' files without any password."),
        steps=(
            ("provider", message("Check whether an attempt succeeded, and install the missing updates.")),
            ("provider", message("Close whatever need not be reachable from the internet.")),
            ("director", message("Ask your provider for a clear answer: did they get in, yes or no?")),
        ),
        call=(parts.PROVIDER_BY_DAY,),
        silent=parts.NOTHING,
    ),
    "service-broken-into": Situation(
        what=(
            message("Somebody has broken into {machine} and made a hidden entrance there."),
            message("Somebody has broken into a server of the house and made a hidden entrance there."),
        ),
        why=message("They can come back at any time, and take or block residents' files."),
        steps=(
            ("provider", parts.OFF_NETWORK),
            ("nurse", parts.PAPER),
            ("director", parts.NOTE_TIME),
        ),
        call=(
            parts.PROVIDER,
            parts.COMPLAINT,
            parts.CCB,
            parts.DATA_AUTHORITY,
        ),
        silent=parts.COMPUTERS,
    ),
    "password-guessing": Situation(
        what=(
            message("Somebody at {address} is trying one password after another on the account {account}."),
            message("Somebody is trying one password after another on the account {account}."),
            message("Somebody at {address} is trying one password after another on {machine}."),
            message("Somebody is trying one password after another on {machine}."),
            message("Somebody at {address} is trying one password after another."),
            message("Somebody is trying one password after another."),
        ),
        why=message("As soon as one is right, a stranger reads everything that person may read."),
        steps=(
            ("nurse", message("Ask the person by phone whether they mistyped or forgot their password.")),
            ("provider", message("Check that no attempt succeeded, and block the addresses they come from.")),
            ("director", message("Have a second check switched on for all staff: a code on the mobile phone.")),
        ),
        call=(parts.LATER,),
        silent=parts.NOTHING,
    ),
    "password-spraying": Situation(
        what=(
            message("Somebody at {address} is trying a few common passwords on many accounts of the house."),
            message("Somebody is trying a few common passwords on many accounts, by way of {machine}."),
            message("Somebody is trying a few common passwords on many accounts of the house."),
        ),
        why=message("One weak password in the whole team is enough to get in."),
        steps=(
            (
                "provider",
                message("Check at once whether one attempt succeeded, and block the addresses they come from."),
            ),
            (
                "nurse",
                message("Tell the team: approve no sign-in on your mobile phone that you did not start yourself."),
            ),
            (
                "director",
                message("Have weak passwords changed this week, and a code on the mobile phone asked of everybody."),
            ),
        ),
        call=(parts.PROVIDER_BY_DAY,),
        silent=parts.NOTHING,
    ),
    "password-guessed": Situation(
        what=(
            message("Somebody has found the password of {account} and come in with it, from {address}."),
            message("Somebody has found the password of {account} and come in with it."),
            message("Somebody has found a password and come in with it on {machine}."),
            message("Somebody has found a password of the house and come in with it."),
        ),
        why=message("The stranger sees and does all that this person may, residents' files included."),
        steps=(
            ("nurse", parts.RING_PERSON),
            ("provider", parts.CLOSE_ACCOUNT),
            ("director", parts.NOTE_TIME),
        ),
        call=(
            parts.PROVIDER,
            parts.COMPLAINT,
            parts.DATA_AUTHORITY,
        ),
        silent=parts.HOLDER,
    ),
    "sign-in-from-elsewhere": Situation(
        what=(
            message("The account {account} was used in an unusual way, from {address}."),
            message("The account {account} was used from an unusual place or at an unusual time."),
            message("Somebody signed in on {machine} from an unusual place or at an unusual time."),
            message("Somebody signed in from an unusual place or at an unusual time."),
        ),
        why=message("It may be a colleague on holiday; it may be a stranger with their password."),
        steps=(
            ("nurse", parts.RING_PERSON),
            (
                "provider",
                message("If it was not them: close the account, end its open sessions and change the password."),
            ),
            ("director", message("If nobody can be reached, have the account closed until tomorrow.")),
        ),
        call=(parts.PROVIDER,),
        silent=parts.HOLDER,
    ),
    "old-sign-in": Situation(
        what=(
            message("The account {account} signs in by an old way that asks for no code on the mobile phone."),
            message("Somebody signs in by an old way that asks for no code on the mobile phone."),
        ),
        why=message("A stolen password alone is enough there: the code on the mobile phone protects nothing."),
        steps=(
            ("nurse", message("Ask the person whether it was their old phone, a printer or an old mail program.")),
            ("provider", message("Switch off the old way of signing in, and renew what still needs it.")),
        ),
        call=(parts.LATER,),
        silent=parts.NOTHING,
    ),
    "rogue-application": Situation(
        what=(
            message("An unknown application was given access to emails or files in the name of {account}."),
            message("An unknown application was given access to emails or files of the house."),
        ),
        why=message("It goes on reading even after the password has been changed."),
        steps=(
            ("nurse", message("Ask the person by phone whether they pressed “Accept” somewhere, and where.")),
            ("provider", message("Withdraw the application's access, and look at what it has read.")),
            ("director", message("Have it set so that only your provider can admit new applications.")),
        ),
        call=(
            parts.PROVIDER_BY_DAY,
            parts.DATA_AUTHORITY,
        ),
        silent=parts.MAIL,
    ),
    "attachment-opened": Situation(
        what=(
            message("On {machine}, with the account {account}, a file or link was opened that behaves like a trap."),
            message("On {machine}, a file or link was opened that behaves like a trap."),
            message("A message to {account} holds a file or link that behaves like a trap."),
            message("Somebody in the house received or opened a file or link that behaves like a trap."),
        ),
        why=message("Many attacks begin this way: what was opened lets strangers in."),
        steps=(
            ("nurse", parts.OFF_NETWORK),
            ("nurse", message("Ask what was opened, and who else received the same message.")),
            (
                "provider",
                message("Examine the machine before it goes back on the network, and delete the message everywhere."),
            ),
        ),
        call=(parts.PROVIDER,),
        silent=parts.FORWARD,
    ),
    "attack-prepared": Situation(
        what=(
            message("Somebody seems to be preparing an attack, by way of {machine}."),
            message("Somebody at {address} seems to be preparing an attack on the house."),
            message("Somebody seems to be preparing an attack on the house."),
        ),
        why=message("Nothing has been taken yet: now is the time to close the doors."),
        steps=(
            ("provider", message("Look at the signs below, and close what can be seen from outside.")),
            (
                "director",
                message("Remind the team: no codes, no names and no hours of duty to strangers on the phone."),
            ),
        ),
        call=(parts.LATER,),
        silent=parts.NOTHING,
    ),
}
