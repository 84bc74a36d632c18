/**
 * <enrol-key>: makes this browser's key in the strength that was chosen, proves it to the server, and
 * pins the trusted root. A change of the root is accepted in <root-change>, inside it.
 *
 * The key is kept before it is sent: if the answer is lost, pressing again sends the same key.
 * Roots are pinned when a person makes a key, or says so; never because a page shows others.
 */

import { fromHex, toBase64, toHex } from "../lib/bytes.js";
import { readChallenge, signEnrolment } from "../lib/enrolment.js";
import { findKey, makeKey, makeStrongKey, pinRoots, requireSupport, unlock } from "../lib/keystore.js";
import { requirePasskeys } from "../lib/passkey-wrap.js";
import { inGroups, isSame, rootChange } from "../lib/root-change.js";
import { fingerprint } from "../lib/warrant-view.js";
import { ask, fetchFragment } from "./fragment.js";
import { LiveSocket } from "./live-socket.js";
import { RootChangeElement } from "./root-change.js";
import { element } from "./signed-view.js";
import { StatefulElement, sentenceOf } from "./states.js";

/** @typedef {import("../lib/bytes.js").Bytes} Bytes */

class EnrolKey extends StatefulElement {
  /** @type {import("../lib/keystore.js").StoredKey | null} */
  key = null;
  /** @type {Bytes[]} */
  roots = [];
  isStartingOver = false;
  /** @type {LiveSocket | null} */
  socket = null;

  connectedCallback() {
    this.enter("checking");
    this.form.addEventListener("submit", (event) => {
      event.preventDefault();
      this.attempt(() => this.enrol());
    });
    this.addEventListener("countersign:root-accepted", () => this.attempt(() => this.pin()));
    this.querySelector("[data-action='start-over']")?.addEventListener("click", () => this.startOver());
    this.start().catch((error) => {
      this.enter("unsupported");
      this.fail(sentenceOf(error));
    });
  }

  get form() {
    return /** @type {HTMLFormElement} */ (this.querySelector("form[data-part='form']"));
  }

  async start() {
    this.allowButtons(false);
    this.roots = list(this.dataset.roots).map((root) => fromHex(root, "root"));
    await requireSupport();
    await requirePasskeys().catch((error) => this.offerOrdinaryOnly(sentenceOf(error)));
    this.key = await findKey(this.dataset.externalId ?? "");
    await this.show();
  }

  async show() {
    this.fill("root", ...(await prints(this.roots)));
    const shown = this.key?.pinnedPeopleRoots?.length ? this.key.pinnedPeopleRoots : peopleRoots(this.dataset.peopleRoot);
    this.fill("people-root", ...(await prints(shown)));
    // Computed here: whoever endorses the key must hear of this one, not of one that the server shows.
    this.fill("own-fingerprint", ...(await prints(this.key ? [this.key.publicKey] : [])));
    const print = this.key && (await fingerprint(this.key.publicKey));
    if (this.key && print) {
      const made = new Date(this.key.createdAt).toISOString().slice(0, 10);
      const needs = this.key.strength === "strong" ? ": strong, every signature needs your passkey" : ": ordinary";
      this.fill("key", element("code", { class: "hash", title: print }, print.slice(0, 8)), ` made on ${made}${needs}`);
    }
    const state = this.stateOf(print);
    // The strength of a key that is there was chosen when it was made.
    this.toggleAttribute("data-kept", state === "unknown");
    if (state === "root-changed") await this.rootChange?.show(this.key?.pinnedRoots ?? [], this.roots);
    this.enter(state);
    this.allowButtons(true);
    if (this.dataset.state === "waiting" && print) this.awaitEndorsement(print);
  }

  /** @returns {RootChangeElement | null} */
  get rootChange() {
    return this.querySelector("root-change");
  }

  /** @param {string} why */
  offerOrdinaryOnly(why) {
    this.querySelector("input[name='strength'][value='strong']")?.toggleAttribute("disabled", true);
    this.fill("no-passkeys", why);
  }

  /** Leave a key aside that was made and never enrolled, perhaps because its passkey is gone. */
  startOver() {
    this.isStartingOver = true;
    this.toggleAttribute("data-kept", false);
    this.enter("none");
  }

  /** @param {string | null} print the stored key's fingerprint @returns {string} */
  stateOf(print) {
    if (!this.key || !print) return "none";
    // Before all else: a server that shows another root must not get it pinned by way of a new key.
    if (!isSame(rootChange(this.key.pinnedRoots, this.roots))) return "root-changed";
    if (list(this.dataset.revoked).includes(print)) return "revoked";
    if (list(this.dataset.waiting).includes(print)) return "waiting";
    return list(this.dataset.keys).includes(print) ? "enrolled" : "unknown";
  }

  /** Show the page anew as soon as somebody endorsed this key. @param {string} print */
  awaitEndorsement(print) {
    if (this.socket) return;
    const look = () => this.reloadOnceEndorsed(print).catch(() => this.say("Reload the page to see whether the key is endorsed."));
    this.socket = new LiveSocket({
      event: (event) => {
        if (event.kind === "key.endorsed") look();
      },
      connected: look,
      lost: () => {},
      ended: () => {},
    });
    this.socket.open();
  }

  /** @param {string} print */
  async reloadOnceEndorsed(print) {
    const fragment = await fetchFragment(location.pathname);
    if (fragment.querySelector(`[data-fingerprint="${print}"][data-endorsed]`)) this.leave();
  }

  disconnectedCallback() {
    this.socket?.close();
  }

  /** @param {() => Promise<void>} work */
  async attempt(work) {
    const before = this.dataset.state ?? "none";
    if (before === "working") return;
    this.enter("working");
    this.allowButtons(false);
    this.fill("error");
    try {
      await work();
    } catch (error) {
      this.enter(before);
      this.allowButtons(true);
      this.stop(error);
    }
  }

  async enrol() {
    if (this.roots.length === 0) throw new Error("The page shows no trusted root, so a key could not check anything.");
    const made = (await this.needsKey()) ? await this.make() : null;
    const key = made?.stored ?? this.key;
    if (!key) throw new Error("This browser has no key.");
    this.key = key;
    this.isStartingOver = false;
    const challenge = readChallenge(await this.post(this.dataset.challengeUrl ?? "", {}), location.origin);
    const envelope = await signEnrolment(challenge, key.strength, made?.signer ?? (await unlock(key)));
    const name = this.form.elements.namedItem("name");
    await this.post(this.form.action, {
      envelope: toBase64(envelope),
      name: name instanceof HTMLInputElement ? name.value : "",
    });
    this.say("This browser's key is enrolled.");
    this.emit("enrolled", { publicKey: toHex(key.publicKey) });
    // It signs nothing before it is endorsed, so a person who came to decide is sent on only then.
    location.reload();
  }

  /** @returns {Promise<boolean>} whether there is none that could be enrolled */
  async needsKey() {
    if (!this.key || this.isStartingOver) return true;
    return list(this.dataset.revoked).includes(await fingerprint(this.key.publicKey));
  }

  /** @returns {ReturnType<typeof makeKey>} */
  make() {
    const externalId = this.dataset.externalId ?? "";
    // A browser that knows roots keeps them: others are only accepted in so many words.
    const roots = this.key?.pinnedRoots ?? this.roots;
    const known = this.key?.pinnedPeopleRoots ?? [];
    const people = known.length > 0 ? known : peopleRoots(this.dataset.peopleRoot);
    if (new FormData(this.form).get("strength") !== "strong") {
      this.say("Making this browser's key…");
      return makeKey(externalId, roots, people);
    }
    this.say("Your browser asks twice: to make a passkey, then to lock this browser's key with it.");
    return makeStrongKey(externalId, roots, people);
  }

  async pin() {
    if (this.key) this.key = await pinRoots(this.key, this.roots);
    await this.show();
    this.say("This browser now believes the roots shown on this page.");
  }

  /** Go on to where the person came from, if that is on this site. */
  leave() {
    const next = new URL(this.dataset.next || location.href, location.href);
    if (this.dataset.next && next.origin === location.origin) location.assign(next.href);
    else location.reload();
  }

  /** @param {string} url @param {{ [field: string]: string }} fields @returns {Promise<unknown>} the JSON answer */
  async post(url, fields) {
    const body = new FormData();
    for (const [field, value] of Object.entries(fields)) body.set(field, value);
    const token = this.form.elements.namedItem("csrfmiddlewaretoken");
    const headers = { Accept: "application/json", "X-CSRFToken": token instanceof HTMLInputElement ? token.value : "" };
    const response = await ask(url, { method: "POST", headers, body });
    const answer = await response.json().catch(() => ({}));
    if (!response.ok) throw new Error(answer.message ?? `The server answered with status ${response.status}.`);
    return answer;
  }
}

/** @param {string | undefined} text comma separated @returns {string[]} */
function list(text) {
  return (text ?? "").split(",").map((item) => item.trim()).filter(Boolean);
}

/** @param {string | undefined} root in hexadecimal, or nothing before the ceremony @returns {Bytes[]} */
function peopleRoots(root) {
  return root ? [fromHex(root, "people_root")] : [];
}

/** @param {Bytes[]} roots @returns {Promise<HTMLElement[]>} their fingerprints, in groups that can be read aloud */
async function prints(roots) {
  const found = await Promise.all(roots.map(fingerprint));
  return found.map((print) => element("code", { class: "hash" }, inGroups(print)));
}

customElements.define("enrol-key", EnrolKey);
