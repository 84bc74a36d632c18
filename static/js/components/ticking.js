/** Elements whose words depend on the time: one clock for all of them, and none when there are none. */

/** @type {Set<TickingElement>} */
const shown = new Set();
let ticking = 0;

function tick() {
  for (const element of shown) element.update();
}

export class TickingElement extends HTMLElement {
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

  /** Say what is true now; called when it appears, and every second. */
  update() {}
}
