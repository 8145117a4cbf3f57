"""What is said of failed trainings, and when two errors are the same one."""

import pytest

from lrtune.service.sentences.failures import error_line, failures, same_error

TRACEBACK = """Traceback (most recent call last):
  File "/home/a/train.py", line 12, in train
    model(batch)
  File "/home/a/model.py", line 3, in forward
    raise RuntimeError("shapes differ:\\n  8 and 9")
RuntimeError: shapes differ:
  8 and 9
"""


GROUP = """  + Exception Group Traceback (most recent call last):
  |   File "/home/a/train.py", line 12, in train
  |     raise ExceptionGroup("two of them", errors)
  | ExceptionGroup: two of them (2 sub-exceptions)
  +-+---------------- 1 ----------------
    | ValueError: a
    +---------------- 2 ----------------
    | KeyError: 'b'
    +------------------------------------
"""


@pytest.mark.parametrize(
    ("error", "line"),
    [
        (TRACEBACK, "RuntimeError: shapes differ:"),
        ("out of memory", "out of memory"),
        ("first\nKeyError: 'a'\n\n", "KeyError: 'a'"),
        ("", ""),
        ("x" * 1000, "x" * 299 + "…"),
        (GROUP, "ExceptionGroup: two of them (2 sub-exceptions): KeyError: 'b'"),
        ("\x1b[31mred\x1b[0m\x07 alert\x1b]0;title\x07", "red alert"),
        ('host:7 broke attempt 1 off: Traceback\n  File "a.py", line 1, in f\nSystemExit: 1', "SystemExit: 1"),
    ],
)
def test_the_line_that_names_an_error_is_the_exception_not_the_rest_of_its_message(error: str, line: str) -> None:
    assert error_line(error) == line


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("CUDA error at 0x7f3a12", "CUDA error at 0x11"),
        ("no file /tmp/run-17/a.pt", "no file /tmp/run-9/a.pt"),
        ("no file C:\\runs\\17\\a.pt", "no file C:\\runs\\9\\a.pt"),
        ("tried to allocate 2.50 GiB (GPU 0)", "tried to allocate 312.00 MiB (GPU 3)".replace("MiB", "GiB")),
        ("run 3f2a99c1d0 is gone", "run 77ab01ffe2 is gone"),
        ("loss 1.5e-07 at step 12", "loss 3E+09 at step 1"),
        ("rate 0.0006432397076065896 is bad", "rate 4.832930238571752e-05 is bad"),
        ("rate 1.0 is bad", "rate -0.0006432397076065896 is bad"),
    ],
)
def test_numbers_addresses_and_paths_do_not_make_another_error(one: str, other: str) -> None:
    assert same_error(one) == same_error(other)


def test_another_name_or_word_makes_another_error() -> None:
    assert same_error("KeyError: 'a'") != same_error("KeyError: 'b'")
    assert same_error("ValueError: deadbeef") != same_error("ValueError: facade")


@pytest.mark.parametrize(
    ("failed", "ended", "errors", "said"),
    [
        (0, 9, [], ""),
        (1, 1, ["A: 1"], "The only trial that ended failed: A: 1."),
        (1, 9, ["A: 1"], "1 of 9 trials failed: A: 1."),
        (
            7,
            7,
            ["A: 1", "A: 2"] * 3 + ["A: 3"],
            "All 7 trials failed with the same error: A: 3. `lrtune study trials s --failed` shows each.",
        ),
        (
            3,
            3,
            ["A: 1", "B: 1", "A: 2"],
            "All 3 trials failed, 2 with the same error: A: 2. `lrtune study trials s --failed` shows each.",
        ),
        (
            2,
            8,
            ["A", "B"],
            "2 of 8 trials failed, each in its own way, the latest so: B. `lrtune study trials s --failed` shows each.",
        ),
        (2, 2, ["", ""], "All 2 trials failed without saying why."),
    ],
)
def test_the_error_is_named_and_how_many_share_it(failed: int, ended: int, errors: list[str], said: str) -> None:
    assert failures(failed, ended, errors, study="s") == said
