"""The commands `hotwords` and `token`, against a local service."""

import json
import re
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from anyio.from_thread import BlockingPortal

from paraformer_async.server import LocalServer
from tests.cli.conftest import Call, Outcome

KEY = "sk-very-secret"
Account = Callable[..., Outcome]


@pytest.fixture
def account(anyio_portal: BlockingPortal, call: Call) -> Iterator[Account]:
    """Return a function that runs a command with the key of a local service."""
    with anyio_portal.wrap_async_context_manager(LocalServer("scripted", api_key=KEY)) as server:

        def run(*arguments: object, **env: str) -> Outcome:
            variables = {"DASHSCOPE_API_KEY": KEY, "DASHSCOPE_WEBSOCKET_BASE_URL": server.url}
            return call(*arguments, **(variables | env))

        yield run


def succeeded(outcome: Outcome) -> str:
    """Return the output of a command that has succeeded."""
    assert (0, "") == (outcome.returncode, outcome.stderr)
    assert KEY not in outcome.stdout
    return outcome.stdout


def failed(outcome: Outcome, code: int, *parts: str) -> None:
    """Check that a command has failed with one line that contains *parts*."""
    assert (code, "") == (outcome.returncode, outcome.stdout)
    assert 1 == outcome.stderr.count("\n")
    assert KEY not in outcome.stderr
    for part in parts:
        assert part in outcome.stderr


def test_the_life_of_a_list(account: Account) -> None:
    """A list is created, listed, shown, updated and deleted; each output is plain text."""
    name = succeeded(account("hotwords", "create", "--prefix", "cli", "云=5", "cloud")).strip()
    assert re.fullmatch("vocab-cli-[0-9a-f]+", name)
    assert re.match(f"{name}  OK  20..-..-..", succeeded(account("hotwords", "list")))
    shown = succeeded(account("hotwords", "show", name)).splitlines()
    assert shown[0].startswith(f"{name}  OK  ")
    assert shown[0].endswith("  paraformer-realtime-v2")
    assert ["云=5", "cloud=4"] == shown[1:]
    assert "" == succeeded(account("hotwords", "update", name, "a=b=2"))
    assert "a=b=2" == succeeded(account("hotwords", "show", name)).splitlines()[1]
    assert "" == succeeded(account("hotwords", "delete", name))
    assert "" == succeeded(account("hotwords", "list"))


def test_json(account: Account) -> None:
    """With `--json`, each output is one document with the names of the service."""
    created = json.loads(succeeded(account("hotwords", "create", "--json", "云=5")))
    name = created["vocabulary_id"]
    (listed,) = json.loads(succeeded(account("hotwords", "list", "--json")))
    assert {"vocabulary_id", "status", "gmt_create", "gmt_modified"} == listed.keys()
    shown = json.loads(succeeded(account("hotwords", "show", "--json", name)))
    assert listed.items() <= shown.items()
    assert [{"text": "云", "weight": 5}] == shown["vocabulary"]
    assert [] == json.loads(succeeded(account("hotwords", "list", "--prefix", "x", "--json")))


def test_ensure(account: Account) -> None:
    """With `--ensure`, the same words give the same list."""
    first = succeeded(account("hotwords", "create", "--ensure", "a", "b=1"))
    assert first == succeeded(account("hotwords", "create", "--ensure", "b=1", "a"))
    assert first != succeeded(account("hotwords", "create", "--ensure", "a"))


def test_words_of_a_file(account: Account, tmp_path: Path) -> None:
    """Words are read from a file, too, one a line; empty lines are passed over."""
    (tmp_path / "words").write_text("\ufeff云=5\r\n\n two words \n", encoding="utf-8")
    name = succeeded(account("hotwords", "create", "first=1", "--file", "words")).strip()
    shown = succeeded(account("hotwords", "show", name)).splitlines()
    assert ["first=1", "云=5", "two words=4"] == shown[1:]


def test_a_token(account: Account) -> None:
    """A token is printed, alone or with its end, and is accepted in place of the key."""
    token = succeeded(account("token")).strip()
    document = json.loads(succeeded(account("token", "--expires-in", "1800", "--json")))
    assert {"token", "expires_at"} == document.keys()
    for one in (token, document["token"]):
        assert one.startswith("st-")
        assert "" == succeeded(account("hotwords", "list", DASHSCOPE_API_KEY=one))


def test_the_key_of_a_file(account: Account, tmp_path: Path) -> None:
    """The key may be in the file of the vendor's client."""
    (tmp_path / "key").write_text(f"{KEY}\n", encoding="utf-8")
    env = {"DASHSCOPE_API_KEY": "", "DASHSCOPE_API_KEY_FILE_PATH": str(tmp_path / "key")}
    assert "" == succeeded(account("hotwords", "list", **env))


@pytest.mark.parametrize(
    ("arguments", "parts"),
    [
        (("hotwords", "create"), ("WORD: ", "is empty")),
        (("hotwords", "create", "a=9"), ("WORD: 'a' has weight 9", "1 to 5")),
        (("hotwords", "create", "a=b"), ("WORD: the weight of 'a' is not a number: 'b'",)),
        (("hotwords", "create", "a", "--prefix", "A"), ("--prefix: ", "lowercase")),
        (
            ("hotwords", "create", "a", "--model", "paraformer-realtime-v1"),
            ("--model: ", "takes no vocabulary_id"),
        ),
        (("hotwords", "create", "--file", "binary"), ("--file: binary is not text",)),
        (("hotwords", "list", "--endpoint", "ftp://h"), ("--endpoint: ", "http://")),
        (("hotwords", "list", "--region", "a b"), ("--region: ",)),
        (("hotwords", "show", " "), ("ID: ",)),
        (("token", "--expires-in", "1801"), ("--expires-in: ", "1 to 1800")),
    ],
    ids=str,
)
def test_invalid_options(
    account: Account, tmp_path: Path, arguments: tuple[str, ...], parts: tuple[str, ...]
) -> None:
    """Wrong usage is refused by the name of the flag, in one line, with exit code 2."""
    (tmp_path / "binary").write_bytes(b"\xff")
    failed(account(*arguments), 2, *parts)


def test_without_a_key(account: Account) -> None:
    """Without a key, nothing is sent, and the error names the variable."""
    for command in (("token",), ("hotwords", "list")):
        failed(account(*command, DASHSCOPE_API_KEY=""), 2, "DASHSCOPE_API_KEY: no API key is set")


@pytest.mark.parametrize(
    ("arguments", "parts"),
    [
        (("hotwords", "show", "vocab-x"), ("HTTP 400", "ResourceNotExist", "check the id")),
        (("hotwords", "create", "a", "--file", "missing"), ("missing: No such file",)),
        (("hotwords", "delete", "x", "--endpoint", "http://127.0.0.1:1"), ("127.0.0.1",)),
    ],
    ids=str,
)
def test_failures(account: Account, arguments: tuple[str, ...], parts: tuple[str, ...]) -> None:
    """What the service or the system refuses is one line, with exit code 1."""
    failed(account(*arguments), 1, *parts)


def test_a_refused_key(account: Account) -> None:
    """A wrong key is explained and not shown."""
    done = account("token", DASHSCOPE_API_KEY="sk-other-secret")
    failed(done, 1, "InvalidApiKey", "check DASHSCOPE_API_KEY")
    assert "other" not in done.stderr
