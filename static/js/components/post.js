/** Posting a form's fields to this origin and reading the JSON that comes back. */

import { ask } from "./fragment.js";

/**
 * @param {string} url @param {{ [field: string]: string }} fields @param {ParentNode} near where the CSRF token stands
 * @returns {Promise<any>} the JSON answer @throws {Error} with the server's sentence
 */
export async function postForJson(url, fields, near) {
  const body = new FormData();
  for (const [field, value] of Object.entries(fields)) body.set(field, value);
  const token = near.querySelector("input[name='csrfmiddlewaretoken']");
  const headers = { Accept: "application/json", "X-CSRFToken": token instanceof HTMLInputElement ? token.value : "" };
  const response = await ask(url, { method: "POST", headers, body });
  const answer = await response.json().catch(() => ({}));
  if (!response.ok) throw new Error(answer.message ?? `The server answered with status ${response.status}.`);
  return answer;
}
