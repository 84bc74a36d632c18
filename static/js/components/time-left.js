/**
 * `<time-left data-until="seconds since 1970">`: a countdown. With `data-announce` it speaks up at
 * five minutes, at one, and at the end; a countdown that is read out every second helps nobody.
 *
 * Fires `countersign:time-over` once, when the time has ended while the page was open.
 */

import { inWords, spoken } from "../lib/duration.js";
import { TickingElement } from "./ticking.js";

const ANNOUNCED = [300, 60, 0];

class TimeLeft extends TickingElement {
  lastShown = Infinity;

  connectedCallback() {
    this.setAttribute("role", "timer");
    super.connectedCallback();
  }

  update() {
    const left = Math.max(0, Math.ceil(Number(this.dataset.until) - Date.now() / 1000));
    const words = inWords(left);
    if (this.textContent !== words) this.textContent = words;
    this.toggleAttribute("data-soon", left <= 300);
    if (this.lastShown !== Infinity) this.passed(left);
    this.lastShown = left;
  }

  /** @param {number} left */
  passed(left) {
    if (left === 0 && this.lastShown > 0) this.dispatchEvent(new CustomEvent("countersign:time-over", { bubbles: true }));
    if (!this.hasAttribute("data-announce")) return;
    const mark = ANNOUNCED.find((seconds) => left <= seconds && this.lastShown > seconds);
    const region = document.querySelector('[data-part="announce"]');
    if (mark !== undefined && region !== null) region.textContent = spoken(mark);
  }
}

customElements.define("time-left", TimeLeft);
