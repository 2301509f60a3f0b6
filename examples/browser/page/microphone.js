/** The microphone, as frames of 16-bit PCM, 16 kHz, mono. */

const REASONS = {
  NotAllowedError: ["The microphone was refused.", "Allow it in the settings of this site."],
  NotFoundError: ["There is no microphone.", "Connect one, and start again."],
  NotReadableError: ["The microphone cannot be read.", "Does another program use it?"],
  SecurityError: ["This page must not use the microphone.", "Open it on localhost, or with https."],
  AbortError: ["The service cannot be reached.", "Start again in a moment."], // the worklet
  ended: ["The microphone was disconnected.", "Connect it, and start again."],
};

const LONGEST_END = 1_000; // ms

export class MicrophoneError extends Error {
  constructor(cause) {
    const [message, hint] = REASONS[cause.name] ?? [cause.message, "Reload the page."];
    super(message, { cause });
    this.hint = hint;
  }
}

export class Microphone {
  #context = new AudioContext(); // in the click that starts: otherwise, Safari does not run it
  #media = null;
  #recorder = null;
  #ended = Promise.withResolvers();

  /** From now on, call `onFrame` with up to 100 ms, and `onLost` with an error if there is no more. */
  async open(onFrame, onLost) {
    try {
      await this.#record(onFrame, () => onLost(new MicrophoneError({ name: "ended" })));
    } catch (error) {
      this.#release();
      throw new MicrophoneError(error);
    }
  }

  /** Stop recording; `onFrame` is called with what is left before this returns. */
  async close() {
    if (!this.#recorder) return;
    this.#recorder.port.postMessage("end");
    setTimeout(this.#ended.resolve, LONGEST_END);
    await this.#ended.promise;
    this.#release();
  }

  async #record(onFrame, onLost) {
    if (!navigator.mediaDevices) throw new DOMException("not a secure context", "SecurityError");
    await this.#context.audioWorklet.addModule("recorder.js");
    await this.#context.resume();
    this.#recorder = new AudioWorkletNode(this.#context, "recorder");
    this.#recorder.port.onmessage = ({ data }) => (data ? onFrame(data) : this.#ended.resolve());
    // Its output is silent, but a node that leads nowhere may never run.
    this.#recorder.connect(this.#context.destination);
    // Last, so that nothing that is spoken comes too early.
    this.#media = await navigator.mediaDevices.getUserMedia({
      audio: { channelCount: 1, echoCancellation: false, noiseSuppression: false },
    });
    this.#media.getAudioTracks()[0].onended = onLost;
    this.#context.createMediaStreamSource(this.#media).connect(this.#recorder);
  }

  #release() {
    this.#recorder = null;
    this.#media?.getTracks().forEach((track) => track.stop());
    this.#context.close();
  }
}
