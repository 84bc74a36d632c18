/** <use-safe-form for="id" data-text="…">: puts a corrected text into the editor with that id; nothing is saved. */

class UseSafeForm extends HTMLElement {
  connectedCallback() {
    const button = this.querySelector("button");
    if (!button) return;
    button.hidden = false;
    button.addEventListener("click", () => this.use());
  }

  use() {
    const editor = document.getElementById(this.getAttribute("for") ?? "");
    if (!(editor instanceof HTMLTextAreaElement)) return;
    editor.value = this.dataset.text ?? editor.value;
    editor.focus();
    // What watches the editor looks at it anew.
    editor.dispatchEvent(new Event("input", { bubbles: true }));
    editor.dispatchEvent(new Event("change", { bubbles: true }));
  }
}

customElements.define("use-safe-form", UseSafeForm);
