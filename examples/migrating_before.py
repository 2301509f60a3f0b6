"""
Before: a program that uses the vendor's SDK, `dashscope`. It is `migrating_after.py` now.

    pip install dashscope
    python examples/migrating_before.py

The key is read from DASHSCOPE_API_KEY, and an address from DASHSCOPE_WEBSOCKET_BASE_URL, if set.
"""

from pathlib import Path

from dashscope.audio.asr import Recognition, RecognitionCallback, RecognitionResult

SPEECH = Path(__file__).parent / "audio" / "goforward.raw"  # s16le mono, 16 kHz
FRAME = 3200  # bytes: 100 ms


class Callback(RecognitionCallback):
    def on_event(self, result: RecognitionResult) -> None:
        sentence = result.get_sentence()
        if RecognitionResult.is_sentence_end(sentence):
            print(sentence["text"])

    def on_error(self, result: RecognitionResult) -> None:
        print("the rest of the speech is lost:", result.message)


recognition = Recognition(
    model="paraformer-realtime-v2", callback=Callback(), format="pcm", sample_rate=16000
)
recognition.start()
audio = SPEECH.read_bytes()
for start in range(0, len(audio), FRAME):
    recognition.send_audio_frame(audio[start : start + FRAME])
recognition.stop()
print(recognition.get_first_package_delay(), "ms to the first result")
