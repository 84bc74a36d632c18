/** Nothing moves under a finger that is on its way to a button. */

/**
 * Make a change, then scroll so that whatever the person looks at stays where it was.
 *
 * @param {Element} root what changes inside
 * @param {() => void} change
 */
export function keepStill(root, change) {
  const anchor = scrollY > 0 ? visibleChild(root) : null;
  const before = anchor?.getBoundingClientRect().top ?? 0;
  change();
  if (!anchor?.isConnected) return;
  const moved = anchor.getBoundingClientRect().top - before;
  if (moved !== 0) scrollBy({ top: moved, behavior: "instant" });
}

/** @param {Element} root */
function visibleChild(root) {
  const focused = document.activeElement;
  if (focused !== null && root.contains(focused) && isOnScreen(focused)) return focused;
  return [...root.querySelectorAll("[data-still]")].find(isOnScreen) ?? null;
}

/** @param {Element} element */
function isOnScreen(element) {
  const { top, bottom } = element.getBoundingClientRect();
  return bottom > 0 && top >= 0 && top < innerHeight;
}

/** Whether a pointer is moving or pressed right now, and so may be about to press something. */
export class PointerWatch {
  /**
   * @param {Element} area
   * @param {number} quiet milliseconds without movement that count as rest
   */
  constructor(area, quiet = 700) {
    this.quiet = quiet;
    this.last = -Infinity;
    this.held = false;
    const note = () => {
      this.last = performance.now();
    };
    area.addEventListener("pointermove", note, { passive: true });
    area.addEventListener("pointerdown", () => {
      this.held = true;
      note();
    });
    for (const name of ["pointerup", "pointercancel"]) {
      addEventListener(name, () => {
        this.held = false;
      });
    }
  }

  /** Resolves as soon as the pointer rests. */
  async rests() {
    while (this.held || performance.now() - this.last < this.quiet) {
      await new Promise((resolve) => setTimeout(resolve, 100));
    }
  }
}
