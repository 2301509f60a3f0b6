/**
 * The way to the service: a WebSocket, and another one when it is lost.
 *
 * Each is a recognition of its own. The next begins with the audio that no final text covers yet, so
 * that nothing is missing, and nothing appears twice.
 */

import { Backlog } from "./backlog.js";

const BYTES = 32; // in 1 ms
const AHEAD = 2_000; // ms of audio that may be on their way; the rest waits here
const SILENT = 30_000; // ms without a message from the service, after which the connection is lost
const FINISH = 20_000; // ms for the last text
const LONGEST_WAIT = 5_000; // ms between two attempts

export class Connection {
  #address;
  #handlers;
  #backlog = new Backlog();
  #socket = null;
  #start = 0; // where the audio of this WebSocket begins, in ms since the microphone was opened
  #sent = 0; // where the audio that was sent ends
  #taken = 0; // where the audio that the service has acknowledged ends
  #settled = 0; // where the last final text ends
  #unsettled = null; // where the sentence begins that is being spoken
  #messageAt = 0;
  #failures = 0;
  #isEnded = false;
  #isFinishing = false;
  #isFinished = false; // the service of this WebSocket knows that there is no more audio
  #timers = [];

  /** The handlers: onOpen, onLost, onResult(result), onGap(ms), and once, onEnd(error or null). */
  constructor(address, handlers) {
    this.#address = address;
    this.#handlers = handlers;
    this.#open();
  }

  send(samples) {
    this.#backlog.add(samples);
    if (this.#isOpen && performance.now() - this.#messageAt > SILENT) this.#lose();
    this.#pump();
  }

  /** There is no more audio; the last results follow, and `onEnd`. */
  finish() {
    this.#isFinishing = true;
    const error = { message: "The last words did not arrive.", hint: "Is the service running?" };
    this.#timers.push(setTimeout(() => this.#end(error), FINISH));
    this.#pump();
  }

  get #isOpen() {
    return this.#socket?.readyState === WebSocket.OPEN;
  }

  #open() {
    const socket = (this.#socket = new WebSocket(this.#address));
    const whileCurrent = (handle) => (event) => socket === this.#socket && handle(event);
    socket.onopen = whileCurrent(() => this.#begin());
    socket.onmessage = whileCurrent(({ data }) => this.#receive(JSON.parse(data)));
    socket.onclose = whileCurrent(() => this.#lose());
  }

  #begin() {
    const begin = this.#backlog.begin;
    const needed = this.#unsettled ?? Math.max(this.#settled, this.#taken);
    if (begin > needed) this.#handlers.onGap(begin - needed);
    this.#start = this.#sent = this.#taken = begin;
    this.#unsettled = null;
    this.#messageAt = performance.now();
    this.#isFinished = false;
    this.#handlers.onOpen();
    this.#pump();
  }

  #pump() {
    if (!this.#isOpen || this.#isFinished) return;
    let frame;
    while ((frame = this.#backlog.from(this.#sent)) && this.#sent < this.#taken + AHEAD) {
      this.#socket.send(frame.samples);
      this.#sent = frame.end;
    }
    if (!frame && this.#isFinishing) {
      this.#socket.send("finish");
      this.#isFinished = true;
    }
  }

  #receive(message) {
    this.#messageAt = performance.now();
    this.#failures = 0;
    if (message.type === "taken") {
      this.#taken += message.bytes / BYTES;
      this.#pump();
    } else if (message.type === "result") this.#show(message);
    else this.#end(message.type === "error" ? message : null);
  }

  #show(result) {
    const begin = this.#start + result.begin;
    const end = this.#start + result.end;
    const age = this.#backlog.age(begin);
    const delay = result.final ? this.#backlog.age(end) : age;
    this.#unsettled = result.final ? null : begin;
    if (result.final) {
      this.#settled = end;
      this.#backlog.settle(end);
    }
    this.#handlers.onResult({ ...result, began: new Date(Date.now() - age), delay });
  }

  #lose() {
    this.#drop();
    this.#handlers.onLost();
    const wait = Math.min(LONGEST_WAIT, 500 * 2 ** this.#failures++);
    this.#timers.push(setTimeout(() => this.#open(), wait * (0.5 + Math.random() / 2)));
  }

  #end(error) {
    if (this.#isEnded) return;
    this.#isEnded = true;
    this.#drop();
    this.#timers.forEach(clearTimeout);
    this.#handlers.onEnd(error);
  }

  #drop() {
    const socket = this.#socket;
    this.#socket = null;
    socket?.close();
  }
}
