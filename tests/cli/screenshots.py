"""
Make the pictures of the command line in docs/images, from real runs in tmux, with real speech.

    python -m tests.cli.screenshots
"""

import os
import shlex
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import soundfile
from rich.console import Console
from rich.text import Text

ROOT = Path(__file__).parents[2]
SPEECH = sorted((ROOT / "examples" / "audio").glob("*.wav"))
PICTURES = ROOT / "docs" / "images"
COLUMNS, LINES = 76, 12
COMMAND = "paraformer-async"
# Rich's own, without the fonts that it loads from elsewhere.
SVG = """<svg viewBox="0 0 {width} {terminal_height}" xmlns="http://www.w3.org/2000/svg">
<style>
.{unique_id}-matrix {{ font-family: ui-monospace, Menlo, Consolas, "DejaVu Sans Mono", monospace;
font-size: {char_height}px; line-height: {line_height}px; font-variant-east-asian: full-width; }}
{styles}
</style>
<defs>{lines}</defs>
<rect width="{width}" height="{terminal_height}" rx="8" fill="#292929"/>
<g transform="translate(16, 12)">{backgrounds}<g class="{unique_id}-matrix">{matrix}</g></g>
</svg>
"""


def tmux(*arguments: str) -> str:
    """Run tmux, on a server of our own."""
    command = ["tmux", "-L", "screenshots", *arguments]
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout


def screen(*, colors: bool = False) -> str:
    """Return what is on the screen."""
    return tmux("capture-pane", "-p", "-t", "shell", *(["-e"] if colors else []))


def picture(name: str, line: str, *words: str) -> None:
    """Type a command line, and draw the screen when all of these words are on it."""
    tmux("send-keys", "-t", "shell", "clear", "Enter")
    time.sleep(1)
    tmux("send-keys", "-t", "shell", line, "Enter")
    deadline = time.monotonic() + 60
    while not all(word in screen() for word in words):
        assert time.monotonic() < deadline, screen()
        time.sleep(0.02)
    console = Console(record=True, width=COLUMNS, file=Path(os.devnull).open("w"))  # noqa: SIM115
    lines = [line for line in screen(colors=True).splitlines() if line]
    console.print(Text.from_ansi("\n".join([*lines, ""])))
    svg = console.export_svg(title="", code_format=SVG, unique_id=name)
    (PICTURES / f"{name}.svg").write_text(svg + "\n", encoding="utf-8")


def main() -> None:
    """Make all pictures."""
    with tempfile.TemporaryDirectory() as folder:
        parts = [soundfile.read(path, dtype="int16") for path in SPEECH[1:]]
        rate = parts[0][1]
        pause = np.zeros(rate, np.int16)
        audio = np.concatenate([piece for part, _ in parts for piece in (part, pause)])
        soundfile.write(Path(folder) / "talk.flac", audio, rate)
        for path in SPEECH:
            (Path(folder) / path.name.rpartition("-")[2]).symlink_to(path)
        path = f"{Path(sys.executable).parent}:{os.environ['PATH']}"
        shell = f"env PS1='$ ' PATH={shlex.quote(path)} bash --norc"
        size = ("-x", str(COLUMNS), "-y", str(LINES))
        tmux("new-session", "-d", "-s", "shell", *size, "-c", folder, shell)
        try:
            listen = f"{COMMAND} listen --local --source talk.flac --output talk.srt"
            picture("listen", listen, "power to do for them.", "#", "He was not an")
            tmux("send-keys", "-t", "shell", "C-c")
            time.sleep(3)
            transcribe = f"{COMMAND} transcribe --local --jobs 2 *.wav"
            picture("transcribe", transcribe, "power to do for them.", "/4 files", "00:0")
        finally:
            tmux("kill-server")


if __name__ == "__main__":
    main()
