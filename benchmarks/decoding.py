"""
What does decoding a file cost, beside its library alone?

The bundled recordings, repeated, as 44.1 kHz stereo in several formats: `ours` reads them as
`transcribe` does (checked from their first byte to their last, mixed to mono, converted to s16le,
in worker threads); the library (soundfile, or PyAV for what libsndfile cannot read) decodes them to
arrays, and does nothing else. `vs.` is the median ratio to the library in the same round, with its
range.
"""

import sys
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from _bench import ChildError, parsed, parser, run_child, shown
from _runs import Runs, add_ratios, measure_in_turns, report_runs, shown_ratio

_AUDIO = Path(__file__).parent.parent / "examples" / "audio"
_RATE = 44_100
# File: the library that decodes it; for those that PyAV writes, codec and sample rate.
_BY_SOUNDFILE = ("wav", "flac", "ogg", "mp3")
_BY_PYAV = {"m4a": ("aac", 44_100), "mp4": ("aac", 48_000), "webm": ("libopus", 48_000)}
_LIMIT = 300.0
_HEADS = ("file, decoded by", "ms/minute", "vs.")


def main() -> None:
    made = parser(__doc__)
    made.add_argument("--formats", nargs="+", default=[*_BY_SOUNDFILE, *_BY_PYAV])
    made.add_argument("--seconds", type=int, default=120, help="of audio in each file")
    options = parsed(made)
    if options.smoke:
        options.formats, options.seconds, options.rounds = ["wav", "m4a"], 2, 1
    found: dict[str, Runs] = {}
    with TemporaryDirectory() as folder:
        for suffix in options.formats:
            path = write(Path(folder) / f"a.{suffix}", options.seconds)
            found |= compare(path, options.rounds, options.seconds)
    sys.exit(report_runs(options, found, _HEADS, _cells))


def compare(path: Path, rounds: int, seconds: int) -> dict[str, Runs]:
    """Measure both for one file; their numbers of samples must be equal."""
    library = "soundfile" if path.suffix[1:] in _BY_SOUNDFILE else "pyav"
    lengths: set[int] = set()

    def measure(name: str) -> dict[str, Any]:
        run = run_child("_decoding_client.py", name, path, limit=_LIMIT)
        lengths.add(run["samples"])
        if len(lengths) > 1:
            raise ChildError(f"the lengths differ: {lengths}")
        return {**run, "ms": run["cpu"] * 60_000 / seconds}

    found = measure_in_turns(("ours", library), rounds, measure, label=f"{path.suffix[1:]}, ")
    add_ratios(found, "vs_library", "ms", library)
    return {f"{path.suffix[1:]}, {name}": runs for name, runs in found.items()}


def write(path: Path, seconds: int) -> Path:
    """Write the recordings, repeated, on both channels, the second one quieter."""
    import numpy as np
    import soundfile

    speech = np.concatenate([soundfile.read(one, dtype="int16")[0] for one in _recordings()])
    mono = np.resize(speech, seconds * _RATE)
    stereo = np.stack([mono, mono // 2], axis=1)
    if path.suffix[1:] in _BY_SOUNDFILE:
        with soundfile.SoundFile(path, "w", _RATE, 2) as file:
            for begin in range(0, len(stereo), _RATE):  # libsndfile crashes on more at once
                file.write(stereo[begin : begin + _RATE])
    else:
        _encode(path, stereo, *_BY_PYAV[path.suffix[1:]])
    return path


def _recordings() -> list[Path]:
    return sorted(_AUDIO.glob("*.wav"))


def _encode(path: Path, samples: Any, codec: str, rate: int) -> None:
    import av

    with av.open(str(path), "w") as output:
        stream: Any = output.add_stream(codec, rate=rate, layout="stereo")
        frame = av.AudioFrame.from_ndarray(samples.reshape(1, -1), "s16", "stereo")
        frame.sample_rate = rate  # the pitch does not matter
        output.mux([*stream.encode(frame), *stream.encode(None)])


def _cells(runs: Runs) -> tuple[str, ...]:
    return (shown(runs.median("ms"), 1), shown_ratio(runs, "vs_library"))


if __name__ == "__main__":
    main()
