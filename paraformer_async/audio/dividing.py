"""Which streams are divided into their channels, and how."""

from paraformer_async.audio.channels import Divider
from paraformer_async.audio.channels_of_wav import WavDivider
from paraformer_async.audio.samples import channels_in
from paraformer_async.errors import InvalidOptionError
from paraformer_async.options.options import Options
from paraformer_async.options.service import UNCOMPRESSED

__all__ = ["channels_to_divide", "make_divider"]


def channels_to_divide(audio: object, options: Options) -> int | None:
    """
    Return the number of channels of a stream that has to be divided; `None` if it is sent as it is.

    Args:
        audio: The source, which knows its channels if it is an array; `None` if there is none.
        options: Its options.

    Raises:
        InvalidOptionError: The channels cannot be told apart, or there is no such channel.
    """
    channels, declared = options.channels, options.input_channels
    if channels == "mix":
        return None if declared == 1 else declared
    if options.format not in UNCOMPRESSED:
        raise InvalidOptionError(
            "channels",
            f"the channels of a stream of {options.format} cannot be told apart",
            hint="decode the audio to PCM first; for files, use transcribe(path)",
        )
    count = declared or channels_in(audio)
    if channels == "split" and count is None:
        raise InvalidOptionError(
            "channels",
            "to split a stream, the number of its channels must be known",
            hint="for two interleaved channels, set input_channels=2",
        )
    count = count or 1
    if isinstance(channels, int) and channels >= count:
        there = "channel 0" if count == 1 else f"channels 0 to {count - 1}"
        raise InvalidOptionError(
            "channels",
            f"there is no channel {channels}, only {there}",
            hint="" if declared else "the channels of a stream are declared with input_channels=",
        )
    return count


def make_divider(options: Options, count: int) -> Divider:
    """Return what divides the *count* channels of a stream."""
    if options.format == "wav":
        return WavDivider(options.channels, count)
    format = options.encoding or options.format
    rate = options.resample_from or options.sample_rate
    return Divider(options.channels, count, format, rate)
