/**
 * `<slow-approval>`: holds the Approve button until there was time to read, the name that the policy asks for is
 * typed, and the hour has room for one more. The server checks the same. Denying never waits.
 */

import { inWords } from "../lib/duration.js";
import { postForJson } from "./post.js";
import { sentenceOf } from "./states.js";

const AGAIN_MS = 5000;
const OVER = "The wait is over.";

class SlowApproval extends HTMLElement {
  /** Milliseconds of `performance.now()` at which the time to read is over. */
  readAt = 0;
  /** UTC milliseconds before which nothing more may be approved. */
  nextAt = 0;
  timer = 0;
  trouble = "";
  isHeld = false;
  wasWaiting = false;

  connectedCallback() {
    this.readAt = this.seconds > 0 ? Infinity : 0;
    this.nextAt = Number(this.dataset.next ?? 0) * 1000;
    this.typed?.addEventListener("input", () => this.update());
    // Typing a name is one thing, approving another: enter does not do both.
    this.typed?.addEventListener("keydown", (event) => {
      if (event.key === "Enter") event.preventDefault();
    });
    this.update();
    this.timer = window.setInterval(() => this.update(), 250);
    this.seen = () => this.begin();
    document.addEventListener("visibilitychange", this.seen);
    this.begin();
  }

  disconnectedCallback() {
    clearInterval(this.timer);
    if (this.seen) document.removeEventListener("visibilitychange", this.seen);
  }

  get seconds() {
    return Number(this.dataset.seconds);
  }

  get typed() {
    return /** @type {HTMLInputElement | null} */ (this.querySelector("input[name='confirmation']"));
  }

  /** A page that nobody sees is not being read. */
  begin() {
    if (this.readAt === Infinity && document.visibilityState === "visible") this.beginReading();
  }

  async beginReading() {
    try {
      const { seconds_ago: ago } = await postForJson(this.dataset.openingUrl ?? "", {}, document);
      this.readAt = performance.now() + (this.seconds - ago) * 1000;
      this.trouble = "";
    } catch (error) {
      this.trouble = sentenceOf(error);
      window.setTimeout(() => this.begin(), AGAIN_MS);
    }
    this.update();
  }

  update() {
    const toRead = Math.ceil((this.readAt - performance.now()) / 1000);
    const toNext = Math.ceil((this.nextAt - Date.now()) / 1000);
    const isWaiting = toRead > 0 || toNext > 0;
    this.sayWait(toRead, toNext);
    this.hold(isWaiting || !this.isConfirmed);
    if (this.wasWaiting && !isWaiting) this.named("ready").textContent = OVER;
    this.wasWaiting = isWaiting;
  }

  get isConfirmed() {
    return this.typed === null || this.typed.value.trim() === (this.typed.dataset.wanted ?? "").trim();
  }

  /** @param {number} toRead @param {number} toNext seconds, or Infinity */
  sayWait(toRead, toNext) {
    const line = this.named("wait");
    let words = "";
    if (toRead > 0) words = Number.isFinite(toRead) ? `Time to read: ${inWords(toRead)}. Denying does not wait.` : this.trouble || "Time to read begins…";
    if (toNext > Math.max(toRead, 0)) words = `Until your next approval: ${inWords(toNext)}. Denying does not wait.`;
    // The line stays where it is: nothing moves under a finger that is on its way to the button.
    if (words === "" && line.textContent !== "") words = OVER;
    line.hidden = words === "";
    if (line.textContent !== words) line.textContent = words;
  }

  /** @param {boolean} isHeld */
  hold(isHeld) {
    const button = this.closest("form")?.querySelector("button[value='approve']");
    if (!(button instanceof HTMLButtonElement) || (isHeld === this.isHeld && button.hasAttribute("data-hold") === isHeld)) return;
    this.isHeld = isHeld;
    button.toggleAttribute("data-hold", isHeld);
    const decision = /** @type {HTMLElement | null} */ (this.closest("sign-decision"));
    button.disabled = isHeld || decision?.dataset.state !== "ready";
  }

  /** @param {string} name */
  named(name) {
    return /** @type {HTMLElement} */ (this.querySelector(`[data-part="${name}"]`));
  }
}

customElements.define("slow-approval", SlowApproval);
