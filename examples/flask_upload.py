"""
A Flask service that transcribes uploads, with the blocking client.

    pip install flask
    flask --app examples/flask_upload run
    curl -F audio=@examples/audio/goforward.wav http://127.0.0.1:5000/transcribe

One `Recognizer` serves all threads, and opens with its first use, also in the workers of gunicorn.
With `paraformer-async serve` in another terminal, its two variables point this service at it.
"""

from typing import Any

from flask import Flask, request

from paraformer_async import AudioError, ParaformerError
from paraformer_async.sync import Recognizer

app = Flask(__name__)
recognizer = Recognizer()


@app.post("/transcribe")
def transcribe() -> tuple[dict[str, Any], int]:
    upload = request.files.get("audio")
    if upload is None:
        return {"error": "send a file in the field `audio`"}, 400
    try:
        transcript = recognizer.transcribe(upload.stream)
    except AudioError as error:  # the upload is no audio: what to do is in the text
        return {"error": str(error)}, 415
    except ParaformerError as error:
        app.logger.warning("a recognition has failed: %s", error)
        return {"error": type(error).__name__}, 502
    return {
        "text": transcript.text,
        "srt": transcript.to_srt(),
        "seconds": transcript.duration,
    }, 200
