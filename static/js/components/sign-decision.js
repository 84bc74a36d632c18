/**
 * <sign-decision>: reviews the request in this browser, shows what it read, and signs.
 *
 * Nothing is enabled before the review has ended, and only a review without problems has a
 * subject to sign. The review runs again when a button is pressed: time may have run out.
 */

import { approvalMessage, bindingFacts, encodePayload, parseApproval, signApproval } from "../lib/approval.js";
import { equal, toBase64 } from "../lib/bytes.js";
import { encode, map } from "../lib/cbor.js";
import { denialFacts, parseDenial, signDenial } from "../lib/denial.js";
import { findKey, requireSupport, unlock } from "../lib/keystore.js";
import { Refusal } from "../lib/refusal.js";
import { approvalTerms, denialTerms, newNonce, review } from "../lib/review.js";
import { Context, encodeStatement, statementMessage } from "../lib/statements.js";
import { visible } from "../lib/visible-text.js";
import { fingerprint } from "../lib/warrant-view.js";
import { RefusedAnswer, fetchFragment, swapById } from "./fragment.js";
import { showSigned } from "./shown-view.js";
import { actingNote, argumentsTable, bytesView, checksList, element, problemsList, warrantView } from "./signed-view.js";
import { StatefulElement, sentenceOf } from "./states.js";
import { ProposeArguments } from "./propose-arguments.js";
import { Leaving, StepUp } from "./step-up.js";

/** @typedef {import("../lib/keystore.js").StoredKey} StoredKey */
/** @typedef {import("../lib/review.js").Subject} Subject */
/** @typedef {"approve" | "deny"} Kind */

const seconds = () => Math.floor(Date.now() / 1000);

class SignDecision extends StatefulElement {
  /** @type {unknown} */
  signing = null;
  /** @type {StoredKey | null} */
  key = null;
  isSending = false;
  /** Where the server's page said something else than what would be signed. @type {import("../lib/warrant.js").Problem[]} */
  differences = [];
  isShown = false;

  connectedCallback() {
    this.enter("checking");
    this.signing = JSON.parse(document.getElementById("signing")?.textContent ?? "null");
    this.form.addEventListener("submit", (event) => {
      event.preventDefault();
      const button = /** @type {HTMLButtonElement | null} */ (event.submitter);
      if (button) this.decide(button.value === "approve" ? "approve" : "deny");
    });
    this.querySelector("details[data-part='bytes-details']")?.addEventListener("toggle", () => this.showBytes());
    this.reason.addEventListener("input", () => this.showBytes());
    this.start().catch((error) => {
      this.enter("refused");
      this.fail(`The check could not be finished. ${sentenceOf(error)}`);
    });
  }

  get form() {
    return /** @type {HTMLFormElement} */ (this.querySelector("form[data-part='form']"));
  }

  get reason() {
    return /** @type {HTMLTextAreaElement} */ (this.form.elements.namedItem("reason"));
  }

  /** @returns {ProposeArguments | null} */
  get proposal() {
    const found = this.querySelector("propose-arguments");
    return found instanceof ProposeArguments ? found : null;
  }

  async start() {
    const unsupported = await requireSupport().catch((error) => sentenceOf(error));
    if (!unsupported) this.key = await findKey(this.externalId);
    const result = await this.review();
    this.show(result);
    if (unsupported) {
      this.enter("unsupported");
      this.say(unsupported);
    } else if (this.dataset.mayDecide !== "true") this.enter("closed");
    else if (!this.key) this.enter("no-key");
    else if (!result.subject) this.refuse(result);
    else await this.offer(result.subject, this.key);
    if (result.subject && result.values && result.leaf) {
      this.proposal?.offer(result.values, result.leaf, result.subject.tool);
    }
    this.emit("reviewed", { ok: result.subject !== null });
  }

  get externalId() {
    const { external_id: externalId } = /** @type {{ external_id?: unknown }} */ (this.signing ?? {});
    return typeof externalId === "string" ? externalId : "";
  }

  async review() {
    const publicKey = this.key?.publicKey ?? null;
    const result = await review(this.signing, { publicKey, pinnedRoots: this.key?.pinnedRoots ?? [], now: seconds() });
    return this.compared(result);
  }

  /**
   * Show what is signed instead of what the server wrote, once, and let nothing be signed where the two differ.
   * @param {import("../lib/review.js").Review} result @returns {import("../lib/review.js").Review}
   */
  compared(result) {
    if (result.display && !this.isShown) {
      this.differences = showSigned(this, result.display);
      this.isShown = true;
    }
    if (this.differences.length === 0) return result;
    const sentence = "What the server's page said differs from what would be signed.";
    return {
      ...result,
      checks: [...result.checks, { name: "page", ok: false, sentence }],
      problems: [...result.problems, ...this.differences],
      subject: null,
    };
  }

  /** @param {import("../lib/review.js").Review} result */
  show(result) {
    const isVerified = result.checks.some(({ name, ok }) => name === "chain" && ok);
    if (result.arguments) this.fill("arguments", argumentsTable(result.arguments));
    if (result.warrant) this.fill("acting", ...actingNote(result.warrant.acting, isVerified));
    if (result.warrant) this.fill("warrant", ...warrantView(result.warrant, isVerified));
    this.fill("gate", result.gate && element("p", {}, result.gate));
    // Without a key nothing is pinned, so most checks could only fail: they would frighten, not tell.
    if (this.key) this.fill("checks", checksList(result.checks));
  }

  /** @param {import("../lib/review.js").Review} result */
  refuse(result) {
    this.allowButtons(false);
    this.fill("problems", ...problemsList(result.problems));
    this.enter("refused");
    // A root that changed for good is accepted on the key page, and nowhere else.
    this.toggleAttribute("data-other-root", result.problems.some(({ field }) => field === "warrant.issuer"));
  }

  /** The buttons may be stuck to the screen's edge, and what went wrong is said below them. @param {string} message @param {Node} [content] */
  fail(message, content) {
    super.fail(message, content);
    this.querySelector("[data-part='error']")?.scrollIntoView({ block: "nearest" });
  }

  /** @param {Subject} subject @param {StoredKey} key */
  async offer(subject, key) {
    const { requestId, workflowId, policyVersion } = subject.binding;
    const print = await fingerprint(key.publicKey);
    const needsPasskey = key.strength === "strong" ? " It is a strong key: your passkey is asked for when you press." : "";
    this.fill("key", "Signs with this browser's key ", element("code", { class: "hash", title: print }, print.slice(0, 8)), ".", needsPasskey);
    this.fill("words",
      "You sign that, as ", element("strong", {}, visible(subject.externalId)), ", you approve or deny this one call of ",
      element("code", {}, visible(subject.tool)), " with exactly the arguments, words and earlier calls above, for request ",
      element("code", {}, visible(requestId)), " of workflow ", element("code", {}, visible(workflowId)),
      ...(policyVersion ? [" under the policy ", element("code", {}, visible(policyVersion))] : []),
      `. An approval is good for at most ${Math.ceil(subject.lifetime / 60)} minutes, and for nothing else.`);
    this.allowButtons(true);
    this.enter("ready");
  }

  /** The bytes as they would be signed now; only the nonce and the time still change. */
  async showBytes() {
    const details = /** @type {HTMLDetailsElement | null} */ (this.querySelector("details[data-part='bytes-details']"));
    if (!details?.open) return;
    const { subject } = await this.review();
    if (!subject) return;
    const choice = { reason: this.reason.value, now: seconds(), nonce: newNonce() };
    const approval = approvalMessage(encodePayload(approvalTerms(subject, choice)));
    const facts = denialFacts(denialTerms(subject, { ...choice, reason: choice.reason.trim() ? choice.reason : "…" }));
    this.fill("bytes",
      ...bytesView("The request hash:", subject.requestHash),
      ...bytesView("It is the SHA-256 of warrant, tool, arguments and holder:", subject.hashedBytes),
      ...bytesView("To approve, this is signed (a new nonce and the time are put in when you press):", approval),
      ...bytesView("To deny, this is signed:", statementMessage(Context.DENIAL, encodeStatement(facts))));
  }

  /** @param {Kind} kind */
  async decide(kind) {
    if (this.isSending) return;
    if (kind === "deny" && !this.reason.value.trim()) {
      this.reason.setAttribute("aria-invalid", "true");
      this.reason.focus();
      this.fail("Say why you deny: the reason is signed and kept.");
      return;
    }
    const proposed = this.readProposal(kind);
    if (proposed === undefined) return;
    this.isSending = true;
    this.allowButtons(false);
    this.reason.removeAttribute("aria-invalid");
    this.fill("error");
    try {
      await this.signAndSend(kind, proposed);
    } catch (error) {
      this.enter("ready");
      this.allowButtons(true);
      if (error instanceof Leaving) this.say("");
      else this.stop(error, error instanceof RefusedAnswer ? error.fragment : undefined);
    } finally {
      this.isSending = false;
    }
  }

  /** @param {Kind} kind @returns {import("../lib/bytes.js").Bytes | null | undefined} undefined: it cannot be sent like this */
  readProposal(kind) {
    const { proposal } = this;
    try {
      const proposed = proposal?.read() ?? null;
      if (kind === "deny" || !proposed) return proposed;
      this.fail("You changed arguments under “Propose other arguments”, and an approval is for those that were asked. "
        + "Close the proposal to approve these, or deny with it.");
    } catch (error) {
      this.fail(sentenceOf(error));
      proposal?.focusInvalid();
    }
    return undefined;
  }

  /** @param {Kind} kind @param {import("../lib/bytes.js").Bytes | null} proposed */
  async signAndSend(kind, proposed) {
    const result = await this.review();
    if (!this.key || !result.subject) {
      this.show(result);
      this.refuse(result);
      return;
    }
    const { subject } = result;
    const { key } = this;
    this.enter("sending");
    // A signature is only good for moments: whatever a person must do first comes before it.
    const stepUp = kind === "approve" ? this.querySelector("step-up") : null;
    const send = () => this.send(kind, subject, key, proposed);
    const answer = await (stepUp instanceof StepUp ? stepUp.guard(send) : send());
    swapById(answer);
    this.enter("sent");
    this.say(kind === "approve" ? "Your approval was signed and recorded." : "Your denial was signed and recorded.");
    this.emit("decided", { kind });
  }

  /**
   * @param {Kind} kind @param {Subject} subject @param {StoredKey} key
   * @param {import("../lib/bytes.js").Bytes | null} proposed @returns {Promise<DocumentFragment>}
   */
  async send(kind, subject, key, proposed) {
    this.say(key.strength === "strong" ? "Your passkey is asked for…" : "Signing and sending…");
    const signed = await this.sign(kind, subject, key, proposed);
    const body = new FormData();
    body.set(kind === "approve" ? "approval" : "denial", toBase64(signed));
    const typed = this.form.elements.namedItem("confirmation");
    if (kind === "approve" && typed instanceof HTMLInputElement) body.set("confirmation", typed.value);
    const token = this.form.elements.namedItem("csrfmiddlewaretoken");
    const headers = { "X-CSRFToken": token instanceof HTMLInputElement ? token.value : "" };
    return fetchFragment(this.form.action, { method: "POST", headers, body });
  }

  /**
   * Sign, then read back what was signed: it must speak of this request and nothing else.
   * @param {Kind} kind @param {Subject} subject @param {StoredKey} key
   * @param {import("../lib/bytes.js").Bytes | null} proposed with a denial
   */
  async sign(kind, subject, key, proposed) {
    const reason = this.reason.value;
    const signer = await unlock(key); // a passkey may take its time: the clock is read after it
    const choice = { reason, now: seconds(), nonce: newNonce(), proposed };
    const signed = kind === "approve"
      ? await signApproval(approvalTerms(subject, choice), signer)
      : await signDenial(denialTerms(subject, choice), signer);
    const { terms } = kind === "approve" ? parseApproval(signed) : parseDenial(signed);
    const isSame = equal(encode(map(bindingFacts(terms.binding))), encode(map(bindingFacts(subject.binding))));
    if (!isSame || !equal(terms.requestHash, subject.requestHash)) {
      throw new Refusal("request_hash", "What was signed is not this request. Nothing was sent.");
    }
    return signed;
  }
}

customElements.define("sign-decision", SignDecision);
