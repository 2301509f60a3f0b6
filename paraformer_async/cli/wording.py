"""What the library advises, in the words of a shell: flags and variables for arguments."""

import re

from paraformer_async.options.parameters import PARAMETERS

__all__ = ["flag_of", "in_shell_words"]

_FLAGS = {
    "api_key": "DASHSCOPE_API_KEY",
    "channels": "--channels",
    "checkpoint": "--resume",
    "concurrency": "--jobs",
    "endpoint": "--endpoint",
    "engine": "--engine",
    "expires_in": "--expires-in",
    "host": "--host",
    "language_hints": "--language",
    "model": "--model",
    "model_dir": "--model-dir",
    "prefix": "--prefix",
    "proxy": "HTTPS_PROXY",
    "region": "--region",
    "ssl": "SSL_CERT_FILE",
    "target_model": "--model",
    "vocabulary": "WORD",
    "workspace": "--workspace",
}

_PHRASES = (
    (r"pass api_key= or set (?=DASHSCOPE_API_KEY)", "set "),
    (r"api_key= or (?=DASHSCOPE_API_KEY)", ""),
    (r'pass its credentials: proxy="(.*?)"', r"set HTTPS_PROXY=\1"),
    (r"region='([\w-]+)'", r"--region \1"),
    (r"pass an ssl\.SSLContext as ssl=", "set SSL_CERT_FILE to its certificate"),
    (r"; for other settings of TLS, see ssl=", ""),
    (r"is neither True nor False", "is neither true nor false"),
    (r"(give it a word), like \{.*\}", r"\1, like Paraformer=4"),
    (r"; if the service can read it, reconnect=None sends it as it is", ""),
    (r", or use stream\(\), which can read from a .*", ""),
    (r"(audio that has no end) with stream\(\)", r"\1 with listen --source -"),
    (r"microphone\(sample_rate=(\d+)\), and stream\(.*?\)", r"--param sample_rate=\1"),
    (r"see Reconnect\(keep=…\).*", "try again when the network is back"),
    (r"resample_from=\d+ converts a stream of that rate", "leave it out"),
    (r"with a checkpoint, the same call", "with --resume, the same command"),
    (r"a TemporaryToken\(\) of .* is renewed in time", "paraformer-async token prints another"),
    (r": pass the region= or endpoint= of the recognizer to TemporaryToken\(\), too", ""),
    (r"see Timeouts\(.*?\)", "`paraformer-async doctor` checks the way to the service"),
    (r"compare format= and sample_rate= with", "is the format right? compare it with"),
)
_NAME = re.compile(rf"\b({'|'.join(_FLAGS.keys() | PARAMETERS.keys())})=(?!\w)")
_FLAG = re.compile(r"\b([a-z]\w*)=(True|False)\b")


def flag_of(option: str) -> str:
    """Return what stands for an *option* of the library on the command line."""
    if option in PARAMETERS and option not in _FLAGS:
        return f"--param {option}"
    return _FLAGS.get(option, option)


def in_shell_words(text: str) -> str:
    """Return the *text* of an error as those who type commands can use it."""
    for phrase, words in _PHRASES:
        text = re.sub(phrase, words, text)
    text = _FLAG.sub(lambda found: f"--param {found[1]}={found[2].lower()}", text)
    return _NAME.sub(lambda found: flag_of(found[1]), text)
