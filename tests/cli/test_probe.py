"""`paraformer-async probe` as run by people and scripts."""

import json
from pathlib import Path

from tests.cli.conftest import Call, silence


def test_text(call: Call, tmp_path: Path) -> None:
    """Each file has its own line, a bad one on stderr, and the exit code reports the failure."""
    silence(tmp_path / "a.wav", channels=2)

    done = call("probe", "a.wav", "none.wav")

    assert 1 == done.returncode
    assert "a.wav: WAV, PCM_16, 16000 Hz, 2 channels, 1.00 s; sent as pcm, 16000 Hz, mono\n" == (
        done.stdout
    )
    assert "paraformer-async: none.wav: No such file or directory\n" == done.stderr


def test_a_damaged_file(call: Call, tmp_path: Path) -> None:
    """What is wrong with a file is reported on stderr, and is no failure."""
    path = silence(tmp_path / "a.wav")
    path.write_bytes(path.read_bytes()[:-16_000])

    done = call("probe", "a.wav", "--model", "paraformer-realtime-8k-v2")

    assert 0 == done.returncode
    assert "a.wav: WAV, PCM_16, 16000 Hz, mono, 0.50 s; sent as pcm, 8000 Hz, mono\n" == done.stdout
    assert "paraformer-async: a.wav ends early" in done.stderr


def test_json(call: Call, tmp_path: Path) -> None:
    """JSON output is one document: a list with one object per file, failed ones included."""
    silence(tmp_path / "a.wav")

    done = call("probe", "--json", "a.wav", "none.wav")

    good, bad = json.loads(done.stdout)
    assert 1 == done.returncode
    assert {
        "path": "a.wav",
        "container": "WAV",
        "codec": "PCM_16",
        "sample_rate": 16_000,
        "channels": 1,
        "duration": 1.0,
        "sent_format": "pcm",
        "sent_sample_rate": 16_000,
        "remarks": [],
    } == good
    assert {"path": "none.wav", "error": "none.wav: No such file or directory"} == bad
