/**
 * <told-browser>: has this browser told by push. The browser asks its person only after the button was pressed.
 *
 * `data-key` is the installation's public key, `data-url` where the subscription is sent.
 */

import { postForJson } from "./post.js";
import { StatefulElement, sentenceOf } from "./states.js";

/** @typedef {{ createScriptURL: (url: string) => string }} Policy  what TypeScript's DOM library does not know yet */

const WORKER = "/service-worker.js";
const LONGEST_WAIT_MS = 20_000;

const { trustedTypes } = /** @type {{ trustedTypes?: { createPolicy: (name: string, rules: Policy) => Policy } }} */ (
  /** @type {unknown} */ (globalThis)
);
const rules = { createScriptURL: () => WORKER };
const policy = trustedTypes ? trustedTypes.createPolicy("service-worker", rules) : rules;

class ToldBrowser extends StatefulElement {
  connectedCallback() {
    if (!("serviceWorker" in navigator && "PushManager" in window && "Notification" in window)) {
      this.say(
        "This browser cannot be told. On an iPhone or iPad, first put Countersign on the home screen and open it from " +
          "there; elsewhere it needs a page opened over HTTPS, outside of a private window.",
      );
      return;
    }
    const button = this.querySelector("button[data-action='allow']");
    button?.removeAttribute("hidden");
    button?.addEventListener("click", () => this.allow());
  }

  async allow() {
    this.allowButtons(false);
    this.fill("error");
    try {
      if ((await Notification.requestPermission()) !== "granted") {
        throw new Error("Your browser does not let this site notify you. Allow it in the site’s settings, and try again.");
      }
      this.say("Waiting for your browser’s push service…");
      await this.subscribe();
      location.reload();
    } catch (error) {
      this.allowButtons(true);
      this.fail(sentenceOf(error));
    }
  }

  async subscribe() {
    await navigator.serviceWorker.register(policy.createScriptURL(WORKER), { scope: "/" });
    const { pushManager } = await navigator.serviceWorker.ready;
    const before = await pushManager.getSubscription();
    const subscription = await withinTime(subscribed(pushManager, this.dataset.key ?? ""));
    const { endpoint = "", keys = {} } = subscription.toJSON();
    try {
      await postForJson(this.dataset.url ?? "", { endpoint, p256dh: keys.p256dh ?? "", auth: keys.auth ?? "" }, this);
    } catch (error) {
      if (before?.endpoint !== endpoint) await subscription.unsubscribe();
      throw error;
    }
  }
}

/** @param {PushManager} pushManager @param {string} key base64url @returns {Promise<PushSubscription>} */
async function subscribed(pushManager, key) {
  const options = { userVisibleOnly: true, applicationServerKey: key };
  try {
    return await pushManager.subscribe(options);
  } catch (error) {
    if (!(error instanceof DOMException && error.name === "InvalidStateError")) throw noService();
    // Subscribed with a key that this installation no longer has.
    await (await pushManager.getSubscription())?.unsubscribe();
    return pushManager.subscribe(options);
  }
}

/** @template T @param {Promise<T>} work @returns {Promise<T>} */
function withinTime(work) {
  const late = new Promise((_, reject) => setTimeout(() => reject(noService()), LONGEST_WAIT_MS));
  return Promise.race([work, /** @type {Promise<never>} */ (late)]);
}

function noService() {
  return new Error(
    "Your browser’s push service did not answer, so this browser is not told. It may have none, or no way to it from " +
      "this network. Try again, or use another browser.",
  );
}

customElements.define("told-browser", ToldBrowser);
