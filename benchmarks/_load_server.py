"""
A service that implements the protocol without recognizing anything, at almost no cost.

Every 200 ms of audio (or `--word-ms`) produce a result, in frames of whatever size: a sentence that
grows by a word and is final at its tenth. The last word of a result contains its number, which
identifies the audio it belongs to; its times are those of words of 200 ms. WebSocket frames are
parsed by hand, and audio is not even unmasked. Any key is accepted.

Controlled through standard input; see `_bench.control`.
"""

import argparse
import asyncio
import base64
import hashlib
import json
from collections.abc import Callable
from functools import cache
from typing import cast

from _bench import FRAME_BYTES, FRAME_MS, allow_sockets, control

_GUID = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11"
_TEXT, _BINARY, _CLOSE, _PING, _PONG = 1, 2, 8, 9, 10
_WORDS = 10  # of a sentence
_WORD_MS = 200


class LoadConnection(asyncio.Protocol):
    """
    A connection in the server's role.

    Args:
        frames_of_word: Audio of each word, in units of 100 ms.
        finals_only: Send final results only, one for ten words.
        ends_sentences: Send the sentence in progress as a final result when the task is finished.
        note: Called for each 100 ms of audio.
    """

    def __init__(
        self,
        *,
        frames_of_word: int,
        finals_only: bool,
        ends_sentences: bool,
        note: Callable[[], object],
    ) -> None:
        self._frames_of_word = frames_of_word
        self._frames_of_result = frames_of_word * (_WORDS if finals_only else 1)
        self._ends_sentences = ends_sentences
        self._note = note
        self._buffer = bytearray()
        self._parse = self._shake_hands
        self._task_id = b""
        self._frames = 0  # of 100 ms
        self._size = 0  # of the audio beyond them

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Store the transport."""
        self._transport = cast("asyncio.Transport", transport)

    def data_received(self, data: bytes) -> None:
        """Parse all complete frames."""
        self._buffer += data
        while self._parse():
            pass

    def _shake_hands(self) -> bool:
        head, end, rest = self._buffer.partition(b"\r\n\r\n")
        if not end:
            return False
        lines = (line.partition(b":") for line in bytes(head).split(b"\r\n")[1:])
        headers = {name.strip().lower(): value.strip() for name, _, value in lines}
        digest = hashlib.sha1(headers[b"sec-websocket-key"] + _GUID).digest()  # noqa: S324 - RFC 6455
        self._transport.write(
            b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
            b"Sec-WebSocket-Accept: " + base64.b64encode(digest) + b"\r\n\r\n"
        )
        self._buffer = rest
        self._parse = self._take_frame
        return True

    def _take_frame(self) -> bool:
        buffer = self._buffer
        if len(buffer) < 6:
            return False
        size, mask = buffer[1] & 0x7F, 2
        if size > 125:
            mask = 4 if size == 126 else 10
            size = int.from_bytes(buffer[2:mask], "big")
        end = mask + 4 + size
        if len(buffer) < end:
            return False
        kind = buffer[0] & 0x0F
        if kind == _BINARY:
            self._take_audio(size)
        else:
            self._take_other(kind, _unmasked(buffer[mask : mask + 4], buffer[mask + 4 : end]))
        del buffer[:end]
        return True

    def _take_audio(self, size: int) -> None:
        self._size += size
        while self._size >= FRAME_BYTES:
            self._size -= FRAME_BYTES
            self._note()
            self._frames += 1
            if self._frames % self._frames_of_result == 0:
                words = self._frames // self._frames_of_word
                self._send_event(b"result-generated", result_payload(words))

    def _take_other(self, kind: int, data: bytes) -> None:
        if kind == _TEXT:
            self._take_command(json.loads(data)["header"])
        elif kind == _PING:
            self._send(_PONG, data)
        elif kind == _CLOSE:
            self._send(_CLOSE, data)
            self._transport.close()

    def _take_command(self, header: dict[str, str]) -> None:
        if header["action"] == "run-task":
            self._task_id = header["task_id"].encode()
            self._frames = self._size = 0
            self._send_event(b"task-started", b"{}")
        else:
            words = self._frames // self._frames_of_word
            if self._ends_sentences and words % _WORDS:
                self._send_event(b"result-generated", result_payload(words, is_last=True))
            self._send_event(b"task-finished", b'{"output":{},"usage":null}')

    def _send_event(self, event: bytes, payload: bytes) -> None:
        head = b'{"header":{"task_id":"%b","event":"%b","attributes":{}},' % (self._task_id, event)
        self._send(_TEXT, b'%b"payload":%b}' % (head, payload))

    def _send(self, kind: int, data: bytes) -> None:
        size = len(data)
        length = bytes((size,)) if size < 126 else b"\x7e" + size.to_bytes(2, "big")
        self._transport.write(bytes((0x80 | kind,)) + length + data)


@cache
def result_payload(number: int, *, is_last: bool = False) -> bytes:
    """Return the payload of the result that ends with word *number*, counted from 1."""
    first = (number - 1) // _WORDS * _WORDS + 1
    words = [_word(each) for each in range(first, number + 1)]
    is_final = is_last or len(words) == _WORDS
    sentence = {
        "sentence_id": first // _WORDS + 1,
        "begin_time": words[0]["begin_time"],
        "end_time": words[-1]["end_time"] if is_final else None,
        "text": "".join(str(word["text"]) for word in words),
        "heartbeat": False,
        "sentence_end": is_final,
        "words": words,
    }
    usage = {"duration": number * _WORD_MS // 1000} if is_final else None
    payload = {"output": {"sentence": sentence}, "usage": usage}
    return json.dumps(payload, ensure_ascii=False, separators=(",", ":")).encode()


def _word(number: int) -> dict[str, str | int]:
    end = number * _WORD_MS
    text = f"语音-{number:04}"
    return {"begin_time": end - _WORD_MS, "end_time": end, "text": text, "punctuation": ""}


def _unmasked(mask: bytes | bytearray, data: bytes | bytearray) -> bytes:
    return bytes(byte ^ mask[place % 4] for place, byte in enumerate(data))


async def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--finals-only", action="store_true", help="send final results only")
    parser.add_argument("--end-sentences", action="store_true", help="when a task is finished")
    parser.add_argument("--word-ms", type=int, default=_WORD_MS, help="audio of each word")
    options = parser.parse_args()
    frames = 0

    def note() -> None:
        nonlocal frames
        frames += 1

    allow_sockets()
    loop = asyncio.get_running_loop()
    server = await loop.create_server(
        lambda: LoadConnection(
            frames_of_word=options.word_ms // FRAME_MS,
            finals_only=options.finals_only,
            ends_sentences=options.end_sentences,
            note=note,
        ),
        "127.0.0.1",
        0,
    )
    port = server.sockets[0].getsockname()[1]
    await control(f"ws://127.0.0.1:{port}/api-ws/v1/inference", lambda: frames)


if __name__ == "__main__":
    asyncio.run(main())
