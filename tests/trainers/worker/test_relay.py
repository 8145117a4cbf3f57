import io
import json
import sys

from lrtune.trainers.worker.relay import RECORD, Recorder, Records, Relay


def test_records_are_taken_out_and_all_else_is_passed_on_as_it_comes() -> None:
    records = Records()
    line = f"half a line{RECORD}" + json.dumps(["trial 3: step 1 of 9", "loss 学"]) + "\n and its end\n"
    content = line.encode()
    passed = "".join(records.take(content[at : at + 1]) for at in range(len(content)))
    assert passed == "half a line and its end\n"
    assert records.line() == ["trial 3: step 1 of 9", "loss 学"]


def test_what_only_begins_like_a_record_is_passed_on() -> None:
    records = Records()
    assert records.take(f"{RECORD}mine\nand more\n".encode()) == f"{RECORD}mine\nand more\n"
    assert records.take(f"{RECORD}{'x' * 5000}".encode()) == f"{RECORD}{'x' * 5000}"


def test_a_worker_writes_its_line_when_it_has_changed_and_takes_it_away_in_the_end() -> None:
    stream = io.StringIO()
    recorder = Recorder(stream, every_seconds=None)
    pieces = ["trial 3"]

    def line() -> list[str]:
        return pieces

    recorder.add(line)
    recorder.write()
    recorder.write()
    recorder.drop(line)
    assert stream.getvalue() == f'{RECORD}["trial 3"]\n{RECORD}[]\n'


def test_what_a_worker_prints_reaches_the_streams_of_its_supervisor() -> None:
    class Foot:
        lines = 0

        def add(self, line: object) -> None:
            self.lines += 1

        def drop(self, line: object) -> None:
            self.lines -= 1

    foot, out, err = Foot(), io.StringIO(), io.StringIO()
    relay = Relay(foot, out, err)
    process = relay.start([sys.executable, "-c", "import sys; print('out'); print('err', file=sys.stderr)"])
    process.wait(30)
    relay.finish(seconds=30)
    assert process.stdin is not None
    process.stdin.close()
    assert (out.getvalue(), err.getvalue(), foot.lines) == ("out\n", "err\n", 0)
