/**
 * `<lapsing-claim data-until="seconds since 1970">`: somebody's claim, which lapses by itself.
 *
 * Fires `countersign:lapsed` when its time is over, and again until the page has fetched what is true now: this
 * device's clock may run ahead of the server's.
 */

const PAUSE_MS = 1000;
const AGAIN_MS = 5000;

export class LapsingClaim extends HTMLElement {
  timer = 0;

  connectedCallback() {
    if (this.dataset.until !== undefined) this.wait(Math.max(0, Number(this.dataset.until) * 1000 - Date.now()) + PAUSE_MS);
  }

  disconnectedCallback() {
    clearTimeout(this.timer);
  }

  /** @param {number} milliseconds */
  wait(milliseconds) {
    this.timer = window.setTimeout(() => {
      this.wait(AGAIN_MS);
      this.dispatchEvent(new CustomEvent("countersign:lapsed", { bubbles: true }));
    }, milliseconds);
  }
}

customElements.define("lapsing-claim", LapsingClaim);
