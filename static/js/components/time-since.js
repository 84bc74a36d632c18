/** `<time-since data-since="seconds since 1970">`: how long ago, kept true. It is never read out as it changes. */

import { forWords } from "../lib/duration.js";

/** @type {Set<TimeSince>} */
const shown = new Set();
let ticking = 0;

function tick() {
  for (const element of shown) element.update();
}

class TimeSince extends HTMLElement {
  connectedCallback() {
    shown.add(this);
    this.update();
    if (ticking === 0) ticking = window.setInterval(tick, 1000);
  }

  disconnectedCallback() {
    shown.delete(this);
    if (shown.size > 0) return;
    clearInterval(ticking);
    ticking = 0;
  }

  update() {
    const words = forWords(Math.floor(Date.now() / 1000 - Number(this.dataset.since)));
    if (this.textContent !== words) this.textContent = words;
  }
}

customElements.define("time-since", TimeSince);
