"""Audio and video files of many formats: made with PyAV, or recorded."""

from collections.abc import Mapping
from fractions import Fraction
from pathlib import Path
from types import MappingProxyType

import av
import numpy as np

RATE = 16_000
# `goforward.wav`, made with the program ffmpeg: not every build of PyAV has encoders for these.
RECORDED = {
    name: Path(__file__).parent / "speech" / f"speech.{suffix}"
    for name, suffix in (("amr", "amr"), ("amr-wb", "awb"), ("speex", "spx"))
}


def make(
    path: Path,
    samples: np.ndarray,
    container: str,
    codec: str,
    *,
    rate: int = RATE,
    layout: str = "mono",
    video: bool = False,
    video_seconds: int = 2,
    tracks: int = 1,
    pauses: Mapping[float, float] = MappingProxyType({}),
    **options: str,
) -> Path:
    """
    Write *samples* (int16; mono, or of shape [channels, samples]) at 16 kHz to *path*.

    Args:
        path: The file.
        samples: What it contains.
        container: FFmpeg's name for its container; empty for one that its name tells.
        codec: FFmpeg's name for its codec.
        rate: Sample rate in Hz.
        layout: Layout of the channels.
        video: Whether to add a black picture.
        video_seconds: How long that is.
        tracks: Number of tracks, all with the same audio.
        pauses: Where nothing was recorded: seconds of audio before it, and seconds without any.
        options: Options of the container.
    """
    with av.open(str(path), "w", format=container or None, options=options) as output:
        picture = _video_stream(output) if video else None
        streams = [output.add_stream(codec, rate=rate, layout=layout) for _ in range(tracks)]
        if picture:
            _add_video(output, picture, video_seconds)
        for stream in streams:
            _add_audio(output, stream, np.atleast_2d(samples), layout, pauses)
    return path


def make_silent_video(path: Path) -> Path:
    """Write a video without sound to *path*."""
    with av.open(str(path), "w") as output:
        _add_video(output, _video_stream(output), 2)
    return path


def _video_stream(output: av.container.OutputContainer) -> av.VideoStream:
    stream = output.add_stream("mpeg4", rate=10)
    stream.width = stream.height = 64
    stream.pix_fmt = "yuv420p"
    return stream


def _add_video(output: av.container.OutputContainer, stream: av.VideoStream, seconds: int) -> None:
    black = np.full((96, 64), 16, np.uint8)  # 64 lines of luma, and 32 of both chroma
    black[64:] = 128
    for _ in range(10 * seconds):  # a frame of its own would have what was in memory
        output.mux(stream.encode(av.VideoFrame.from_ndarray(black, "yuv420p")))
    output.mux(stream.encode(None))


def _add_audio(
    output: av.container.OutputContainer,
    stream: av.AudioStream,
    samples: np.ndarray,
    layout: str,
    pauses: Mapping[float, float],
) -> None:
    given = layout if len(samples) > 1 else "mono"
    whole = av.AudioFrame.from_ndarray(np.ascontiguousarray(samples), "s16p", given)
    whole.sample_rate = RATE
    context = stream.codec_context
    format = context.format or context.codec.audio_formats[0]
    converter = av.AudioResampler(format.name, layout, context.sample_rate)
    fifo = av.AudioFifo()
    for frame in (*converter.resample(whole), *converter.resample(None)):
        frame.pts = None
        fifo.write(frame)
    position = 0
    while frame := fifo.read(context.frame_size or 1024, partial=True):
        rate = context.sample_rate
        paused = sum(length for at, length in pauses.items() if position >= at * rate)
        frame.pts, frame.time_base = position + round(paused * rate), Fraction(1, rate)
        position += frame.samples
        output.mux(stream.encode(frame))
    output.mux(stream.encode(None))
