/** From the microphone over the connection to the captions, between two clicks. */

import { Connection } from "./connection.js";
import { Microphone } from "./microphone.js";
import { View } from "./view.js";

const address = new URL("captions", location.href.replace(/^http/, "ws"));
const view = new View();
let session = null;

class Session {
  #microphone = new Microphone();
  #connection = null;

  async start() {
    view.starting();
    try {
      await this.#microphone.open(
        (samples) => this.#send(samples),
        (error) => this.stop(error),
      );
    } catch (error) {
      this.#end(error);
      return;
    }
    view.connecting();
    this.#connection = new Connection(address, {
      onOpen: () => view.connected(),
      onLost: () => view.disconnected(),
      onResult: (result) => view.show(result),
      onGap: (duration) => view.gap(duration),
      onEnd: (error) => this.#end(error),
    });
  }

  /** Stop recording, and wait for the last words. */
  async stop(error = null) {
    view.finishing(error);
    await this.#microphone.close();
    this.#connection.finish();
  }

  #send(samples) {
    view.level(samples);
    this.#connection.send(samples);
  }

  async #end(error) {
    view.finishing(error);
    await this.#microphone.close();
    view.ended();
    session = null;
  }
}

view.onStart = () => (session = new Session()).start();
view.onStop = () => session.stop();
