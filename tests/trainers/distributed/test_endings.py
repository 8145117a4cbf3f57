import signal

import pytest

from lrtune import LeaseLost, Problem, ServiceUnreachable, TrialStopped, Verdict
from lrtune.trainers.distributed.endings import Left, all_failed, joint_error, left_by
from lrtune.trainers.distributed.packing import packed, unpacked
from lrtune.trainers.errors import InvalidReport, LrtuneError, RankFailed, RankLost, RanksApart, Shutdown

END, VERDICT, FREED = Left("end"), Left("verdict"), Left("freed")
STOPPED = TrialStopped(Verdict(verdict="stop", reason="pruned", explanation="", lease_ttl_seconds=60))
LOST = LeaseLost(Problem(type="lease-lost", title="Lost", status=409, detail="gone"))
OWN = ValueError("mine")


def failed(place: int, text: str = "ValueError: theirs") -> Left:
    return Left("failed", text, place)


def test_a_trial_that_all_end_ends_as_with_one_process() -> None:
    assert joint_error(None, {0: END, 1: END}) is None
    assert joint_error(STOPPED, {0: VERDICT, 1: VERDICT}) is STOPPED


def test_the_first_failure_is_the_trials() -> None:
    error = joint_error(OWN, {0: failed(2), 1: failed(1, "KeyError: 1"), 2: failed(3)})
    assert isinstance(error, RankFailed)
    assert (error.rank, error.told) == (1, "rank 1:\nKeyError: 1")
    assert joint_error(OWN, {0: failed(1), 1: failed(2)}) is OWN


def test_a_failure_counts_before_what_it_did_to_the_others() -> None:
    cut = Left("cut", "RuntimeError: Connection closed by peer")
    for left in ({0: cut, 1: failed(1)}, {0: END, 1: failed(1), 2: cut}, {0: VERDICT, 1: None, 2: failed(1)}):
        assert isinstance(joint_error(OWN, left), RankFailed)


def test_a_lost_rank_loses_the_attempt_whatever_that_did_to_the_others() -> None:
    for left in ({0: END, 1: None}, {0: FREED, 1: None}, {0: Left("cut"), 1: None}, {0: Left("told"), 1: None}):
        error = joint_error(None if left[0] == END else OWN, left)
        assert isinstance(error, RankLost)
        assert error.rank == 1


def test_one_that_is_told_to_end_ends_the_trial_unharmed() -> None:
    error = joint_error(None, {0: END, 1: Left("told", signal_number=signal.SIGINT)})
    assert isinstance(error, Shutdown)
    assert error.signal_number == signal.SIGINT


def test_a_lost_lease_is_nobodys_any_more() -> None:
    assert joint_error(LOST, {0: VERDICT, 1: failed(1)}) is LOST


def test_a_broken_collective_without_another_reason_is_a_failure() -> None:
    own = RuntimeError("NCCL error")
    assert joint_error(own, {0: Left("cut", "NCCL"), 1: Left("cut", "NCCL")}) is own
    assert isinstance(joint_error(None, {0: END, 1: Left("cut", "NCCL")}), RankFailed)


@pytest.mark.parametrize(
    ("error", "how"),
    [
        (None, "end"),
        (STOPPED, "verdict"),
        (LOST, "verdict"),
        (RankLost(1), "freed"),
        (RankFailed(1, "x"), "freed"),
        (ServiceUnreachable("http://x", "refused"), "freed"),
        (Shutdown(15), "told"),
        (KeyboardInterrupt(), "told"),
        (RanksApart("here and there"), "cut"),
        (RuntimeError("[gloo/transport/tcp/pair.cc:553] Connection closed by peer [127.0.0.1]:1"), "cut"),
        (RuntimeError("shape mismatch"), "failed"),
        (OWN, "failed"),
        (SystemExit(3), "failed"),
    ],
)
def test_a_rank_says_how_it_left(error: BaseException | None, how: str) -> None:
    assert left_by(error).how == how


def test_only_where_every_rank_failed_by_itself_do_all_go_on() -> None:
    assert all_failed({0: failed(1), 1: failed(2)})
    for other in (END, FREED, Left("cut"), None):
        assert not all_failed({0: failed(1), 1: other})


@pytest.mark.parametrize("error", [STOPPED, LOST, RankFailed(3, "ValueError: x"), ServiceUnreachable("http://x", "y")])
def test_an_error_reaches_the_other_ranks_as_the_same(error: LrtuneError) -> None:
    again = unpacked(packed(error))
    assert type(again) is type(error)
    assert (str(again), vars(again)) == (str(error), vars(error))


def test_an_error_of_others_reaches_them_as_its_message() -> None:
    assert str(unpacked(packed(OWN))) == "rank 0 failed with ValueError: mine"
    assert isinstance(unpacked(packed(InvalidReport("no step"))), InvalidReport)
