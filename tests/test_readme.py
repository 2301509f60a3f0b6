"""README.md and docs/ are correct: their commands and programs run, and their names exist."""

import ast
import asyncio
import inspect
import re
import shlex
import subprocess
import sys
import tomllib
from collections.abc import AsyncIterator
from pathlib import Path
from textwrap import indent
from types import FunctionType
from typing import Any

import anyio
import pytest
import typer

import paraformer_async
from paraformer_async import (
    AsyncRecognizer,
    AudioError,
    AudioLostError,
    AuthenticationError,
    BatchStoppedError,
    ConnectError,
    ConnectionLostError,
    DeadlineError,
    HandshakeError,
    InvalidOptionError,
    MissingExtraError,
    ParaformerError,
    PoolLimits,
    RecognitionStream,
    Reconnect,
    RemoteProtocolError,
    RequestError,
    ServiceError,
    TaskFailedError,
    Timeouts,
    account,
    middleware,
    observing,
    server,
    sync,
    testing,
)
from paraformer_async.cli.app import app
from paraformer_async.server import LocalServer
from paraformer_async.testing import FailTask, ScriptedServer, marked

ROOT = Path(__file__).parents[1]
README = (ROOT / "README.md").read_text("utf-8")
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
BLOCKS = re.findall(r"^```(\w+)\n(.*?)^```$", README, re.MULTILINE | re.DOTALL)
SHELL = [text.strip() for language, text in BLOCKS if language == "sh"]
PROGRAMS = [
    (text, re.findall(r"  # prints: (.*)", text))
    for language, text in BLOCKS
    if language == "python"
]
PAGES = {path.name: path.read_text("utf-8") for path in sorted((ROOT / "docs").glob("*.md"))}
PROGRAM = re.compile(
    r"^```python\n(.*?)^```$(?:\n\n```text\n(.*?)^```$)?", re.MULTILINE | re.DOTALL
)
PROGRAMS_OF_PAGES = [
    pytest.param(text, output, id=f"{name} {number}")
    for name, page in PAGES.items()
    if name != "tutorial.md" and not name.endswith(".zh.md")  # tests/pages; the same programs
    for number, (text, output) in enumerate(PROGRAM.findall(page), 1)
]
GUIDE = "\n".join(
    [
        README,
        *(
            PAGES[f"{name}.md"]
            for name in (
                "configuration",
                "deploying",
                "errors",
                "features",
                "heartbeat",
                "local",
                "middleware",
                "performance",
                "reconnection",
                "results",
                "streams",
                "sync",
                "telephony",
                "testing",
                "tutorial",
                "verification",
            )
        ),
    ]
)
CODE = set(
    re.findall(r"`([^`\n]+)`", re.sub(r"^```.*?^```$", "", GUIDE, flags=re.MULTILINE | re.DOTALL))
)
(PUSH,) = re.findall(r"```python\n([^`]*?stream\.send\([^`]*)```", PAGES["streams.md"])
COMMAND: Any = typer.main.get_command(app)
COMMANDS: dict[str, Any] = COMMAND.commands
FLAGS = {
    flag
    for command in (COMMAND, *COMMANDS.values())
    for one in (command, *getattr(command, "commands", {}).values())
    for each in one.params
    for flag in each.opts
}
SPEECH = (ROOT / "examples" / "audio" / "goforward.raw").read_bytes()
ERRORS: tuple[ParaformerError, ...] = (
    InvalidOptionError("option", "message"),
    AudioError("message"),
    MissingExtraError("purpose", "extra"),
    BatchStoppedError(3, 1, None),
    ConnectError("message"),
    HandshakeError(500),
    AuthenticationError(401),
    RequestError(400),
    TaskFailedError("code", "message"),
    ConnectionLostError(1006),
    RemoteProtocolError("message"),
    DeadlineError("connect", 1),
    AudioLostError(0, 1),
)


async def microphone() -> AsyncIterator[bytes]:
    """Yield recorded speech, 100 ms at a time."""
    for start in range(0, len(SPEECH), 3200):
        yield SPEECH[start : start + 3200]


def shape(page: str) -> list[str]:
    """Return the code blocks of a page without comments, and the marks of headings and tables."""
    program = re.compile(r"^```.*?^```$", re.MULTILINE | re.DOTALL)
    code = [re.sub(r" +# .*", "", block) for block in program.findall(page)]
    rest = program.sub("```", page).splitlines()
    marks = [re.match(r"#+ |\||```", line) for line in rest]
    return code + [mark[0] for mark in marks if mark]


def sections(page: Path) -> list[str]:
    """Return the names under which the headings of a page are linked."""
    headings = re.findall(r"^#+ (.*)$", page.read_text("utf-8"), re.MULTILINE)
    return [re.sub(r"[^\w -]", "", one.lower()).replace(" ", "-") for one in headings]


async def execute(program: str, **others: object) -> None:
    """Run a program with top-level `await`, with the names that docs/streams.md assumes."""
    code = compile(program, "docs", "exec", flags=ast.PyCF_ALLOW_TOP_LEVEL_AWAIT)
    names: dict[str, object] = {
        "microphone": microphone,
        "frame": SPEECH[:3200],
    } | others
    is_blocking = "async" not in program.replace("paraformer_async", "") and "await" not in program
    run = FunctionType(code, names)
    result = await anyio.to_thread.run_sync(run) if is_blocking else run()
    if inspect.isawaitable(result):
        await result
    for name, test in list(names.items()):
        if name.startswith("test_") and inspect.iscoroutinefunction(test):
            await test()


def test_first_command() -> None:
    """The first command installs all it needs, and prints the transcripts that are shown."""
    create, install, transcribe = SHELL[0].split(" && ")

    assert "python3 -m venv .venv" == create
    assert '.venv/bin/python -m pip install -q -e ".[local,cli]"' == install
    assert {"local", "cli"} <= PROJECT["optional-dependencies"].keys()
    command = transcribe.replace(".venv/bin/python", shlex.quote(sys.executable))
    done = subprocess.run(
        ["sh", "-c", command],  # noqa: S607 - a shell, to expand the wildcard
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert (0, "") == (done.returncode, done.stderr)
    assert done.stdout == next(text for language, text in BLOCKS if language == "text")


def test_second_command() -> None:
    """The second command runs the tests, with the extra that they need."""
    install, test = SHELL[-1].split(" && ")

    assert '.venv/bin/python -m pip install -q -e ".[dev]"' == install
    assert ".venv/bin/python -m pytest" == test
    assert "dev" in PROJECT["optional-dependencies"]


@pytest.mark.anyio
@pytest.mark.parametrize(("program", "output"), PROGRAMS_OF_PAGES)
async def test_program_of_a_page(
    program: str,
    output: str,
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """Every Python block of docs/ runs unchanged with a local service, and prints what is shown."""
    for folder in ("examples", "tests"):
        (tmp_path / folder).symlink_to(ROOT / folder)
    monkeypatch.chdir(tmp_path)  # for what programs write
    async with LocalServer("moonshine" if output else "scripted") as service:
        monkeypatch.setenv("DASHSCOPE_API_KEY", "any")
        monkeypatch.setenv("DASHSCOPE_WEBSOCKET_BASE_URL", service.url)
        await execute(program)

    printed = capsys.readouterr().out
    assert ("print(" in program) is bool(printed.strip())
    assert printed == output or not output


@pytest.mark.parametrize("name", [name for name in PAGES if name.endswith(".zh.md")])
def test_a_translation_is_in_step(name: str) -> None:
    """A Chinese page has the headings, tables and programs of the English one, comments apart."""
    assert shape(PAGES[name]) == shape(PAGES[name.replace(".zh.md", ".md")])


def test_the_readme_in_chinese_is_in_step() -> None:
    """README.zh.md has the headings, tables, programs, outputs and links of README.md."""
    chinese = (ROOT / "README.zh.md").read_text("utf-8")

    assert shape(chinese) == shape(README)
    for page in (chinese, README):
        assert len(page.splitlines()) <= 150
    targets = [
        {link.replace(".zh", "") for link in re.findall(r"\]\(([^)#]+)[^)]*\)", page)}
        for page in (chinese, README)
    ]
    assert targets[0] == targets[1]


@pytest.mark.parametrize("name", PAGES)
def test_commands_and_links_of_a_page(name: str) -> None:
    """Every command, flag and link of a page exists."""
    page = PAGES[name]
    for command, sub in re.findall(r"^paraformer-async ([a-z]+) ([a-z]+)?", page, re.MULTILINE):
        assert command in COMMANDS
        assert not sub or sub in getattr(COMMANDS[command], "commands", {})
    assert set(re.findall(r"--[a-z][a-z-]*", page)) <= FLAGS
    for link in re.findall(r"\]\(((?!https:)[^)]+)\)", page):
        path, _, section = link.partition("#")
        target = ROOT / "docs" / (path or name)
        assert target.exists()
        assert not section or section in sections(target)


@pytest.mark.anyio
@pytest.mark.parametrize(("program", "output"), PROGRAMS, ids=range(1, len(PROGRAMS) + 1))
async def test_program(program: str, output: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    """Every Python block of README.md runs as printed, and prints what is shown."""
    async with LocalServer() as service:
        monkeypatch.setenv("DASHSCOPE_API_KEY", "any")
        monkeypatch.setenv("DASHSCOPE_WEBSOCKET_BASE_URL", service.url)
        with anyio.fail_after(60):
            done = await anyio.run_process(
                [sys.executable, "-W", "error", "-c", program], cwd=ROOT, check=False
            )

    assert (0, b"") == (done.returncode, done.stderr)
    assert output
    assert output == done.stdout.decode().splitlines()


def test_assumptions_of_the_programs_come_first() -> None:
    """How to run the programs, and the names they do not define, are explained before the first."""
    before = PAGES["streams.md"].partition("```python")[0]

    assert all(f"`{code}`" in before for code in ("asyncio.run(main())", "python -m asyncio"))
    assert all(f"`{name}`" in before for name in ("microphone()", "frame"))


@pytest.mark.parametrize(("program", "output"), PROGRAMS_OF_PAGES)
def test_programs_run_inside_a_coroutine(program: str, output: str) -> None:
    """Each Python block of docs/ can be the body of a coroutine, unchanged."""
    del output
    compile(f"async def main():\n{indent(program, '    ')}", "docs", "exec")


@pytest.mark.anyio
async def test_push_reads_while_it_sends(monkeypatch: pytest.MonkeyPatch) -> None:
    """The push program receives its first result before it has sent all its audio."""
    began = asyncio.Event()
    finished = asyncio.Event()

    async def finish(stream: RecognitionStream) -> None:
        with anyio.fail_after(10):
            await began.wait()
        finished.set()
        await original(stream)

    original = RecognitionStream.finish
    monkeypatch.setattr(RecognitionStream, "finish", finish)
    async with ScriptedServer() as service:
        monkeypatch.setenv("DASHSCOPE_API_KEY", "any")
        monkeypatch.setenv("DASHSCOPE_WEBSOCKET_BASE_URL", service.url)
        await execute(PUSH, frame=marked(1000), print=lambda _: began.set())

    assert finished.is_set()


@pytest.mark.anyio
async def test_failure_of_the_push_program(monkeypatch: pytest.MonkeyPatch) -> None:
    """A failure in the push program is a group with a ParaformerError, as the page states."""
    async with ScriptedServer(forever=FailTask("InvalidParameter", "no")) as service:
        monkeypatch.setenv("DASHSCOPE_API_KEY", "any")
        monkeypatch.setenv("DASHSCOPE_WEBSOCKET_BASE_URL", service.url)
        with pytest.raises(ExceptionGroup) as caught:
            await execute(PUSH)

    assert caught.value.subgroup(ParaformerError) is not None
    assert "`except* ParaformerError`" in PAGES["streams.md"]


def test_installations() -> None:
    """Every `pip install` names this package or a checkout, and extras that exist."""
    wanted = re.findall(r"pip install (?:-q )?(?:-e )?([^\s`]+)", GUIDE)

    assert {'".[local]"', '".[local,cli]"', '"paraformer-async[local]"', "git+URL"} <= set(wanted)
    for one in set(wanted) - {"git+URL", "pytest"}:
        name, _, extras = one.strip('"').rstrip("]").partition("[")
        assert name in {".", PROJECT["name"]}
        assert set(filter(None, extras.split(","))) <= PROJECT["optional-dependencies"].keys()


def test_settings_of_the_table() -> None:
    """The table lists every setting of the three policies with its default."""
    rows = re.findall(
        r"^\| `((?:Reconnect|PoolLimits|Timeouts)\..*?) \| (.*?) \|", GUIDE, re.MULTILINE
    )
    listed: dict[str, str] = {}
    for names, defaults in rows:
        policy = names.partition(".")[0]
        fields = re.findall(r"\.(\w+)", names)
        values = [value.removesuffix(" s").strip('`"') for value in defaults.split(", ")]
        listed |= {f"{policy}.{field}": value for field, value in zip(fields, values, strict=True)}

    actual = {
        f"{type(policy).__name__}.{field}": getattr(policy, field)
        for policy in (Reconnect(), PoolLimits(), Timeouts())
        for field in policy.__struct_fields__
    }
    assert actual.keys() == listed.keys()
    for name, value in actual.items():
        shown = "–" if value is None else getattr(value, "__name__", None) or value
        assert listed[name] == (f"{shown:g}" if isinstance(shown, float) else str(shown))


def test_there_are_programs() -> None:
    """The code blocks are found: a file, a stream, push, and synchronous code."""
    assert len(PROGRAMS) == 4
    assert len(SHELL) == 3
    assert len(PROGRAMS_OF_PAGES) >= 10


def test_errors_of_the_table() -> None:
    """Each error in the table exists and has the attributes listed for it."""
    rows = re.findall(r"^\| (`\w+Error`.*?) \|.*\| (.*?) ?\|$", GUIDE, re.MULTILINE)
    listed = {
        error: re.findall(r"`(\w+)`", attributes)
        for errors, attributes in rows
        for error in re.findall(r"`(\w+)`", errors)
    }
    actual = {type(error).__name__: error for error in ERRORS}

    assert actual.keys() == listed.keys()
    for name, error in actual.items():
        assert getattr(paraformer_async, name) is type(error)
        assert isinstance(error.hint, str)
        assert isinstance(error, ServiceError) == hasattr(error, "retryable")
        has_all = [hasattr(error, attribute) for attribute in listed[name]]
        assert all(has_all) or name == "ConnectError"  # its subclasses have the attributes


def test_options_of_the_command_line() -> None:
    """Every command-line option and every command in the text exists."""
    named = {flag for code in CODE for flag in re.findall(r"--[a-z-]+", code)}

    assert named
    assert named <= FLAGS
    for command in re.findall(r"paraformer-async ([a-z]+)", " ".join(CODE)):
        assert command in COMMANDS


def test_keyword_arguments() -> None:
    """Every `name=…` in the text is an option of the recognizer."""
    named = {match[1] for code in CODE if (match := re.match(r"(\w+)=", code))}

    assert named
    assert named <= inspect.signature(AsyncRecognizer).parameters.keys()


def test_classes() -> None:
    """Every class in the text is exported by a public module."""
    classes = {code for code in CODE if re.fullmatch(r"[A-Z][a-z]+[A-Za-z]*", code)}
    rooms = (paraformer_async, account, middleware, observing, server, sync, testing)
    exported = {name for room in rooms for name in room.__all__}

    assert {"LocalServer", "Timeouts"} <= classes
    assert classes <= exported | {"ExceptionGroup", "None", "TimeoutError"}


def test_python_version() -> None:
    """The oldest supported Python is the one that the package requires."""
    [(version,)] = {(one,) for one in re.findall(r"Python (3\.\d+) or newer", README)}
    assert f">={version}" == PROJECT["requires-python"]


@pytest.mark.parametrize("name", ["README.md", "README.zh.md"])
def test_links(name: str) -> None:
    """Every link of a README into the repository has a target, and every section exists."""
    page = (ROOT / name).read_text("utf-8")
    links = [link for link in re.findall(r"\]\(([^)]+)\)", page) if "://" not in link]

    assert links
    for link in links:
        path, _, section = link.partition("#")
        assert (ROOT / path).exists()
        assert not section or section in sections(ROOT / path)
