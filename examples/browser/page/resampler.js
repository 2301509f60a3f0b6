/**
 * Changes the sample rate of a stream: a polyphase filter, a sinc under a Kaiser window.
 *
 * Everything from half the lower rate on is attenuated by 90 dB; up to 91 % of that, nothing
 * changes. Source: J. O. Smith, "Digital Audio Resampling".
 */

const ZERO_CROSSINGS = 64; // on each side, at the lower rate
const CUTOFF = 0.955; // relative to half the lower rate; the transition band is around it
const BETA = 8.96; // of the Kaiser window: 90 dB

export class Resampler {
  #phases; // places between two input samples where an output sample may be
  #step; // from one output sample to the next, in such places
  #filters; // one for each place
  #samples; // what the next output samples need
  #place = 0; // of the next output sample

  /** Both rates are whole numbers, in Hz. */
  constructor(from, to) {
    const divisor = greatestCommonDivisor(from, to);
    this.#phases = to / divisor;
    this.#step = from / divisor;
    const half = Math.ceil(ZERO_CROSSINGS * Math.max(1, from / to));
    const cutoff = CUTOFF * Math.min(1, to / from);
    this.#filters = Array.from({ length: this.#phases }, (_, phase) =>
      filter(half, cutoff, phase / this.#phases),
    );
    this.#samples = new Float32Array(half - 1);
  }

  /** Take the next samples, any number of them, and return those that follow from them. */
  process(input) {
    const samples = concatenated(this.#samples, input);
    const length = this.#filters[0].length;
    const output = [];
    let first = Math.floor(this.#place / this.#phases);
    while (first + length <= samples.length) {
      output.push(product(this.#filters[this.#place % this.#phases], samples, first));
      this.#place += this.#step;
      first = Math.floor(this.#place / this.#phases);
    }
    const used = Math.min(first, samples.length);
    this.#samples = samples.slice(used);
    this.#place -= used * this.#phases;
    return output;
  }
}

/** Return the weights of the samples around a place that is a fraction of a sample after one. */
function filter(half, cutoff, fraction) {
  const weights = Float64Array.from({ length: 2 * half }, (_, index) => {
    const time = index - (half - 1) - fraction;
    return sinc(cutoff * time) * kaiser(time / half);
  });
  const sum = weights.reduce((total, weight) => total + weight);
  return weights.map((weight) => weight / sum);
}

function product(weights, samples, first) {
  let sum = 0;
  for (let index = 0; index < weights.length; index++) sum += weights[index] * samples[first + index];
  return sum;
}

function concatenated(one, other) {
  const both = new Float32Array(one.length + other.length);
  both.set(one);
  both.set(other, one.length);
  return both;
}

function sinc(x) {
  return x === 0 ? 1 : Math.sin(Math.PI * x) / (Math.PI * x);
}

/** Return the Kaiser window, but for a factor. */
function kaiser(x) {
  return bessel(BETA * Math.sqrt(Math.max(0, 1 - x * x)));
}

/** Return the modified Bessel function of the first kind, of order 0. */
function bessel(x) {
  let sum = 1;
  for (let term = 1, k = 1; term > sum * 1e-12; k++) sum += term *= (x / (2 * k)) ** 2;
  return sum;
}

function greatestCommonDivisor(a, b) {
  return b === 0 ? a : greatestCommonDivisor(b, a % b);
}
