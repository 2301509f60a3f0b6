"""
The measured process: decode a file, and print the cost as JSON.

Interpreter startup, imports and one initial decoding are not counted.
"""

import argparse
import asyncio
import json
import time
from collections.abc import Callable, Mapping
from pathlib import Path

from _bench import cpu_seconds

_BLOCK = 65536  # samples
_SETTLING = 0.3  # seconds; the threads of OpenBLAS spin for as long as numpy is new


def ours(path: Path) -> int:
    """Read it as `transcribe` does: as s16le mono, in worker threads."""
    return asyncio.run(_ours(path))


async def _ours(path: Path) -> int:
    from paraformer_async.audio.files import open_audio

    async with open_audio(path) as audio:
        return sum([len(chunk) // 2 async for chunk in audio])


def soundfile(path: Path) -> int:
    """Decode it by soundfile, to float32."""
    import numpy as np
    from soundfile import SoundFile

    with SoundFile(path) as file:
        block = np.empty((_BLOCK, file.channels), np.float32)
        samples = 0
        while count := len(file.read(out=block)):
            samples += count
    return samples


def pyav(path: Path) -> int:
    """Decode it by PyAV, to arrays of what its codec returns."""
    import av

    samples = 0
    with av.open(str(path)) as container:
        for frame in container.decode(audio=0):
            frame.to_ndarray()
            samples += frame.samples
    return samples


ALTERNATIVES: Mapping[str, Callable[[Path], int]] = {
    "ours": ours,
    "soundfile": soundfile,
    "pyav": pyav,
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("name", choices=ALTERNATIVES)
    parser.add_argument("path", type=Path)
    options = parser.parse_args()
    decode = ALTERNATIVES[options.name]
    decode(options.path)
    time.sleep(_SETTLING)
    cpu = cpu_seconds()
    samples = decode(options.path)
    print(json.dumps({"cpu": cpu_seconds() - cpu, "samples": samples}))


if __name__ == "__main__":
    main()
