/**
 * `<live-tree>`: an incident's chain, growing at its end. Lines that a person has opened stay open,
 * and the line that has the focus keeps it.
 */

import { fetchFragment } from "./fragment.js";
import { keepStill } from "./keep-still.js";
import { LiveSocket } from "./live-socket.js";

class LiveTree extends HTMLElement {
  connectedCallback() {
    this.work = Promise.resolve();
    this.socket = new LiveSocket({
      event: (event) => {
        if (event.chain === this.dataset.chain) this.refresh();
      },
      connected: () => {
        this.say("");
        this.refresh();
      },
      lost: (seconds) => this.say(`Not live. Trying again in ${seconds} s.`),
      ended: () => this.say("Signed out. Reload the page to sign in again."),
    });
    this.socket.open();
  }

  disconnectedCallback() {
    this.socket?.close();
  }

  /** @param {string} words */
  say(words) {
    const line = this.querySelector('[data-part="connection"]');
    if (line !== null && line.textContent !== words) line.textContent = words;
  }

  refresh() {
    this.work = this.work
      ?.then(() => this.fetchTree())
      .catch(() => this.say("New entries could not be fetched. Reload the page to be sure."));
  }

  async fetchTree() {
    const fragment = await fetchFragment(this.dataset.treeUrl ?? "");
    const fresh = /** @type {HTMLElement | null} */ (fragment.querySelector("#tree"));
    const shown = /** @type {HTMLElement | null} */ (this.querySelector("#tree"));
    if (fresh === null || shown === null || fresh.dataset.size === shown.dataset.size) return;
    const added = [...fresh.querySelectorAll(".tree-line")].filter((line) => shown.querySelector(`#${line.id}`) === null);
    for (const line of added) line.toggleAttribute("data-new", true);
    for (const open of shown.querySelectorAll("details[open]")) {
      fresh.querySelector(`#${open.id}`)?.toggleAttribute("open", true);
    }
    const focused = document.activeElement?.closest("details")?.id;
    keepStill(this, () => shown.replaceWith(fresh));
    const summary = focused ? /** @type {HTMLElement | null} */ (this.querySelector(`#${focused} > summary`)) : null;
    summary?.focus({ preventScroll: true });
    this.announce(added);
  }

  /** @param {Element[]} added */
  announce(added) {
    const region = this.querySelector('[data-part="announce"]');
    const titles = added.map((line) => line.querySelector(".tree-title")?.textContent?.trim() ?? "");
    if (region !== null && titles.length > 0) region.textContent = titles.join(". ");
  }
}

customElements.define("live-tree", LiveTree);
