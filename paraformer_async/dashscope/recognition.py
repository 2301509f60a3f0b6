"""`Recognition`, a drop-in for the class of the same name in the vendor's SDK."""

import os
import time
import uuid
from collections.abc import Mapping
from pathlib import Path
from typing import IO, Any

from paraformer_async._client.portal import PORTAL
from paraformer_async.dashscope import settings
from paraformer_async.dashscope.callbacks import THREADS, Callbacks
from paraformer_async.dashscope.error import (
    InputDataRequired,
    InputRequired,
    InvalidParameter,
    ModelRequired,
)
from paraformer_async.dashscope.failures import result_of
from paraformer_async.dashscope.header import LARGEST_HEADER, without_header
from paraformer_async.dashscope.results import RecognitionCallback, RecognitionResult
from paraformer_async.dashscope.run import FacadeRun
from paraformer_async.errors import AudioError, ServiceError

__all__ = ["Recognition"]

# Those that the vendor's SDK names in its signatures, in that order.
_NAMED = (
    "disfluency_removal_enabled",
    "diarization_enabled",
    "speaker_count",
    "timestamp_alignment_enabled",
    "special_word_filter",
    "audio_event_detection_enabled",
)


class Recognition:
    """
    One recognition after another: of files with `call`, or of audio that is sent after `start`.

        recognition = Recognition("paraformer-realtime-v2", callback, "pcm", 16000)
        recognition.start()
        recognition.send_audio_frame(frame)
        recognition.stop()

    Connections, reconnection and quota are those of `AsyncRecognizer`: a lost connection loses no
    audio. All recognitions of a process share one event loop, and the threads for callbacks.

    Args:
        model: The model.
        callback: Called with results; needed for `start`.
        format: Format of the audio: pcm, wav, mp3, opus, speex, aac or amr.
        sample_rate: Its rate in Hz.
        workspace: Id of the workspace.
        disfluency_removal_enabled: Drop filler words.
        diarization_enabled: Distinguish speakers.
        speaker_count: How many speakers there are.
        timestamp_alignment_enabled: Align the times of words.
        special_word_filter: Words to replace or to leave out, as JSON.
        audio_event_detection_enabled: Detect events such as applause.
        params: Further parameters of the task, sent as they are. Not a parameter: `api_key`,
            `base_address`, `headers`, `raw_input` (the `input` of the task).

    Raises:
        ModelRequired, InputRequired: An argument that must be given is `None`.
    """

    def __init__(
        self,
        model: str,
        callback: RecognitionCallback | None,
        format: str,
        sample_rate: int,
        workspace: str | None = None,
        disfluency_removal_enabled: bool | None = None,
        diarization_enabled: bool | None = None,
        speaker_count: int | None = None,
        timestamp_alignment_enabled: bool | None = None,
        special_word_filter: str | None = None,
        audio_event_detection_enabled: bool | None = None,
        **params: Any,
    ) -> None:
        if model is None:
            raise ModelRequired("Model is required!")
        for name, value in (("format", format), ("sample_rate", sample_rate)):
            if value is None:
                raise InputRequired(f"{name} is required!")
        self.model = model
        self.format = format
        self.sample_rate = sample_rate
        self.last_request_id: str = uuid.uuid4().hex
        self._workspace = workspace
        self._callback = callback
        self._callbacks = Callbacks()
        self._params: dict[str, Any] = {}
        self._update(
            (
                disfluency_removal_enabled,
                diarization_enabled,
                speaker_count,
                timestamp_alignment_enabled,
                special_word_filter,
                audio_event_detection_enabled,
            ),
            params,
        )
        self._run: FacadeRun | None = None
        self._running = False  # the vendor's name: programs read it, since nothing public says it
        self._has_run = False
        self._started_at = self._first_at = self._stopped_at = self._completed_at = 0.0

    def call(
        self,
        file: str,
        phrase_id: str | None = None,
        disfluency_removal_enabled: bool | None = None,
        diarization_enabled: bool | None = None,
        speaker_count: int | None = None,
        timestamp_alignment_enabled: bool | None = None,
        special_word_filter: str | None = None,
        audio_event_detection_enabled: bool | None = None,
        **params: Any,
    ) -> RecognitionResult:
        """
        Recognize a file, and return all final sentences.

        Args:
            file: The path of the file, whose format is that of the recognition.
            phrase_id: Id of a list of hot words, of v1 models.
            disfluency_removal_enabled: Drop filler words.
            diarization_enabled: Distinguish speakers.
            speaker_count: How many speakers there are.
            timestamp_alignment_enabled: Align the times of words.
            special_word_filter: Words to replace or to leave out, as JSON.
            audio_event_detection_enabled: Detect events such as applause.
            params: Further parameters. All are for this call and those after it.

        Returns:
            The result; its `status_code` is not 200 if the service has failed, or if the file is
            not of the format, in which case nothing was sent.

        Raises:
            InvalidParameter: A recognition is running.
            FileNotFoundError, IsADirectoryError: There is no such file.
            InputDataRequired: The file is empty.
            InvalidOptionError: An option cannot work; nothing was sent.
        """
        if self._running:
            raise InvalidParameter("Speech recognition has been called.")
        path = Path(os.fsdecode(file))
        if not file or not path.exists():  # `Path("")` is the current folder
            raise FileNotFoundError(f"No such file or directory: {file}")
        if path.is_dir():
            raise IsADirectoryError(f"Is a directory: {file}")
        if path.is_file() and not path.stat().st_size:  # a pipe tells no size
            raise InputDataRequired("The supplied file was empty (zero bytes long)")
        self._update(
            (
                disfluency_removal_enabled,
                diarization_enabled,
                speaker_count,
                timestamp_alignment_enabled,
                special_word_filter,
                audio_event_detection_enabled,
            ),
            params,
        )
        self._begin()
        self._running = True
        try:
            with path.open("rb", buffering=0) as audio:
                return self._recognize(audio, phrase_id)
        finally:
            self._running = False

    def start(
        self,
        phrase_id: str | None = None,
        disfluency_removal_enabled: bool | None = None,
        diarization_enabled: bool | None = None,
        speaker_count: int | None = None,
        timestamp_alignment_enabled: bool | None = None,
        special_word_filter: str | None = None,
        audio_event_detection_enabled: bool | None = None,
        **params: Any,
    ) -> None:
        """
        Begin to recognize audio that is sent.

        Args:
            phrase_id: Id of a list of hot words, of v1 models.
            disfluency_removal_enabled: Drop filler words.
            diarization_enabled: Distinguish speakers.
            speaker_count: How many speakers there are.
            timestamp_alignment_enabled: Align the times of words.
            special_word_filter: Words to replace or to leave out, as JSON.
            audio_event_detection_enabled: Detect events such as applause.
            params: Further parameters. All are for this recognition and those after it.

        Raises:
            AssertionError: There is no callback.
            InvalidParameter: A recognition is running.
            InvalidOptionError: An option cannot work.
        """
        callback = self._callback
        if callback is None:  # as the vendor's SDK, whose programs may expect it
            message = "Please set the callback to get the speech recognition result."
            raise AssertionError(message)
        self._require_idle()
        self._update(
            (
                disfluency_removal_enabled,
                diarization_enabled,
                speaker_count,
                timestamp_alignment_enabled,
                special_word_filter,
                audio_event_detection_enabled,
            ),
            params,
        )
        THREADS.start()
        self._begin()
        if self._run is not None and self._run.is_inherited:
            self._callbacks = Callbacks()
        post = self._callbacks.post
        self._run = run = self._make_run(None, phrase_id)
        run.on_result = lambda result: post(lambda: callback.on_event(result))
        run.on_end = lambda error: post(lambda: self._end(run, callback, error))
        with self._callbacks.held_back():
            run.begin()
            self._running = True
            callback.on_open()

    def send_audio_frame(self, buffer: bytes) -> None:
        """
        Send audio. Waits while more than a minute of audio is unsent, except in a callback.

        Raises:
            InvalidParameter: No recognition is running.
            InvalidOptionError: It is no audio: neither bytes nor an array of samples.
            UsageError: The recognition was started before the process was forked.
        """
        run = self._current()
        if not self._started_at:
            self._started_at = _now()
        run.send_or_drop(buffer, wait=not THREADS.is_here)

    def update_context(self, payload_input: Mapping[str, Any]) -> None:
        """
        Replace the context of the running task, for all further audio.

        Args:
            payload_input: The `input` of the task, such as `{"context": "…"}`.

        Raises:
            InvalidParameter: No recognition is running, or the context is `None`.
            UsageError: The recognition was started before the process was forked.
        """
        run = self._current()
        if payload_input is None:
            raise InvalidParameter("Context is required.")
        run.update_input(payload_input)

    def stop(self) -> None:
        """
        End the audio, and wait until all results have been passed on.

        It returns within the time limits of the recognition, unless a callback waits for ever. A
        failure is passed to `on_error`, and not raised.

        Raises:
            InvalidParameter: No recognition is running.
            UsageError: The recognition was started before the process was forked.
        """
        run = self._current()
        self._stopped_at = _now()
        self._running = False
        run.finish_soon()
        self._callbacks.wait(run.is_over)
        if run.error is None and self._callback is not None:
            self._callback.on_close()

    def get_last_request_id(self) -> str:
        """Return the id of the latest task; known from the beginning."""
        return self._run.request_id if self._run else self.last_request_id

    def get_first_package_delay(self) -> float:
        """Return the ms from the first audio to the first result with text; 0 if not known."""
        return self._first_at - self._started_at if self._started_at and self._first_at else 0.0

    def get_last_package_delay(self) -> float:
        """Return the ms from the end of the audio to the end of the task; 0 if not known."""
        if not (self._stopped_at and self._completed_at):
            return 0.0
        return self._completed_at - self._stopped_at

    def _require_idle(self) -> None:
        is_here = self._run is None or not self._run.is_inherited
        if self._running and is_here:
            raise InvalidParameter("Speech recognition has started.")

    def _current(self) -> FacadeRun:
        if not self._running or self._run is None:
            raise InvalidParameter("Speech recognition has stopped.")
        self._run.require_here()
        return self._run

    def _begin(self) -> None:
        self._started_at = self._first_at = self._stopped_at = self._completed_at = 0.0
        if self._has_run:
            self.last_request_id = uuid.uuid4().hex
        self._has_run = True

    def _update(self, named: tuple[Any, ...], params: Mapping[str, Any]) -> None:
        """Keep the parameters of a call for those after it; of the *named*, `None` changes none."""
        given = zip(_NAMED, named, strict=True)
        self._params.update((name, value) for name, value in given if value is not None)
        self._params.update(params)

    def _make_run(self, source: IO[bytes] | None, phrase_id: str | None) -> FacadeRun:
        options = settings.options_of(
            {name: value for name, value in self._params.items() if value is not None},
            model=self.model,
            format=self.format,
            sample_rate=self.sample_rate,
            workspace=self._workspace or None,
            phrase_id=phrase_id or None,
        )
        run = FacadeRun(source, options, self.last_request_id)
        run.on_text = self._note_text
        return run

    def _recognize(self, audio: IO[bytes], phrase_id: str | None) -> RecognitionResult:
        results: list[RecognitionResult] = []
        if self.format == "pcm" and audio.seekable():  # not a pipe
            head = audio.read(LARGEST_HEADER)
            audio.seek(len(head) - len(without_header(head, self.sample_rate)))
        self._started_at = self._stopped_at = _now()
        self._run = run = self._make_run(audio, phrase_id)
        run.on_result = results.append
        PORTAL.run(run.serve())
        self._completed_at = _now()
        if isinstance(run.error, ServiceError | AudioError):
            return result_of(run.error, run.request_id)
        if run.error is not None:
            raise run.error
        finals = [one for one in results if one.is_sentence_end(one.get_sentence())]
        return RecognitionResult(
            request_id=run.request_id,
            output={"sentence": [one.get_sentence() for one in finals]} if finals else None,
            usages=[usage for one in finals for usage in one.usages or ()],
        )

    def _note_text(self) -> None:
        if not self._first_at:
            self._first_at = _now()

    def _end(
        self, run: FacadeRun, callback: RecognitionCallback, error: BaseException | None
    ) -> None:
        """Call what ends a recognition; in the thread of callbacks."""
        self._completed_at = _now()
        self._running = False
        try:
            if error is None:
                callback.on_complete()
            else:
                try:
                    callback.on_error(result_of(error, run.request_id))
                finally:
                    callback.on_close()
        finally:
            run.is_over.set()


def _now() -> float:
    """Return the time in ms."""
    return time.time() * 1000
