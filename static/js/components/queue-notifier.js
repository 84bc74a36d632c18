/**
 * Desktop notifications, by consent: only after the person pressed the button, only while the page
 * is in the background, and never with the arguments of a call.
 */

const SWITCH = "countersign.notify";

export class QueueNotifier {
  /** @param {HTMLElement} button */
  constructor(button) {
    this.button = button;
    if (!("Notification" in window)) return;
    button.addEventListener("click", () => this.pressed());
    this.show();
  }

  get isOn() {
    return Notification.permission === "granted" && localStorage.getItem(SWITCH) === "on";
  }

  show() {
    this.button.hidden = Notification.permission === "denied";
    this.button.textContent = this.isOn ? "Stop notifying me" : "Notify me";
  }

  async pressed() {
    const on = !this.isOn && (await Notification.requestPermission()) === "granted";
    localStorage.setItem(SWITCH, on ? "on" : "off");
    this.show();
  }

  /**
   * @param {string} words
   * @param {string} url
   */
  tell(words, url) {
    if (!("Notification" in window) || !this.isOn || document.visibilityState === "visible") return;
    const notification = new Notification("An agent is waiting for a person", { body: words, tag: url });
    notification.addEventListener("click", () => {
      window.focus();
      location.href = url;
    });
  }
}
