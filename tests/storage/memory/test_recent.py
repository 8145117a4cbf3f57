"""What changed of a study lately, as far back as is kept."""

from lrtune.service.storage.memory.recent import Recent


def test_what_came_after_a_version_is_told_latest_first() -> None:
    recent = Recent(5)
    recent.note(6, 0, 1)
    recent.note(7, 1, begun=True)
    recent.note(7, 0, 2)
    assert [(one.number, one.step, one.begun) for one in recent.since(6)] == [(0, 2, False), (1, None, True)]
    assert list(recent.since(7)) == []


def test_before_it_began_and_past_what_it_keeps_nothing_is_known() -> None:
    recent = Recent(5, most=2)
    assert (recent.knows_since(5), recent.knows_since(4)) == (True, False)
    for version in (6, 7, 8):
        recent.note(version, 0, version)
    assert (recent.knows_since(6), recent.knows_since(5)) == (True, False)
    assert [one.version for one in recent.since(6)] == [8, 7]


def test_two_of_the_same_version_are_told_apart() -> None:
    assert Recent(1).mark != Recent(1).mark
