"""
All checks, as sessions that can be run separately: `nox -s lint`.

With `--no-venv`, sessions install nothing and use the active environment, which must contain the
`dev` extra and the `ci` dependency group.
"""

import ast
import os
import re
from pathlib import Path

import nox

ROOT = Path(__file__).parent
PYPROJECT = nox.project.load_toml(ROOT / "pyproject.toml")
# Runs programs, more at once than there are cores, since each waits for audio in real time. For
# them, the vendor's own environment variables lead to the local service.
RUN_AT_ONCE = """
import os, subprocess, sys
import anyio
from paraformer_async.server import LocalServer

failed = []

async def run(command: str, env: dict[str, str], places: anyio.Semaphore) -> None:
    async with places:
        with anyio.fail_after(120):
            done = await anyio.run_process(
                [sys.executable, *command.split()],
                env=env, stderr=subprocess.STDOUT, check=False,
            )
    print(f"---- {command}", done.stdout.decode(), sep="\\n", flush=True)
    if done.returncode:
        failed.append(command)

async def main() -> None:
    async with LocalServer() as server, anyio.create_task_group() as tasks:
        local = {"DASHSCOPE_API_KEY": "local", "DASHSCOPE_WEBSOCKET_BASE_URL": server.url}
        places = anyio.Semaphore((os.cpu_count() or 1) + 2)
        for command in sys.argv[1:]:
            tasks.start_soon(run, command, os.environ | local, places)

anyio.run(main)
sys.exit(f"failed: {failed}" if failed else 0)
"""

# Divided by tests, not by files: almost all are in one, and wait.
TRANSPORT_TESTS = (
    *("tests/net/test_transports.py", "tests/net/test_aiohttp.py"),
    *("--dist=load", "-k", "not picows"),
)
QUICK_TESTS = (
    *(f"tests/{name}" for name in ("account", "core", "errors", "middleware", "options")),
    *TRANSPORT_TESTS,
)
LOWEST = [line.replace(">=", "==") for line in PYPROJECT["project"]["dependencies"]]

# Programs in examples/ that tests run: services, which run until they are ended, and that for Ray.
RUN_BY_TESTS = {"celery_tasks", "fastapi_websocket", "flask_upload", "ray_dataset"}

nox.needs_version = ">=2025.5.1"
nox.options.default_venv_backend = "venv"
nox.options.error_on_missing_interpreters = False
nox.options.reuse_existing_virtualenvs = True
nox.options.sessions = ["lint", "types", "layers", "tests"]


def install(session: nox.Session, *arguments: str, groups: tuple[str, ...] = ()) -> None:
    """Install *arguments* and the dependency *groups*, unless running in the active environment."""
    if session.virtualenv.venv_backend != "none":
        session.install(*arguments, *nox.project.dependency_groups(PYPROJECT, *groups))


def programs(folder: str) -> list[str]:
    """Return the programs in *folder*; names with a leading underscore are helper modules."""
    found = [str(path) for path in sorted(Path(folder).glob("*.py")) if path.name[0] != "_"]
    assert found, f"no programs in {folder}/"
    return found


@nox.session(python=nox.project.python_versions(PYPROJECT))
@nox.parametrize("dependencies", ["newest", "lowest"])
def tests(session: nox.Session, dependencies: str) -> None:
    """Run the tests on every supported Python, with the newest and the lowest dependencies."""
    if dependencies == "lowest":
        if session.python == "3.14":
            session.skip("the lowest versions have no wheels for Python 3.14")
        constraints = Path(session.create_tmp()) / "lowest.txt"
        constraints.write_text("\n".join(LOWEST), encoding="utf-8")
        install(session, "-e", ".[dev]", "--constraint", str(constraints))
    else:
        install(session, "--upgrade", "--upgrade-strategy", "eager", "-e", ".[dev]")
    session.run("python", "-m", "pytest", *session.posargs)


@nox.session
def matrix(session: nox.Session) -> None:
    """
    Run the integration tests on the transports that are not the default, on each loop.

    With `-- some`, each transport runs on one loop only.
    """
    install(session, "-e", ".[dev]")
    is_some = session.posargs == ["some"]
    for transport, loop in (("documented", "asyncio"), ("picows", "uvloop")):
        loops = {"TEST_LOOPS": loop} if is_some else {}
        integration(session, TEST_TRANSPORT=transport, **loops)


@nox.session
def eager(session: nox.Session) -> None:
    """Run the integration tests with eager tasks, on each transport; needs Python 3.12."""
    install(session, "-e", ".[dev]")
    is_new = "import sys; print(sys.version_info >= (3, 12))"
    if "True" not in (session.run("python", "-c", is_new, silent=True, log=False) or ""):
        session.skip("tasks are never eager before Python 3.12")
    for transport in ("aiohttp", "documented", "picows"):
        integration(session, TEST_TRANSPORT=transport, TEST_LOOPS="asyncio-eager uvloop-eager")


def integration(session: nox.Session, **env: str) -> None:
    """Run the integration tests with *env*, see `tests/loops.py`."""
    session.log(" ".join(f"{name}={value!r}" for name, value in env.items()))
    session.run("python", "-m", "pytest", "tests/integration", env=env)


@nox.session
def floors(session: nox.Session) -> None:
    """Run quick tests with the lowest versions of the dependencies that are not extras."""
    install(session, "-e", ".[dev]")
    run_with(session, "lowest", LOWEST, *QUICK_TESTS)


@nox.session
def aiohttp(session: nox.Session) -> None:
    """Run the tests of transports on every version of aiohttp whose private parts are used."""
    install(session, "-e", ".[dev]")
    factory = (ROOT / "paraformer_async/_net/aiohttp_factory.py").read_text(encoding="utf-8")
    found = re.search(r"^TESTED = frozenset\((.*?)\)$", factory, re.DOTALL | re.MULTILINE)
    assert found, "no TESTED in aiohttp_factory.py"
    for version in sorted(ast.literal_eval(found[1])):
        run_with(session, version, [f"aiohttp=={version}"], *TRANSPORT_TESTS)


def run_with(session: nox.Session, name: str, packages: list[str], *options: str) -> None:
    """Run pytest with other versions of *packages*, which are installed in a folder *name*."""
    target = str(Path(session.create_tmp()).resolve() / name)
    pip = ("python", "-m", "pip", "install", "-qq", "--upgrade", "--no-deps", "--target", target)
    session.run(*pip, *packages)
    session.run("python", "-m", "pytest", *options, env={"PYTHONPATH": target})


@nox.session
def lint(session: nox.Session) -> None:
    """Check style and formatting."""
    install(session, groups=("lint",))
    session.run("ruff", "check")
    session.run("ruff", "format", "--check")


@nox.session
def types(session: nox.Session) -> None:
    """Check the types, with mypy those of examples/, too, and that all that is public has one."""
    install(session, "-e", ".[dev]", groups=("types", "examples", "frameworks"))
    session.run("mypy", "--strict")
    # Use Node from the wheel and do not check for a newer pyright: nothing else is downloaded.
    offline = {"PYRIGHT_PYTHON_GLOBAL_NODE": "0", "PYRIGHT_PYTHON_IGNORE_WARNINGS": "1"}
    session.run("pyright", "--project", "pyproject.toml", env=offline)
    session.run("pyright", "--verifytypes", "paraformer_async", "--ignoreexternal", env=offline)


@nox.session
def layers(session: nox.Session) -> None:
    """Check that each room imports only from the rooms below it."""
    install(session, "-e", ".", groups=("layers",))
    session.run("lint-imports", "--no-cache", "--no-logo")


@nox.session
def coverage(session: nox.Session) -> None:
    """Run each test once; require 95 % overall, 100 % of each sans-I/O room from its own tests."""
    install(session, "-e", ".[dev]")
    folder = Path(session.create_tmp()).resolve()
    rooms = {"_core": "tests/core", "middleware": "tests/middleware"}
    for room, tests_of_room in rooms.items():
        measure(session, folder / room, tests_of_room)
        of_room = (f"--include=paraformer_async/{room}/*", "--fail-under=100")
        session.run("coverage", "report", f"--data-file={folder / room}", *of_room)
    others = (f"--ignore={tests_of_room}" for tests_of_room in rooms.values())
    measure(session, folder / "others", *others, "-k", "not uvloop")
    every = (str(folder / name) for name in (*rooms, "others"))
    whole = f"--data-file={folder / 'whole'}"
    session.run("coverage", "combine", "--quiet", "--keep", whole, *every)
    session.run("coverage", "report", whole)
    # The other loop executes the same lines, and much faster if they are not counted.
    session.run("python", "-m", "pytest", "-k", "uvloop")


def measure(session: nox.Session, data: Path, *selection: str) -> None:
    """Run the *selection* of tests, and write what it covers to the file *data*."""
    env = {"COVERAGE_FILE": str(data)}
    session.run("coverage", "erase", env=env)
    session.run("coverage", "run", "-m", "pytest", *selection, env=env)
    session.run("coverage", "combine", "--quiet", env=env)


@nox.session
def examples(session: nox.Session) -> None:
    """Run every program in examples/ against the local service, and the tests of services."""
    install(session, "-e", ".[dev]", groups=("examples", "frameworks"))
    chosen = [one for one in programs("examples") if Path(one).stem not in RUN_BY_TESTS]
    env = with_ffmpeg(session)
    commands = [f"-W error {one}" for one in chosen]
    session.run("python", "-c", RUN_AT_ONCE, *commands, env=env, log=False)
    session.run("python", "-m", "pytest", "-n0", "examples/testing_your_service")
    session.run("python", "-m", "pytest", "-n0", "tests/examples", *session.posargs, env=env)


def with_ffmpeg(session: nox.Session) -> dict[str, str]:
    """Return an environment in which `ffmpeg` is that of the wheel: not every machine has one."""
    folder = Path(session.create_tmp()).resolve()
    link = (
        "import imageio_ffmpeg, pathlib, sys\n"
        "name = pathlib.Path(sys.argv[1], 'ffmpeg')\n"
        "name.unlink(missing_ok=True)\n"
        "name.symlink_to(imageio_ffmpeg.get_ffmpeg_exe())"
    )
    session.run("python", "-c", link, str(folder), log=False)
    return {"PATH": f"{folder}{os.pathsep}{os.environ['PATH']}"}


@nox.session
def ray(session: nox.Session) -> None:
    """Run the tests on Ray clusters on this machine; install Ray, which the others do without."""
    install(session, "-e", ".[dev,ray]")
    if session.virtualenv.venv_backend == "none":
        needed = PYPROJECT["project"]["optional-dependencies"]["ray"]
        session.run("python", "-m", "pip", "install", "-qq", *needed)
    session.run("python", "-m", "pytest", "-n0", "tests/ray", *session.posargs)


@nox.session
def frameworks(session: nox.Session) -> None:
    """Use the blocking client in Flask under gunicorn, in Celery, in a notebook, and in asgiref."""
    install(session, "-e", ".[dev]", groups=("frameworks",))
    session.run("python", "-m", "pytest", "-n0", "tests/frameworks", *session.posargs)


@nox.session
def browser(session: nox.Session) -> None:
    """Use the page of examples/browser in Chromium, with recorded speech as its microphone."""
    install(session, "-e", ".[dev]", groups=("browser",))
    session.run("python", "-m", "pytest", "-n0", "tests/browser", *session.posargs)


@nox.session
def docs(session: nox.Session) -> None:
    """Build the documentation in build/site, without a network; warnings are errors."""
    install(session, "-e", ".[dev]", groups=("docs",))
    empty = "import shutil, sys; shutil.rmtree(sys.argv[1], ignore_errors=True)"
    session.run("python", "-c", empty, "build/site")
    build = ("sphinx-build", "--quiet", "--fail-on-warning", "--keep-going", "--fresh-env")
    session.run(*build, "--conf-dir=docs", "--doctree-dir=build/doctrees", ".", "build/site")
    session.run("python", "-m", "pytest", "-n0", "tests/site", *session.posargs)


@nox.session
def benchmarks(session: nox.Session) -> None:
    """Run every benchmark once, as briefly as possible."""
    install(session, "-e", ".[dev]", groups=("bench",))
    commands = [f"{one} --smoke" for one in programs("benchmarks")]
    session.run("python", "-c", RUN_AT_ONCE, *commands, log=False)


@nox.session
def wheel(session: nox.Session) -> None:
    """Build the package, check its contents, and use the wheel without the checkout."""
    install(session, groups=("wheel",))
    folder = Path(session.create_tmp()).resolve()
    session.run("python", "-c", "import shutil, sys; shutil.rmtree(sys.argv[1])", str(folder))
    session.run("python", "-m", "build", "--outdir", str(folder))
    (built,) = folder.glob("*.whl")
    names = "import sys, zipfile; print(*zipfile.ZipFile(sys.argv[1]).namelist(), sep='\\n')"
    content = session.run("python", "-c", names, str(built), silent=True, log=False) or ""
    unexpected = [
        name
        for name in content.split()
        if not name.startswith(("paraformer_async/", "paraformer_async-"))
    ]
    assert not unexpected, f"the wheel contains {unexpected}"
    assert "paraformer_async/py.typed" in content.split()
    session.run("python", "-m", "venv", str(folder / "clean"))
    clean = str(folder / "clean" / ("Scripts" if os.name == "nt" else "bin") / "python")
    session.chdir(folder)

    def run(*arguments: str) -> None:
        session.run(clean, "-I", *arguments, external=True)

    run("-m", "pip", "install", "--quiet", str(built))
    run("-W", "error", "-c", "from paraformer_async import AsyncRecognizer, __version__")
    run("-m", "pip", "install", "--quiet", f"{built}[cli]")
    run("-W", "error", "-m", "paraformer_async", "--version")
