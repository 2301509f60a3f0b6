"""
Cuts JSON that is nested too deep for the decoders, which are recursive.

The service adds fields without notice, and whatever is in a field that nothing reads must not end
a recognition. This runs only after a decoder has failed, and in linear time: no recursion, and
one scan for brackets and strings.
"""

import re
from collections.abc import Iterator

__all__ = ["DEPTH", "shallow"]

# Levels of nesting that are kept. An event has 8, down to a word in the stash of a translation.
DEPTH = 32
# A string to its end, even a missing one, or a run of brackets of one kind.
_TOKEN = re.compile(r'"(?:[^"\\]++|\\.)*+(?:"|\\?\Z)|[\[{]++|[\]}]++', re.DOTALL)


def shallow(text: str) -> str:
    """
    Return *text*, which should be JSON, with `null` in place of values nested deeper than `DEPTH`.

    Text that is not JSON stays that; what is inside a value that was cut is not checked.
    """
    return "".join(_kept(text))


def _kept(text: str) -> Iterator[str]:
    depth = begin = 0  # `begin` of what is kept; without meaning inside a value that is cut
    for token in _TOKEN.finditer(text):
        first, size = text[token.start()], token.end() - token.start()
        if first in "[{":
            if depth <= DEPTH < depth + size:
                yield text[begin : token.start() + DEPTH - depth]
            depth += size
        elif first in "]}":
            depth -= size
            if depth <= DEPTH < depth + size:
                yield "null"
                begin = token.end() - (DEPTH - depth)
    if depth <= DEPTH:
        yield text[begin:]
