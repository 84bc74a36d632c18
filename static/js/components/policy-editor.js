/**
 * The editor of a policy, and what changes its text beside people's typing.
 *
 * <policy-text> holds the text area. <changed-text for="id" data-text="…"> changes it as soon as it is there,
 * <use-safe-form for="id" data-text="…"> with its button. Either way the caret stays where it was, the line that
 * changed is shown and said, and one step leads back. Nothing is saved.
 */

import { changedLine, keptCaret } from "../lib/edits.js";

class PolicyText extends HTMLElement {
  previous = "";

  connectedCallback() {
    this.undoButton?.addEventListener("click", () => this.undo());
    this.area?.addEventListener("input", (event) => {
      if (event.isTrusted) this.forget();
    });
  }

  get area() {
    return this.querySelector("textarea");
  }

  /** @returns {HTMLButtonElement | null} */
  get undoButton() {
    return this.querySelector("[data-action=undo]");
  }

  /** @param {string} text */
  change(text) {
    const before = this.area?.value ?? "";
    const line = changedLine(before, text);
    if (line === 0) return this.say("The text says so already.");
    this.previous = before;
    this.put(text);
    this.undoButton?.toggleAttribute("hidden", false);
    this.say(`Changed line ${line}: ${text.split("\n")[line - 1]?.trim() ?? ""}`);
  }

  undo() {
    this.put(this.previous);
    this.forget();
    this.say("The text is as it was before.");
    this.area?.focus();
  }

  /** What people typed since cannot be taken back with what a form changed. */
  forget() {
    this.undoButton?.toggleAttribute("hidden", true);
    this.say("");
  }

  /** @param {string} text */
  put(text) {
    const area = this.area;
    if (!area) return;
    const [before, scrolled] = [area.value, area.scrollTop];
    const [start, end] = [area.selectionStart, area.selectionEnd].map((caret) => keptCaret(before, text, caret));
    area.value = text;
    area.setSelectionRange(start ?? 0, end ?? 0);
    area.scrollTop = scrolled;
    this.show(changedLine(before, text));
    // What watches the text looks at it anew.
    area.dispatchEvent(new Event("input", { bubbles: true }));
  }

  /** @param {number} line is brought into view within the text area, if it is not there */
  show(line) {
    const area = this.area;
    if (!area) return;
    const { lineHeight, fontSize } = getComputedStyle(area);
    const height = parseFloat(lineHeight) || parseFloat(fontSize) * 1.5;
    const top = (line - 1) * height;
    if (top < area.scrollTop || top + height > area.scrollTop + area.clientHeight) {
      area.scrollTop = top - area.clientHeight / 3;
    }
  }

  /** @param {string} words */
  say(words) {
    this.querySelector("[data-part=said]")?.replaceChildren(words);
  }
}

/** @param {HTMLElement} element with the editor's id as `for`, and the text */
function changeTextOf(element) {
  const editor = document.getElementById(element.getAttribute("for") ?? "")?.closest("policy-text");
  if (editor instanceof PolicyText) editor.change(element.dataset.text ?? "");
}

class ChangedText extends HTMLElement {
  connectedCallback() {
    changeTextOf(this);
    this.remove();
  }
}

class UseSafeForm extends HTMLElement {
  connectedCallback() {
    const button = this.querySelector("button");
    if (!button) return;
    button.hidden = false;
    button.addEventListener("click", () => {
      changeTextOf(this);
      // The button goes with what it was offered for.
      document.getElementById(this.getAttribute("for") ?? "")?.focus({ preventScroll: true });
    });
  }
}

/** <refused-change>: leads to the field that is wrong. */
class RefusedChange extends HTMLElement {
  connectedCallback() {
    const form = this.closest("form");
    requestAnimationFrame(() => {
      const wrong = form?.querySelector("[aria-invalid=true]");
      (wrong instanceof HTMLElement ? wrong : this).focus();
    });
  }
}

/**
 * <policy-forms>: forms that need a script to change the text. Each looks at the text anew when that changed; an answer
 * to that which comes while somebody goes on filling in the form is left aside, so that nothing typed is lost.
 */
class PolicyForms extends HTMLElement {
  /** @type {Map<EventTarget, number>} how often something was filled in, when the fields looked at the text */
  asked = new Map();
  filled = 0;

  connectedCallback() {
    this.hidden = false;
    this.addEventListener("input", () => {
      this.filled += 1;
    });
    this.addEventListener("htmx:before:request", ({ target }) => {
      if (target) this.asked.set(target, this.filled);
    });
    this.addEventListener("htmx:before:swap", (event) => {
      const { ctx } = /** @type {CustomEvent<{ ctx: { sourceElement: Element } }>} */ (event).detail;
      const looked = ctx.sourceElement.hasAttribute("data-looks-anew");
      if (looked && this.asked.get(ctx.sourceElement) !== this.filled) event.preventDefault();
    });
  }
}

customElements.define("policy-text", PolicyText);
customElements.define("changed-text", ChangedText);
customElements.define("use-safe-form", UseSafeForm);
customElements.define("refused-change", RefusedChange);
customElements.define("policy-forms", PolicyForms);
