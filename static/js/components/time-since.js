/** `<time-since data-since="seconds since 1970">`: how long ago, kept true. It is never read out as it changes. */

import { forWords } from "../lib/duration.js";
import { TickingElement } from "./ticking.js";

class TimeSince extends TickingElement {
  update() {
    const words = forWords(Math.floor(Date.now() / 1000 - Number(this.dataset.since)));
    if (this.textContent !== words) this.textContent = words;
  }
}

customElements.define("time-since", TimeSince);
