/** The queue by keyboard: `j` `k` to move, `enter` to open (the link's own), `?` for help. */

const SWITCH = "countersign.queue-keys";

export class QueueKeys {
  /** @param {HTMLElement} queue */
  constructor(queue) {
    this.queue = queue;
    this.dialog = /** @type {HTMLDialogElement} */ (queue.querySelector('[data-part="keys"]'));
    this.toggle = /** @type {HTMLInputElement} */ (queue.querySelector('[data-part="keys-on"]'));
    this.toggle.checked = localStorage.getItem(SWITCH) !== "off";
    this.toggle.addEventListener("change", () => localStorage.setItem(SWITCH, this.toggle.checked ? "on" : "off"));
    queue.querySelector('[data-part="help"]')?.addEventListener("click", () => this.dialog.showModal());
    this.listener = (/** @type {KeyboardEvent} */ event) => this.pressed(event);
    document.addEventListener("keydown", this.listener);
  }

  stop() {
    document.removeEventListener("keydown", this.listener);
  }

  /** @param {KeyboardEvent} event */
  pressed(event) {
    if (!this.toggle.checked || event.ctrlKey || event.metaKey || event.altKey || this.dialog.open) return;
    if (event.target instanceof HTMLElement && event.target.matches("input:not([type=radio]), select, textarea")) return;
    if (event.key === "j") this.move(1);
    else if (event.key === "k") this.move(-1);
    else if (event.key === "?") this.dialog.showModal();
    else return;
    event.preventDefault();
  }

  /** @param {number} step */
  move(step) {
    const links = /** @type {HTMLAnchorElement[]} */ ([...this.queue.querySelectorAll(".card-title a")]);
    if (links.length === 0) return;
    const now = links.indexOf(/** @type {HTMLAnchorElement} */ (document.activeElement));
    const next = now === -1 ? (step > 0 ? 0 : links.length - 1) : Math.min(links.length - 1, Math.max(0, now + step));
    links[next]?.focus();
  }
}
