from lrtune.trainers.launchers.engine import Fault
from lrtune.trainers.launchers.faults import FORGIVEN_AFTER_SECONDS, Faults


def test_the_wait_doubles_and_the_third_end_alike_is_the_last() -> None:
    faults = Faults()
    alike = [Fault(f"trial {number}: out of memory at 0x{number}f") for number in range(3)]
    assert [faults.note(fault, 1.0) for fault in alike] == [1.0, 2.0, None]


def test_another_fault_begins_a_new_count() -> None:
    faults = Faults()
    kinds = ["no GPU", "no GPU", "no disk", "no GPU", "no GPU"]
    assert [faults.note(Fault(kind), 1.0) for kind in kinds] == [1.0, 2.0, 1.0, 1.0, 2.0]


def test_what_happened_before_a_long_life_is_forgiven() -> None:
    faults = Faults()
    assert [faults.note(Fault("no GPU"), FORGIVEN_AFTER_SECONDS) for _ in range(4)] == [1.0] * 4


def test_a_lost_machine_leaves_the_count_as_it_is() -> None:
    faults = Faults()
    gone = Fault("its node is gone", lost=True)
    noted = [faults.note(fault, 1.0) for fault in (Fault("no GPU"), gone, gone, gone, Fault("no GPU"))]
    assert noted == [1.0, 1.0, 1.0, 1.0, 2.0]
