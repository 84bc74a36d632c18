/**
 * `<live-request>`: what changes while a request is open in front of a person: how it stands, the
 * approvals so far, and what came of it. The arguments, the warrant and the decision form never
 * change under their eyes; when somebody else was faster, the form is switched off where it is.
 */

import { fetchFragment } from "./fragment.js";
import { keepStill } from "./keep-still.js";
import { LiveSocket } from "./live-socket.js";

const ENDED = {
  approved: "Enough people have signed.",
  executed: "The call has run.",
  failed: "The call was approved, ran, and failed.",
  denied: "The request was denied.",
  expired: "The request has expired. Nothing runs.",
  withdrawn: "The request was withdrawn. Nothing runs.",
  superseded: "The same call is asked about anew. Nothing runs from here.",
};

const STUCK = "A step takes too long. What came of it says since when, and why.";

class LiveRequest extends HTMLElement {
  turning = 0;
  isDue = false;

  connectedCallback() {
    this.work = Promise.resolve();
    this.socket = new LiveSocket({
      event: (event) => {
        if (event.request === this.dataset.request) this.refresh();
      },
      connected: () => {
        this.say("");
        this.refresh();
      },
      lost: (seconds) => this.say(`Not live. Trying again in ${seconds} s. What you see may be old.`),
      ended: () => this.say("Signed out. Reload the page to sign in again."),
    }, this.dataset.request);
    this.socket.open();
    this.addEventListener("countersign:decided", () => this.refresh());
    this.addEventListener("countersign:time-over", () => this.refresh());
    this.addEventListener("countersign:lapsed", () => this.refresh());
    this.followDecision();
    this.awaitTurn();
  }

  disconnectedCallback() {
    window.clearTimeout(this.turning);
    this.socket?.close();
    this.observer?.disconnect();
  }

  /** Fetch once more after what is being fetched now: many events at once, such as of many people told, are one. */
  refresh() {
    if (this.isDue) return;
    this.isDue = true;
    this.work = this.work
      ?.then(() => {
        this.isDue = false;
        return this.fetchProgress();
      })
      .catch(() => this.say("What came of it could not be fetched. Reload the page to be sure."));
  }

  /** @param {string} words */
  say(words) {
    const line = this.querySelector('[data-part="connection"]');
    if (line !== null && line.textContent !== words) line.textContent = words;
  }

  async fetchProgress() {
    const fragment = await fetchFragment(this.dataset.progressUrl ?? "");
    const { state: before, isStuck: wasStuck } = this;
    keepStill(this, () => {
      for (const fresh of [...fragment.querySelectorAll("[data-live]")]) this.replace(fresh);
    });
    if (this.state !== before) this.changed(this.state);
    if (this.isStuck && !wasStuck) this.announce(STUCK);
    this.awaitTurn();
  }

  /** @param {Element} fresh */
  replace(fresh) {
    const shown = document.getElementById(fresh.id);
    if (shown === null || shown.isEqualNode(fresh)) return;
    const details = shown.querySelector("details");
    if (details !== null) fresh.querySelector("details")?.toggleAttribute("open", details.open);
    const focused = shown.contains(document.activeElement) ? document.activeElement?.getAttribute("data-say") : null;
    shown.replaceWith(fresh);
    if (focused) /** @type {HTMLElement | null} */ (fresh.querySelector(`[data-say="${focused}"]`))?.focus({ preventScroll: true });
  }

  get state() {
    return document.getElementById("standing")?.dataset.state ?? "";
  }

  get isStuck() {
    return document.getElementById("progress")?.hasAttribute("data-stuck") ?? false;
  }

  /** A step that takes too long turns to "stuck" though nothing happens that would tell of it: fetch it then. */
  awaitTurn() {
    window.clearTimeout(this.turning);
    const seconds = Number(document.getElementById("progress")?.dataset.turnsIn ?? 0);
    if (seconds > 0) this.turning = window.setTimeout(() => this.refresh(), seconds * 1000);
  }

  /** @param {string} words */
  announce(words) {
    const region = this.querySelector('[data-part="announce"]');
    if (region !== null) region.textContent = words;
  }

  /** @param {string} state */
  changed(state) {
    const words = /** @type {Record<string, string>} */ (ENDED)[state];
    if (words !== undefined) this.announce(words);
    if (state === "open") return;
    this.switchOff();
    this.querySelector('[data-part="thumb-bar"]')?.toggleAttribute("hidden", true);
  }

  /** Nothing can be sent any more; what was typed can still be read and copied. */
  switchOff() {
    const reason = this.querySelector("textarea[name='reason']");
    if (reason instanceof HTMLTextAreaElement) reason.readOnly = true;
    for (const part of this.querySelector('[data-part="form"]')?.children ?? []) {
      part.toggleAttribute("inert", !part.contains(reason));
    }
  }

  /** The bar that leads a thumb to the decision is not needed where the decision is. */
  followDecision() {
    const bar = this.querySelector('[data-part="thumb-bar"]');
    const decision = this.querySelector(".part--decision");
    if (bar === null || decision === null) return;
    this.observer = new IntersectionObserver((entries) => {
      const isReached = entries.some((entry) => entry.isIntersecting || entry.boundingClientRect.top < 0);
      bar.toggleAttribute("data-away", isReached);
    });
    this.observer.observe(decision);
  }
}

customElements.define("live-request", LiveRequest);
