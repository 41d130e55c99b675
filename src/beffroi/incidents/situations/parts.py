"""What the words of the situations are made of: their form, who does what, whom to call, what to keep quiet, and what recurs.

Telephone numbers and addresses were looked up in 2026: police 101; Card Stop 078 170 170 (Febelfin); reports of attacks at the Centre for
Cybersecurity Belgium (ccb.belgium.be); breaches of personal data within 72 hours, by form, at the Data Protection Authority (GDPR, article 33);
suspect messages to suspect@safeonweb.be.
"""

from typing import Final, Literal, NamedTuple

from beffroi.core.model import Message, message

Person = Literal["nurse", "director", "provider"]
"""Who does a step: who is in charge of care just now, who answers for the house, who looks after its machines."""


class Situation(NamedTuple):
    """The words of a situation.

    `what` are sentences that say what happened, from the one that names most to the one that names nothing; the first whose places are
    all known is said. Their places: {machine}; {account}, which acted, {target}, to which it was done; {address}, from where. The steps know
    {machine} only, which is "the machine concerned" where none is known. No sentence has more than 25 words.
    """

    what: tuple[Message, ...]
    why: Message
    steps: tuple[tuple[Person, Message], ...]
    call: tuple[Message, ...]
    silent: Message


# --- whom to call -----------------------------------------------------------------------------------------------------------------

PROVIDER: Final = message("Call your IT provider now, at any hour.")
PROVIDER_BY_DAY: Final = message("Call your IT provider in working hours, the same day or the next.")
LATER: Final = message("Nobody needs to be woken; your IT provider looks at it in the coming days.")
POLICE: Final = message("Police: dial 101 if it is still going on, then file a complaint with your local police.")
COMPLAINT: Final = message(
    "Local police: file a complaint, and ask for their computer crime specialists (Computer Crime Unit)."
)
CCB: Final = message(
    "Centre for Cybersecurity Belgium (CCB): report it on ccb.belgium.be, within 24 hours if your house is "
    "registered on Safeonweb@work."
)
DATA_AUTHORITY: Final = message(
    "Data Protection Authority (APD/GBA): the director reports it within 72 hours if personal data may have been "
    "seen or lost."
)
BANK: Final = message("Bank: call its fraud service now and ask it to stop or recall the payment.")
CARD_STOP: Final = message("Card Stop: dial 078 170 170 if a bank card or bank codes were given away or stolen.")

# --- what to tell nobody until then -----------------------------------------------------------------------------------------------

MAIL: Final = message("Do not write about it by email: somebody may be reading along. Use the telephone.")
COMPUTERS: Final = message(
    "Write nothing about it on the computers of the house: a stranger may be reading along. Use the telephone."
)
HOLDER: Final = message(
    "Do not warn the person by email or message: a stranger may be reading them. Ring, or go and see them."
)
TEAM: Final = message(
    "Accuse nobody and do not speak of it in the team: it may be a mistake, or somebody else with that account."
)
PRESS: Final = message(
    "Say nothing to families, to the press or on social media before the director has decided what is said."
)
BLACKMAIL: Final = message(
    "Do not answer the blackmailers and promise nothing. Only the director speaks to families and press, with the police."
)
CALLER: Final = message(
    "Do not use a phone number or address from the message or the screen: the fraudster answers there."
)
FORWARD: Final = message(
    "Do not forward the message to colleagues, not even as a warning. Send it only to suspect@safeonweb.be."
)
DECOY: Final = message("Tell nobody in the team that this file was a trap: it would no longer protect the house.")
NOTHING: Final = message("There is nothing to keep quiet.")

# --- steps of many situations -----------------------------------------------------------------------------------------------------

OFF_NETWORK: Final = message("Take {machine} off the network (cable or Wi-Fi), without switching off.")
PAPER: Final = message("Go over to paper for care: medication, allergies, emergency numbers.")
CLOSE_ACCOUNT: Final = message(
    "Close the account, end its open sessions, and give the person a new password face to face."
)
IS_IT_YOU: Final = message("Ring your IT provider on a number you already know: is this their work?")
RING_PERSON: Final = message("Ring the person, do not write: was it you, and from where?")
NOTE_TIME: Final = message("Note the hour and what could be read: you may have to report it within 72 hours.")
