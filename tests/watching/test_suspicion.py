"""Who is suspected: a message that ends its reader each time, and nobody else."""

from beffroi.watching.mark import WHOLE, At
from beffroi.watching.suspicion import Culprit, Suspicion

TURN = At(100, 900, WHOLE)


def test_two_deaths_in_a_turn_have_its_messages_taken_one_by_one_and_two_at_one_set_it_aside() -> None:
    suspicion = Suspicion()
    assert suspicion.died(100, TURN) is None
    assert suspicion.alone is None
    assert suspicion.died(100, At(100, 700, WHOLE)) is None
    assert suspicion.alone == (100, 700)
    assert suspicion.died(100, At(100, 300, 4)) is None
    assert suspicion.died(100, At(200, 300, 4)) == Culprit(300, 4)  # the turn may have begun elsewhere
    assert suspicion.alone == (100, 700)  # more of them may follow
    assert suspicion.died(100, At(100, 300, 5)) is None
    assert suspicion.died(100, At(100, 300, 5)) == Culprit(300, 5)


def test_whoever_is_killed_at_another_message_each_time_has_nothing_set_aside() -> None:
    suspicion = Suspicion()
    for _ in range(2):
        suspicion.died(100, TURN)
    for number in range(20):
        assert suspicion.died(100, At(100, 300, number)) is None


def test_deaths_between_turns_or_with_progress_make_nobody_suspect() -> None:
    suspicion = Suspicion()
    for checkpoint in range(20):
        assert suspicion.died(100, None) is None
        assert suspicion.died(200 + checkpoint, At(200 + checkpoint, 900, WHOLE)) is None
    assert suspicion.alone is None


def test_beyond_the_stretch_all_is_as_before() -> None:
    suspicion = Suspicion()
    for _ in range(2):
        suspicion.died(100, TURN)
    suspicion.died(950, None)
    assert suspicion.alone is None
