/**
 * `<live-queue>`: the queue, kept true without reloading.
 *
 * An event carries a request's id; the card is fetched and put in its place, most urgent first. A
 * card that was decided stays where it is, changed, until the list is next shown, so that nothing
 * jumps and nobody wonders where it went.
 */

import { BacklogNotice } from "./backlog-notice.js";
import { fetchFragment, swapById } from "./fragment.js";
import "./lapsing-claim.js";
import { keepStill, PointerWatch } from "./keep-still.js";
import { LiveSocket } from "./live-socket.js";
import { QueueKeys } from "./queue-keys.js";
import { QueueNotifier } from "./queue-notifier.js";
import { comesBefore, isWaiting, sameCards } from "./queue-order.js";

const OPENED = "approval.requested";
const NOTIFIED = "request.notified";

class LiveQueue extends HTMLElement {
  wasConnected = false;
  since = "";
  pageTitle = document.title;
  /** @type {Promise<void>} one change at a time, in the order of the events */
  work = Promise.resolve();

  connectedCallback() {
    this.pointer = new PointerWatch(this);
    this.notifier = new QueueNotifier(this.named("notify"));
    this.keys = new QueueKeys(this);
    this.backlog = new BacklogNotice(async (notice) => {
      await this.pointer?.rests();
      const wasShown = this.backlog?.isShown;
      keepStill(this.list, () => swapById(notice));
      // Once: its age, which changes all the time, is for the eyes.
      if (this.backlog?.isShown && !wasShown) this.named("announce").textContent = "Decisions wait for delivery.";
    });
    this.socket = new LiveSocket({
      event: (event) => {
        this.backlog?.heard(event.kind);
        this.inTurn(() => this.changed(event));
      },
      connected: () => this.connected(),
      lost: (seconds) => this.lost(seconds),
      ended: () => this.say("ended", "Signed out. Reload the page to sign in again."),
    });
    this.socket.open();
    this.addEventListener("countersign:lapsed", (event) => this.lapsed(/** @type {Element} */ (event.target)));
    this.addEventListener("htmx:after:swap", () => this.count());
    this.count();
  }

  disconnectedCallback() {
    this.socket?.close();
    this.keys?.stop();
    this.backlog?.stop();
  }

  /**
   * @param {string} name
   * @returns {HTMLElement}
   */
  named(name) {
    return /** @type {HTMLElement} */ (this.querySelector(`[data-part="${name}"]`));
  }

  get list() {
    return /** @type {HTMLElement} */ (this.querySelector("#queue"));
  }

  /** @param {() => Promise<void>} job */
  inTurn(job) {
    this.work = this.work.then(job).catch(() => this.failed());
  }

  connected() {
    const again = this.wasConnected;
    this.wasConnected = true;
    this.say("live", "Live");
    // Something may have happened between the page's rendering and this moment, too.
    this.inTurn(() => this.fetchList(again));
    this.backlog?.look();
  }

  /** @param {number} seconds */
  lost(seconds) {
    const now = new Date().toISOString().slice(11, 16);
    if (this.dataset.state !== "lost") this.since = now;
    this.say("lost", `Not live since ${this.since} UTC. Trying again in ${seconds} s.`);
  }

  failed() {
    this.say("lost", "A change could not be fetched. Reload the page to be sure.");
  }

  /**
   * @param {string} state
   * @param {string} words
   */
  say(state, words) {
    this.dataset.state = state;
    this.named("connection").textContent = words;
  }

  /** @param {import("./live-socket.js").LiveEvent} event */
  async changed(event) {
    // That somebody was told changes no card.
    if (event.request === "" || event.kind === NOTIFIED) return;
    const known = this.card(event.request);
    if (known === null && !this.takesNew()) return this.fetchList(false);
    if (known === null && event.kind !== OPENED) return;
    const card = await this.fetchCard(event.request);
    if (card === null) return;
    if (known !== null) this.replace(known, card);
    else await this.insert(card);
    this.count();
  }

  /** @param {Element} claim */
  lapsed(claim) {
    const request = /** @type {HTMLElement | null} */ (claim.closest(".card"))?.dataset.request ?? "";
    this.inTurn(() => this.changed({ kind: "claim.lapsed", request, chain: "" }));
  }

  /** Whether a new request simply belongs into the list that is shown. */
  takesNew() {
    const { show, query, page, namespace } = this.list.dataset;
    return show === "waiting" && query === "" && page === "1" && namespace === "";
  }

  /** @param {string} id */
  card(id) {
    return /** @type {HTMLElement | null} */ (this.querySelector(`#request-${CSS.escape(id)}`));
  }

  /** @param {string} id */
  async fetchCard(id) {
    const fragment = await fetchFragment(`${location.pathname}${encodeURIComponent(id)}/card/`);
    return /** @type {HTMLElement | null} */ (fragment.querySelector(".card"));
  }

  /**
   * @param {HTMLElement} known
   * @param {HTMLElement} card
   */
  replace(known, card) {
    if (known.dataset.version === card.dataset.version) return;
    const hadFocus = known.contains(document.activeElement);
    this.waiting += Number(isWaiting(card)) - Number(isWaiting(known));
    keepStill(this.list, () => known.replaceWith(card));
    if (hadFocus) card.querySelector("a")?.focus({ preventScroll: true });
  }

  /** @param {HTMLElement} card */
  async insert(card) {
    await this.pointer?.rests();
    if (this.card(card.dataset.request ?? "") !== null) return;
    card.dataset.new = "";
    const cards = this.named("cards");
    const next = [...cards.children].find((other) => comesBefore(card, /** @type {HTMLElement} */ (other)));
    keepStill(this.list, () => {
      this.named("empty").hidden = true;
      cards.insertBefore(card, next ?? null);
    });
    if (!isWaiting(card)) return;
    this.waiting += 1;
    const words = card.dataset.words ?? "";
    this.named("announce").textContent = `New request: ${words}`;
    this.notifier?.tell(words, card.querySelector("a")?.href ?? location.href);
  }

  /** @param {boolean} mayBeStale whether a connection was lost before */
  async fetchList(mayBeStale) {
    const url = new URL("list/", location.origin + location.pathname);
    url.search = location.search;
    if (mayBeStale) this.list.setAttribute("aria-busy", "true");
    const fragment = await fetchFragment(url.href);
    const fresh = /** @type {HTMLElement | null} */ (fragment.querySelector("#queue"));
    if (fresh === null) return;
    await this.pointer?.rests();
    this.list.removeAttribute("aria-busy");
    if (sameCards(this.list, fresh)) return;
    const focused = document.activeElement?.closest(".card")?.id;
    keepStill(this.list, () => this.list.replaceWith(fresh));
    if (focused) document.getElementById(focused)?.querySelector("a")?.focus({ preventScroll: true });
    this.count();
  }

  get waiting() {
    return Number(this.list.dataset.waiting ?? 0);
  }

  set waiting(number) {
    this.list.dataset.waiting = String(Math.max(0, number));
  }

  count() {
    document.title = this.waiting > 0 ? `(${this.waiting}) ${this.pageTitle}` : this.pageTitle;
  }
}

customElements.define("live-queue", LiveQueue);
