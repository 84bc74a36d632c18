import assert from "node:assert/strict";
import { test } from "node:test";

import { answered, creationOptions, fromBase64Url, requestOptions, toBase64Url, usePasskey } from "../../static/js/lib/webauthn.js";

test("base64url goes there and back, and nothing else is read", () => {
  for (const length of [0, 1, 2, 3, 32]) {
    const bytes = new Uint8Array(length).fill(251);
    assert.deepEqual(fromBase64Url(toBase64Url(bytes), "challenge"), bytes);
  }
  for (const text of [undefined, null, 1, "a+b", "a/b", "ü", "a b"]) {
    assert.throws(() => fromBase64Url(text, "challenge"), /challenge cannot be read/);
  }
});

test("request options ask for a finger, whatever the server says", () => {
  const options = requestOptions({
    challenge: "AQID", rpId: "localhost", userVerification: "discouraged",
    allowCredentials: [{ type: "public-key", id: "BAU" }],
  });
  assert.equal(options.userVerification, "required");
  assert.deepEqual(options.challenge, new Uint8Array([1, 2, 3]));
  assert.deepEqual(options.allowCredentials, [{ type: "public-key", id: new Uint8Array([4, 5]) }]);
});

test("creation options have their bytes read", () => {
  const options = creationOptions({ challenge: "AQID", user: { id: "BAU", name: "ada", displayName: "Ada" }, rp: { name: "x" } });
  assert.deepEqual(options.user, { id: new Uint8Array([4, 5]), name: "ada", displayName: "Ada" });
  assert.deepEqual(options.excludeCredentials, []);
});

test("an answer carries what was asked for, and no more", () => {
  const bytes = (...list) => new Uint8Array(list).buffer;
  const response = { clientDataJSON: bytes(1), signature: bytes(2), userHandle: null, other: bytes(3) };
  const json = JSON.parse(answered({ rawId: bytes(9), type: "public-key", response }, ["clientDataJSON", "signature", "userHandle"]));
  assert.deepEqual(json.response, { clientDataJSON: "AQ", signature: "Ag" });
  assert.equal(json.rawId, "CQ");
});

test("a browser without passkeys says so", async () => {
  await assert.rejects(usePasskey({ challenge: "AQID" }), /cannot use passkeys/);
});
