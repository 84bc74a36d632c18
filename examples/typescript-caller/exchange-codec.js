// Payloads are sealed with the endpoint's exchange key, which Countersign's operator hands over in a file
// (manage.py exchange_key). The bytes are those of Countersign's own codec; docs/governance-nexus.md describes them.
const { createCipheriv, createDecipheriv, randomBytes } = require('node:crypto');
const { readFileSync } = require('node:fs');
const { temporal } = require('@temporalio/proto');

const { Payload } = temporal.api.common.v1;
const ENCODING = 'binary/encrypted';
const CIPHER = 'AES-256-GCM';
const LABEL = Buffer.from('countersign-sealed-v1');
const CONTEXT = Buffer.from('temporal-payload');

/** Seals and opens everything that this worker sends and gets, with one endpoint's ring. */
class ExchangeCodec {
  /** @param {string} file what manage.py exchange_key wrote */
  constructor(file) {
    const { ring, current, keys } = JSON.parse(readFileSync(file, 'utf8'));
    this.ring = /** @type {string} */ (ring);
    this.current = /** @type {string} */ (current);
    this.keys = new Map(Object.entries(keys).map(([id, key]) => [id, Buffer.from(String(key), 'base64')]));
  }

  /** @param {import('@temporalio/common').Payload[]} payloads */
  async encode(payloads) {
    return payloads.map((payload) => {
      const nonce = randomBytes(12);
      const cipher = createCipheriv('aes-256-gcm', this.key(this.current), nonce).setAAD(this.additional(this.current));
      const plain = Payload.encode(payload).finish();
      const data = Buffer.concat([nonce, cipher.update(plain), cipher.final(), cipher.getAuthTag()]);
      const metadata = {
        encoding: Buffer.from(ENCODING),
        'encryption-cipher': Buffer.from(CIPHER),
        'encryption-key-id': Buffer.from(this.current),
        'encryption-ring': Buffer.from(this.ring),
      };
      return { metadata, data };
    });
  }

  /** @param {import('@temporalio/common').Payload[]} payloads */
  async decode(payloads) {
    return payloads.map((payload) => {
      if (text(payload, 'encoding') !== ENCODING) return payload;
      const [id, sealed] = [text(payload, 'encryption-key-id'), Buffer.from(payload.data ?? [])];
      if (text(payload, 'encryption-ring') !== this.ring) throw new Error('This payload was sealed with another ring.');
      const opened = createDecipheriv('aes-256-gcm', this.key(id), sealed.subarray(0, 12))
        .setAAD(this.additional(id))
        .setAuthTag(sealed.subarray(-16));
      return Payload.decode(Buffer.concat([opened.update(sealed.subarray(12, -16)), opened.final()]));
    });
  }

  /** @param {string} id */
  key(id) {
    const key = this.keys.get(id);
    if (!key) throw new Error(`The ring has no key ${id}. Ask Countersign's operator for the whole ring.`);
    return key;
  }

  /** @param {string} id */
  additional(id) {
    const parts = [Buffer.from(id), Buffer.from(this.ring), CONTEXT];
    return Buffer.concat([LABEL, ...parts.flatMap((part) => [length(part), part])]);
  }
}

/**
 * @param {import('@temporalio/common').Payload} payload
 * @param {string} field
 */
function text(payload, field) {
  return Buffer.from(payload.metadata?.[field] ?? []).toString();
}

/** @param {Buffer} part */
function length(part) {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32BE(part.length);
  return bytes;
}

module.exports = { ExchangeCodec };
