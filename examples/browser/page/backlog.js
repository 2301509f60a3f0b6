/** The audio that no final text covers yet: what another connection would have to send again. */

const SAMPLES = 16; // in 1 ms
const KEPT = 60_000; // ms, at most

export class Backlog {
  #frames = []; // { begin, end, samples }, in ms since the microphone was opened
  #end = 0;
  #addedAt = 0;

  get end() {
    return this.#end;
  }

  /** Where the audio that is kept begins, in ms. */
  get begin() {
    return this.#frames[0]?.begin ?? this.#end;
  }

  add(samples) {
    const begin = this.#end;
    this.#end += samples.length / SAMPLES;
    this.#addedAt = performance.now();
    this.#frames.push({ begin, end: this.#end, samples });
    while (this.#end - this.begin > KEPT) this.#frames.shift();
  }

  /** Return the first frame that begins there or later. */
  from(position) {
    return this.#frames.find((frame) => frame.begin >= position);
  }

  /** Forget the audio up to there. */
  settle(position) {
    while (this.#frames.length && this.#frames[0].end <= position) this.#frames.shift();
    const [first] = this.#frames;
    if (!first || first.begin >= position) return;
    const samples = first.samples.subarray(Math.round((position - first.begin) * SAMPLES));
    this.#frames[0] = { begin: position, end: first.end, samples };
  }

  /** Return how long ago that audio was recorded, in ms. */
  age(position) {
    return this.#end - position + performance.now() - this.#addedAt;
  }
}
