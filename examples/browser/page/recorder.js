/** Runs in the thread of the audio: turns what the microphone records into frames of s16le PCM. */

import { Resampler } from "./resampler.js";

const RATE = 16_000; // Hz
const FRAME = 1_600; // samples: 100 ms

class Recorder extends AudioWorkletProcessor {
  #resampler = new Resampler(sampleRate, RATE);
  #frame = new Int16Array(FRAME);
  #length = 0;
  #isOpen = true;

  constructor() {
    super();
    this.port.onmessage = () => this.#end();
  }

  process([channels]) {
    if (this.#isOpen && channels.length > 0) {
      for (const sample of this.#resampler.process(mixed(channels))) this.#append(sample);
    }
    return this.#isOpen;
  }

  #append(sample) {
    this.#frame[this.#length++] = Math.max(-32768, Math.min(32767, Math.round(sample * 32768)));
    if (this.#length === FRAME) this.#post();
  }

  #post() {
    this.port.postMessage(this.#frame.slice(0, this.#length));
    this.#length = 0;
  }

  /** Post what is left, and then `null`. */
  #end() {
    if (this.#length > 0) this.#post();
    this.port.postMessage(null);
    this.#isOpen = false;
  }
}

function mixed(channels) {
  if (channels.length === 1) return channels[0];
  return channels[0].map((_, index) =>
    channels.reduce((sum, channel) => sum + channel[index], 0) / channels.length,
  );
}

registerProcessor("recorder", Recorder);
