"""What the library advises, in the words of a shell: flags and variables for arguments."""

import re

__all__ = ["FLAGS", "in_shell_words"]

FLAGS = {
    "channels": "--channels",
    "endpoint": "--endpoint",
    "engine": "--engine",
    "expires_in": "--expires-in",
    "language_hints": "--language",
    "model": "--model",
    "model_dir": "--model-dir",
    "prefix": "--prefix",
    "region": "--region",
    "target_model": "--model",
    "vocabulary": "WORD",
    "vocabulary_id": "ID",
    "workspace": "--workspace",
}
"""Options of the library, and their flags on the command line."""

_PHRASES = (
    (r"pass api_key= or set (?=DASHSCOPE_API_KEY)", "set "),
    (r"api_key= or (?=DASHSCOPE_API_KEY)", ""),
    (r'pass its credentials: proxy="(.*?)"', r"set HTTPS_PROXY=\1"),
    (r"region='([\w-]+)'", r"--region \1"),
    (r"pass an ssl\.SSLContext as ssl=", "set SSL_CERT_FILE to its certificate"),
    (r"; for other settings of TLS, see ssl=", ""),
    (r",? or pass heartbeat=True to keep a (quiet|silent) stream alive", ""),
    (r"; pass heartbeat=True to keep a silent stream alive", ""),
    (r"see Timeouts\(.*?\)", "`paraformer-async doctor` checks the way to the service"),
    (r"compare format= and sample_rate= with", "is the format right? compare it with"),
)
_NAMES = FLAGS | {"api_key": "DASHSCOPE_API_KEY", "proxy": "HTTPS_PROXY", "ssl": "SSL_CERT_FILE"}
_NAME = re.compile(rf"\b({'|'.join(_NAMES)})=(?!\w)")


def in_shell_words(advice: str) -> str:
    """Return the *advice* of an error as it is given to those who type commands."""
    for phrase, words in _PHRASES:
        advice = re.sub(phrase, words, advice)
    return _NAME.sub(lambda found: _NAMES[found[1]], advice)
