"""
Transcribe files in the workers of Celery, with the blocking client.

    pip install "celery[redis]"
    celery --app celery_tasks --workdir examples worker

    from celery_tasks import transcribe
    transcribe.delay("/shared/meeting.mp3").get()

The `Recognizer` is made before the workers are forked, and opens in each with its first use. The
connection to the service is replaced when it is lost, so a task is repeated only after a failure
that may pass, such as an outage that lasted longer than `Reconnect.keep`.
"""

import os
from typing import Any

from celery import Celery

from paraformer_async import ServiceError
from paraformer_async.sync import Recognizer

url = os.environ.get("CELERY_BROKER_URL", "redis://localhost")
app = Celery("celery_tasks", broker=url, backend=os.environ.get("CELERY_RESULT_BACKEND", url))
app.config_from_envvar("CELERY_CONFIG_MODULE", silent=True)
recognizer = Recognizer()


@app.task(bind=True, max_retries=3, acks_late=True)
def transcribe(task: Any, path: str) -> dict[str, Any]:
    """Return the text of a file, and its captions."""
    try:
        transcript = recognizer.transcribe(path)
    except ServiceError as error:
        if not error.retryable:
            raise
        raise task.retry(exc=error, countdown=error.retry_after or 30.0) from error
    return {
        "text": transcript.text,
        "srt": transcript.to_srt(),
        "request_id": transcript.request_id,
    }
