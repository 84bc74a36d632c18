/** Merkle trees and notes in JavaScript: RFC 6962 taken literally, and the reference vectors of Certificate Transparency. */

import assert from "node:assert/strict";
import { test } from "node:test";

import { fromHex, toHex } from "../../static/js/lib/bytes.js";
import { Refusal } from "../../static/js/lib/refusal.js";
import { leafHash, rootOf, verifyConsistency, verifyInclusion } from "../../static/js/lib/verify/merkle.js";
import { openCheckpoint } from "../../static/js/lib/verify/notes.js";
import { checkpoint, ledger, leafOf, mth, ORIGIN, path, stranger, subproof } from "./bundles.js";

const DATA = ["", "00", "10", "2021", "3031", "40414243", "5051525354555657", "606162636465666768696a6b6c6d6e6f"].map((text) => fromHex(text));
const ROOTS = [
  "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
  "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125",
  "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77",
  "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
  "4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4",
  "76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef",
  "ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c",
  "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328",
];
const MANY = Array.from({ length: 40 }, (_, index) => Uint8Array.of(index));
const tree = (size, data = MANY) => ({ size: BigInt(size), root: mth(data.slice(0, size)) });

test("roots are those of Certificate Transparency's reference tests", async () => {
  const leaves = await Promise.all(DATA.map(leafHash));
  for (const [index, root] of ROOTS.entries()) assert.equal(toHex(await rootOf(leaves.slice(0, index + 1))), root);
  assert.equal(toHex(await rootOf([])), "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
});

test("roots are those of the definition, at every size", async () => {
  for (let size = 1; size <= MANY.length; size++) {
    assert.deepEqual(await rootOf(await Promise.all(MANY.slice(0, size).map(leafHash))), mth(MANY.slice(0, size)));
  }
});

test("every leaf of every tree is included, and at no other place", async () => {
  for (let size = 1; size <= 20; size++) {
    const data = MANY.slice(0, size);
    for (let index = 0; index < size; index++) {
      const [leaf, proof] = [leafOf(data[index]), path(index, data)];
      await verifyInclusion(leaf, BigInt(index), tree(size), proof);
      const wrong = [
        verifyInclusion(leafOf(Uint8Array.of(99)), BigInt(index), tree(size), proof),
        verifyInclusion(leaf, BigInt(index + 1), tree(size), proof),
        verifyInclusion(leaf, BigInt(index), tree(size + 1), proof),
        verifyInclusion(leaf, BigInt(index), tree(size), [...proof, leaf]),
        ...(proof.length > 0 ? [verifyInclusion(leaf, BigInt(index), tree(size), proof.slice(1))] : []),
        ...(proof.length > 0 ? [verifyInclusion(leaf, BigInt(index), tree(size), [proof[0].slice(1), ...proof.slice(1)])] : []),
      ];
      for (const one of await Promise.allSettled(wrong)) assert.ok(one.reason instanceof Refusal, `leaf ${index} of ${size}`);
    }
  }
});

test("every tree goes on from every earlier one, and from no other", async () => {
  const other = MANY.map((data, index) => (index === 0 ? Uint8Array.of(77) : data));
  for (let second = 1; second <= 20; second++) {
    for (let first = 1; first <= second; first++) {
      const proof = subproof(first, MANY.slice(0, second));
      await verifyConsistency(tree(first), tree(second), proof);
      const wrong = [
        verifyConsistency(tree(first, other), tree(second), proof),
        verifyConsistency(tree(first), tree(second, other), proof),
        verifyConsistency(tree(first), tree(second), [...proof, mth(MANY)]),
        ...(proof.length > 0 ? [verifyConsistency(tree(first), tree(second), proof.slice(1))] : []),
        ...(first < second ? [verifyConsistency(tree(second), tree(first), proof)] : []),
      ];
      for (const one of await Promise.allSettled(wrong)) assert.ok(one.reason instanceof Refusal, `${first} to ${second}`);
    }
  }
  await assert.rejects(verifyConsistency({ size: 0n, root: mth([]) }, tree(3), []), Refusal);
});

// The checkpoint that docs/evidence.md shows.
const KEY = "03a107bff3ce10be1d70dd18e74bc09967e4d6309ba50d5f1ddc8664125531b8";
const NOTE = `${ORIGIN}\n5\nheIMrB8C/ae82y/D+QhWjFcBjHeBXx+jYaytE5lPCL8=\n\n\u2014 ${ORIGIN} `
  + "CtBU4kO3hDllFd+VJLpy2AoLLfq2uy+Yb5h/rYG8XOCiy7uZ1B0Raqpdw9nkd/Dsx6pCYNMxovVCW5hSHhMjIg6jTAs=\n";

test("the checkpoint of the documentation opens with its key, beside other keys and other signatures", async () => {
  const witnessed = `${NOTE}\u2014 witness.example AAAAAAAA\n`;
  for (const text of [NOTE, witnessed]) {
    const { origin, size, root } = await openCheckpoint(text, [toHex(stranger.publicKey), KEY]);
    assert.deepEqual([origin, size], [ORIGIN, 5n]);
    assert.deepEqual(root, mth([0, 1, 2, 3, 4].map((byte) => new Uint8Array(32).fill(byte))));
  }
});

for (const [fault, text] of Object.entries({
  "another size": NOTE.replace("\n5\n", "\n6\n"),
  "a size with a zero before it": NOTE.replace("\n5\n", "\n05\n"),
  "another root": NOTE.replace("heIM", "heIN"),
  "a root in another form": NOTE.replace("CL8=", "CL9="),
  "another name": NOTE.replaceAll("payments", "payment"),
  "no blank line": NOTE.replace("\n\n", "\n"),
  "no end": NOTE.slice(0, -1),
  "a hyphen for the dash": NOTE.replace("\u2014", "-"),
  "a carriage return": NOTE.replaceAll("\n", "\r\n"),
  "a further line that was not signed": NOTE.replace("=\n\n", "=\nmore\n\n"),
  "a second blank line": NOTE.replace("\n\n", "\n\n\n"),
  "nothing": "",
})) {
  test(`a note with ${fault} is refused`, async () => {
    await assert.rejects(openCheckpoint(text, [KEY]), Refusal);
  });
}

test("a note of a stranger's is refused, although its form is right", async () => {
  const note = await checkpoint([Uint8Array.of(1)], { signer: stranger });
  await assert.rejects(openCheckpoint(note, [toHex(ledger.publicKey)]), Refusal);
});
