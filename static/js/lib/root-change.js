/**
 * A change of the trusted roots, and how a person says that they accept it: by typing the first two
 * groups of every new root's fingerprint, which they were read by somebody and not by this page.
 */

import { fingerprint } from "./warrant-view.js";
import { hasKey } from "./warrant.js";

/** @typedef {import("./bytes.js").Bytes} Bytes */
/** @typedef {{ added: Bytes[], removed: Bytes[], kept: Bytes[] }} RootChange */

const GROUP = 8;
const GROUPS_TYPED = 2;

/** @param {Bytes[]} pinned @param {Bytes[]} shown by the page @returns {RootChange} */
export function rootChange(pinned, shown) {
  return {
    added: shown.filter((root) => !hasKey(pinned, root)),
    removed: pinned.filter((root) => !hasKey(shown, root)),
    kept: pinned.filter((root) => hasKey(shown, root)),
  };
}

/** @param {RootChange} change @returns {boolean} */
export function isSame({ added, removed }) {
  return added.length === 0 && removed.length === 0;
}

/** @param {string} print a fingerprint @returns {string} in groups that can be read aloud */
export function inGroups(print) {
  return print.replace(/.{8}(?=.)/g, "$& ");
}

/** @param {string} typed @param {Bytes} root @returns {Promise<boolean>} whether these are the root's first two groups */
export async function isReadBack(typed, root) {
  const print = await fingerprint(root);
  return typed.replace(/\s/g, "").toLowerCase() === print.slice(0, GROUP * GROUPS_TYPED);
}
