/** What the page shows, and its button. */

const STATES = {
  idle: ["Ready", "Start"],
  starting: ["Waiting for the microphone", "Start"],
  connecting: ["Connecting", "Stop"],
  live: ["Listening", "Stop"],
  lost: ["Reconnecting", "Stop"],
  finishing: ["Finishing", "Stop"],
};
const CANNOT_CLICK = ["starting", "finishing"];
const UNREACHABLE = {
  message: "The service cannot be reached.",
  hint: "The audio is kept, and the page keeps trying to connect.",
};
const QUIET = -60; // dB of full scale, where the meter begins

const find = (id) => document.getElementById(id);

export class View {
  onStart = () => {};
  onStop = () => {};
  #state = "idle";
  #began = null; // when the newest sentence began
  #finals = new Map(); // paragraphs by the ids of their sentences

  constructor() {
    find("button").onclick = () => (this.#state === "idle" ? this.onStart() : this.onStop());
    find("button").disabled = false;
  }

  starting() {
    this.#alert({ message: "", hint: "" });
    this.#become("starting");
  }

  connecting() {
    this.#become("connecting");
  }

  connected() {
    this.#alert({ message: "", hint: "" });
    if (this.#state !== "finishing") this.#become("live");
  }

  disconnected() {
    this.#alert(UNREACHABLE);
    if (this.#state !== "finishing") this.#become("lost");
  }

  finishing(error) {
    if (error) this.#alert(error);
    this.#become("finishing");
  }

  ended() {
    const unfinished = find("partial").textContent;
    if (unfinished) this.#add(this.#began, unfinished).className = "unfinished";
    this.#partial("", "");
    this.#become("idle");
    this.level([]);
  }

  /** Show the loudness of some samples of 16 bits. */
  level(samples) {
    const power = samples.reduce((sum, sample) => sum + (sample / 32768) ** 2, 0) / samples.length;
    const loudness = Math.max(0, Math.min(1, 1 - (10 * Math.log10(power)) / QUIET)) || 0;
    find("level").style.setProperty("--level", loudness);
    find("level").ariaValueNow = Math.round(100 * loudness);
  }

  show(result) {
    this.#began = result.began;
    if (result.begins) find("first").textContent = seconds(result.delay);
    if (!result.final) {
      this.#partial(result.text, result.stable);
      return;
    }
    this.#partial("", "");
    find("last").textContent = seconds(result.delay);
    const paragraph = result.replaces && this.#finals.get(result.id);
    if (paragraph) paragraph.lastChild.textContent = result.text;
    else this.#finals.set(result.id, this.#add(result.began, result.text));
  }

  /** Show that so many ms of audio were lost. */
  gap(duration) {
    const began = new Date(Date.now() - duration);
    this.#add(began, `${seconds(duration)} were lost.`).className = "gap";
  }

  #become(state) {
    this.#state = state;
    document.body.dataset.state = state;
    [find("status").textContent, find("button").textContent] = STATES[state];
    find("button").disabled = CANNOT_CLICK.includes(state);
  }

  #alert({ message, hint }) {
    find("message").textContent = message;
    find("hint").textContent = hint;
  }

  /** Show text that may change, except for its beginning. */
  #partial(text, stable) {
    const fixed = text.startsWith(stable) ? stable : "";
    find("stable").textContent = fixed;
    find("unstable").textContent = text.slice(fixed.length);
  }

  #add(began, text) {
    const paragraph = document.createElement("p");
    const time = document.createElement("time");
    time.textContent = began.toLocaleTimeString();
    paragraph.append(time, text);
    find("finals").append(paragraph);
    return paragraph;
  }
}

function seconds(ms) {
  return `${(ms / 1000).toFixed(1)} s`;
}
