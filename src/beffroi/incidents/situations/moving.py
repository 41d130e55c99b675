"""The words of the situations of moving on inside the house."""

from typing import Final

from beffroi.core.model import message
from beffroi.incidents.situations import parts
from beffroi.incidents.situations.parts import Situation

WORDS: Final[dict[str, Situation]] = {
    "passwords-stolen": Situation(
        what=(
            message("On {machine}, with the account {account}, somebody is stealing passwords."),
            message("Somebody is stealing passwords on {machine}."),
            message("With the account {account}, somebody is stealing passwords."),
            message("Somebody is stealing passwords of the house."),
        ),
        why=message("With them, strangers sign in like your own staff, and nobody notices."),
        steps=(
            ("nurse", message("Let nobody sign in on {machine} any more.")),
            ("provider", parts.OFF_NETWORK),
            ("provider", message("Change every password that was used there, those of administrators first.")),
        ),
        call=(
            parts.PROVIDER,
            parts.COMPLAINT,
        ),
        silent=parts.COMPUTERS,
    ),
    "house-explored": Situation(
        what=(
            message(
                "On {machine}, with the account {account}, somebody is looking around: accounts, machines, rights."
            ),
            message("On {machine}, somebody is looking around: accounts, machines, rights."),
            message("With the account {account}, somebody is looking around: accounts, machines, rights."),
            message("Somebody is looking around on the machines of the house."),
        ),
        why=message("Strangers who have just come in find their way like this; your IT provider does too."),
        steps=(
            ("director", parts.IS_IT_YOU),
            ("provider", message("If it was not you: find out how they came in, and close that way.")),
        ),
        call=(parts.PROVIDER_BY_DAY,),
        silent=parts.COMPUTERS,
    ),
    "machine-to-machine": Situation(
        what=(
            message(
                "With the account {account}, somebody is moving from machine to machine and has reached {machine}."
            ),
            message("Somebody is moving from machine to machine and has reached {machine}."),
            message("With the account {account}, somebody is moving from machine to machine."),
            message("Somebody is moving from machine to machine in the house."),
        ),
        why=message("With each machine a stranger reaches, more residents' files are in danger."),
        steps=(
            ("nurse", parts.IS_IT_YOU),
            (
                "provider",
                message(
                    "If it was not you: close the account that was used, and separate the machines from each other."
                ),
            ),
            (
                "nurse",
                message("Print the lists care needs, while it still works: medication, allergies, phone numbers."),
            ),
        ),
        call=(parts.PROVIDER,),
        silent=parts.COMPUTERS,
    ),
    "administrator-at-night": Situation(
        what=(
            message("The administrator account {account} is at work on {machine} at night."),
            message("The administrator account {account} is at work at night."),
            message("Somebody with all rights is at work on {machine} at night."),
            message("Somebody with all rights is at work at night."),
        ),
        why=message("At night hardly anybody needs all rights; attackers like the hours when nobody looks."),
        steps=(
            ("nurse", parts.IS_IT_YOU),
            ("provider", message("If it was not you: close the account at once, and end its open sessions.")),
            ("director", message("Agree with your provider that work at night is announced beforehand.")),
        ),
        call=(parts.PROVIDER,),
        silent=parts.COMPUTERS,
    ),
    "steered-from-outside": Situation(
        what=(
            message("Somebody outside seems to be giving orders to {machine}."),
            message("Somebody outside seems to be giving orders to a machine of the house."),
        ),
        why=message("Through it they can copy files, watch what is typed, or prepare something worse."),
        steps=(
            ("nurse", parts.OFF_NETWORK),
            ("provider", message("Examine the machine, and block what it speaks with outside.")),
            ("provider", message("Look whether other machines of the house speak with the same place.")),
        ),
        call=(parts.PROVIDER,),
        silent=parts.COMPUTERS,
    ),
}
