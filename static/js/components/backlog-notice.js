/**
 * The queue's notice that decisions wait for delivery. Where nothing waits, next to nothing is asked: it is looked for
 * when the page connects, some seconds after a decision, and, while it is shown, every few seconds, since whoever would
 * tell may be away.
 */

import { fetchFragment } from "./fragment.js";

const DECIDED = ["approval.granted", "approval.denied"];
const DELIVERY = "delivery.";
// A little longer than a delivery may take before people are told (LATE in approvals/delivery/queries.py).
const LATE_MS = 6000;
const AGAIN_MS = 5000;

export class BacklogNotice {
  timer = 0;
  /** When the newest decision would be late, in the page's milliseconds. */
  lateAt = 0;

  /** @param {(fragment: DocumentFragment) => Promise<void>} show puts the notice in its place when that disturbs nobody */
  constructor(show) {
    this.show = show;
  }

  stop() {
    window.clearTimeout(this.timer);
  }

  /** @param {string} kind of a live event */
  heard(kind) {
    if (kind.startsWith(DELIVERY) && this.isShown) this.look();
    if (!DECIDED.includes(kind)) return;
    this.lateAt = performance.now() + LATE_MS;
    if (this.timer === 0) this.lookIn(LATE_MS);
  }

  async look() {
    window.clearTimeout(this.timer);
    await fetchFragment(`${location.pathname}backlog/`).then(this.show).catch(() => {});
    const owed = this.lateAt - performance.now();
    this.lookIn(this.isShown ? AGAIN_MS : owed);
  }

  /** @param {number} milliseconds none or less: not at all */
  lookIn(milliseconds) {
    window.clearTimeout(this.timer);
    this.timer = milliseconds > 0 ? window.setTimeout(() => this.look(), milliseconds) : 0;
  }

  get isShown() {
    return Number(document.getElementById("backlog")?.dataset.waiting ?? 0) > 0;
  }
}
