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
 * <policy-forms>: forms that need a script to change the text. Each looks at the text anew when that changed, and
 * becomes another by what is chosen in it. An answer to either that comes while somebody goes on filling in that form is
 * left aside, so that nothing typed is lost, and asked for once more with what was typed. A form that was answered for
 * the very text that stands there does not look again: what it was refused for stays to be read.
 */
class PolicyForms extends HTMLElement {
  /** @type {WeakMap<Element, number>} how often something was filled in, by form */
  filled = new WeakMap();
  /** @type {WeakMap<Element, { filled: number, text: string }>} how form and text stood when an element asked */
  asked = new WeakMap();
  /** @type {WeakMap<Element, string>} the text that a form was last answered for */
  answered = new WeakMap();

  connectedCallback() {
    this.hidden = false;
    this.addEventListener("input", ({ target }) => {
      const form = formAround(target);
      if (form) this.filled.set(form, this.filledIn(form) + 1);
    });
    this.addEventListener("htmx:before:request", (event) => {
      const form = formAround(event.target);
      if (!form || !(event.target instanceof Element)) return;
      const text = /** @type {HTMLTextAreaElement} */ (document.getElementById("policy-text")).value;
      if (event.target.matches("[data-looks-anew]") && this.answered.get(form) === text) event.preventDefault();
      else this.asked.set(event.target, { filled: this.filledIn(form), text });
    });
    this.addEventListener("htmx:before:swap", (event) => {
      const { ctx } = /** @type {CustomEvent<{ ctx: { sourceElement: Element } }>} */ (event).detail;
      this.takeAnswer(ctx.sourceElement, event);
    });
  }

  /**
   * @param {Element} source that asked
   * @param {Event} swap
   */
  takeAnswer(source, swap) {
    const [form, asked] = [formAround(source), this.asked.get(source)];
    if (!form || !asked || !source.matches("form, [data-looks-anew], [data-is-choice]")) return;
    if (source === form || asked.filled === this.filledIn(form)) {
      this.answered.set(form, asked.text);
      return;
    }
    swap.preventDefault();
    this.answered.delete(form);
    // Once this request has ended: while another of the form is under way it is not asked.
    setTimeout(() => form.querySelector("[data-looks-anew]")?.dispatchEvent(new Event("asks-again")));
  }

  /** @param {Element} form */
  filledIn(form) {
    return this.filled.get(form) ?? 0;
  }
}

/** @param {EventTarget | null} target */
function formAround(target) {
  return target instanceof Element ? target.closest("form") : null;
}

customElements.define("policy-text", PolicyText);
customElements.define("changed-text", ChangedText);
customElements.define("use-safe-form", UseSafeForm);
customElements.define("refused-change", RefusedChange);
customElements.define("policy-forms", PolicyForms);
