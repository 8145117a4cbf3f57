"""Where a token is found, and what is said of one that cannot be used."""

import os
import threading
import traceback
from pathlib import Path

import pytest

from lrtune.service.wire.access.credentials import CredentialUnusable, concealed, find_credential, home_file, read_file
from lrtune.service.wire.access.secrets import PREFIX_LENGTH, new_secret

SECRET, OTHER, THIRD, FOURTH = (new_secret() for _ in range(4))
OPEN_TO_ALL = 0o644


def written(file: Path, content: str | bytes, mode: int = 0o600) -> Path:
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_bytes(content if isinstance(content, bytes) else content.encode())
    file.chmod(mode)
    return file


def secret_of(token: str | None = None, **environment: str) -> str | None:
    found = find_credential(token, environment)
    return None if found is None else found.secret


def test_the_first_of_argument_variable_file_and_home_counts(tmp_path: Path) -> None:
    written(tmp_path / "config" / "lrtune" / "token", FOURTH)
    places = {
        "LRTUNE_TOKEN": OTHER,
        "LRTUNE_TOKEN_FILE": str(written(tmp_path / "token", THIRD)),
        "XDG_CONFIG_HOME": str(tmp_path / "config"),
    }
    assert secret_of(SECRET, **places) == SECRET
    assert secret_of(**places) == OTHER
    del places["LRTUNE_TOKEN"]
    assert secret_of(**places) == THIRD
    del places["LRTUNE_TOKEN_FILE"]
    assert secret_of(**places) == FOURTH
    assert secret_of(XDG_CONFIG_HOME=str(tmp_path / "empty")) is None


def test_variables_that_are_empty_count_as_not_set(tmp_path: Path) -> None:
    environment = {"LRTUNE_TOKEN": "", "LRTUNE_TOKEN_FILE": "", "XDG_CONFIG_HOME": str(tmp_path)}
    assert secret_of(**environment) is None


def test_the_own_file_lies_in_the_users_configuration(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    own = tmp_path / ".config" / "lrtune" / "token"
    assert home_file({}) == home_file({"XDG_CONFIG_HOME": "relative/is/ignored"}) == own
    assert home_file({"XDG_CONFIG_HOME": "/elsewhere"}) == Path("/elsewhere/lrtune/token")


@pytest.mark.parametrize("around", ["{}", "{}\n", "  {}\r\n\r\n", "\n{}\t"])
def test_white_space_around_a_token_does_not_matter(tmp_path: Path, around: str) -> None:
    assert read_file(written(tmp_path / "token", around.format(SECRET))).secret == SECRET
    assert secret_of(LRTUNE_TOKEN=around.format(SECRET)) == SECRET


UNUSABLE = {
    "nothing in it": ("", "is empty"),
    "white space alone": (" \n\n", "is empty"),
    "cut off": (SECRET[:-1], "has 46 characters, where a token has 47: it was cut off"),
    "too long": (f"{SECRET}x", "has 48 characters, where a token has 47"),
    "another sign": (f"{SECRET[:-1]}!", "has other characters than letters"),
    "another kind of secret": (f"ghp_{SECRET[4:]}", "does not begin with lrt_"),
    "two lines": (f"{SECRET}\n{OTHER}\n", "holds 2 words where a token is one"),
    "a variable's line": (f"LRTUNE_TOKEN={SECRET}", "does not begin with lrt_"),
    "a header": (f"Bearer {SECRET}", "holds 2 words where a token is one"),
    "signs beyond ASCII": (f"{SECRET[:-1]}é", "characters"),
    "Arabic digits": (SECRET[:-1] + "\u0663", "characters"),
    "64 KB": (SECRET * 1400, "has|holds more than"),
}


@pytest.mark.parametrize(("content", "said"), UNUSABLE.values(), ids=UNUSABLE)
def test_what_cannot_be_a_token_is_refused_where_it_stands_and_never_repeated(
    tmp_path: Path, content: str, said: str
) -> None:
    file = written(tmp_path / "token", content)
    for source, environment in (
        (str(file), {"LRTUNE_TOKEN_FILE": str(file)}),
        ("LRTUNE_TOKEN", {"LRTUNE_TOKEN": content or " "}),
    ):
        with pytest.raises(CredentialUnusable, match=said) as refused:
            find_credential(None, environment)
        told = "".join(traceback.format_exception(refused.value))
        assert str(refused.value).startswith(source)
        assert SECRET[PREFIX_LENGTH:-1] not in told
        assert refused.value.__context__ is None


@pytest.mark.parametrize(
    "content", [b"\xff\xfe" + SECRET.encode("utf-16-le"), b"\xef\xbb\xbf" + SECRET.encode()], ids=["utf-16", "utf-8"]
)
def test_a_file_of_an_editor_that_marks_its_encoding_is_refused(tmp_path: Path, content: bytes) -> None:
    with pytest.raises(CredentialUnusable, match="other characters than ASCII: write the token into it as plain text"):
        read_file(written(tmp_path / "token", content))


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o644, 0o660, 0o602, 0o777])
def test_a_file_of_ours_that_others_may_use_is_refused_with_the_command_to_type(tmp_path: Path, mode: int) -> None:
    file = written(tmp_path / "my token", SECRET, mode)
    with pytest.raises(CredentialUnusable, match=f"mode {mode:04o}.*`chmod 600 '{file}'`"):
        read_file(file)
    file.chmod(0o600)
    assert read_file(file).secret == SECRET
    file.chmod(0o400)
    assert read_file(file).secret == SECRET


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give a file away")
def test_a_file_of_somebody_else_is_taken_as_a_cluster_mounts_it(tmp_path: Path) -> None:
    file = written(tmp_path / "token", SECRET, OPEN_TO_ALL)
    os.chown(file, 12345, 12345)
    assert read_file(file).secret == SECRET


def test_a_file_that_cannot_be_changed_is_taken_as_a_cluster_mounts_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = written(tmp_path / "token", SECRET, OPEN_TO_ALL)

    class ReadOnly:
        f_flag = os.ST_RDONLY

    monkeypatch.setattr(os, "fstatvfs", lambda _: ReadOnly)
    assert read_file(file).secret == SECRET


def test_a_link_is_followed_as_kubernetes_swaps_it(tmp_path: Path) -> None:
    for version, secret in ((1, SECRET), (2, OTHER)):
        written(tmp_path / f"..{version}" / "token", secret)
        (tmp_path / "..new").symlink_to(f"..{version}")
        os.replace(tmp_path / "..new", tmp_path / "..data")
        if version == 1:
            (tmp_path / "token").symlink_to("..data/token")
        assert read_file(tmp_path / "token").secret == secret


def test_a_place_that_is_no_file_is_refused_by_its_name(tmp_path: Path) -> None:
    for place, said in ((tmp_path, "is a directory"), (tmp_path / "gone", r"no such file or directory\): make it")):
        with pytest.raises(CredentialUnusable, match=f"{place}.*LRTUNE_TOKEN_FILE.*{said}"):
            find_credential(None, {"LRTUNE_TOKEN_FILE": str(place)})


def test_a_link_of_ones_own_that_leads_nowhere_is_refused_and_not_overlooked(tmp_path: Path) -> None:
    own = tmp_path / "lrtune" / "token"
    own.parent.mkdir()
    own.symlink_to("gone")
    with pytest.raises(CredentialUnusable, match=f"{own} cannot be read"):
        find_credential(None, {"XDG_CONFIG_HOME": str(tmp_path)})


def test_a_token_in_the_place_of_a_files_name_is_not_repeated() -> None:
    with pytest.raises(CredentialUnusable, match="holds a token, not the name of a file") as refused:
        find_credential(None, {"LRTUNE_TOKEN_FILE": SECRET})
    assert SECRET[PREFIX_LENGTH:] not in str(refused.value)


def test_a_files_name_in_the_place_of_a_token_is_told_its_variable() -> None:
    with pytest.raises(CredentialUnusable, match="to name a file, set LRTUNE_TOKEN_FILE"):
        find_credential(None, {"LRTUNE_TOKEN": "/run/secrets/token"})


def test_a_pipe_tells_a_token_once_and_is_not_waited_for_again(tmp_path: Path) -> None:
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    writer = threading.Thread(target=lambda: pipe.write_text(SECRET))
    writer.start()
    assert secret_of(LRTUNE_TOKEN_FILE=str(pipe)) == SECRET
    writer.join()
    with pytest.raises(CredentialUnusable, match="is a pipe, which tells a token once"):
        find_credential(None, {"LRTUNE_TOKEN_FILE": str(pipe)}, again=True)


def test_a_credential_does_not_show_its_secret() -> None:
    found = find_credential(SECRET, {})
    assert SECRET[PREFIX_LENGTH:] not in f"{found} {found!r}"


def test_of_a_secret_in_a_strangers_text_the_prefix_stays() -> None:
    assert concealed(f"you sent {SECRET}, {OTHER}!") == f"you sent {SECRET[:12]}…, {OTHER[:12]}…!"
    assert concealed("nothing of the kind: lrt_short") == "nothing of the kind: lrt_short"
