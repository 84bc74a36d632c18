/**
 * The live socket: it carries ids only, and each page fetches what it may see.
 *
 * Delivery is at most once, so a page fetches everything again after every (re)connect; `connected`
 * says when. A dropped connection is tried again with a growing, jittered pause.
 */

/** @typedef {{kind: string, request: string, chain: string}} LiveEvent */

/**
 * @typedef {object} Listener
 * @property {(event: LiveEvent) => void} event
 * @property {() => void} connected
 * @property {(retryInSeconds: number) => void} lost
 * @property {() => void} ended the server will not have this person: signed out, or no role
 */

const FIRST_PAUSE = 1;
const LONGEST_PAUSE = 30;
const REFUSED = [4401, 4404];
const MISSED = "live.missed";

/** Keep a socket to `/live/` open for `listener` until `close` is called. */
export class LiveSocket {
  /**
   * @param {Listener} listener
   * @param {string} [looking] the request whose page this is, so that others see who is looking
   */
  constructor(listener, looking = "") {
    this.listener = listener;
    this.path = looking === "" ? "/live/" : `/live/?looking=${encodeURIComponent(looking)}`;
    this.failures = 0;
    this.closed = false;
    /** @type {WebSocket | null} */
    this.socket = null;
    this.timer = 0;
    this.wake = () => this.retryNow();
  }

  open() {
    this.closed = false;
    window.addEventListener("online", this.wake);
    document.addEventListener("visibilitychange", this.wake);
    this.connect();
  }

  close() {
    this.closed = true;
    window.clearTimeout(this.timer);
    window.removeEventListener("online", this.wake);
    document.removeEventListener("visibilitychange", this.wake);
    this.socket?.close();
    this.socket = null;
  }

  connect() {
    window.clearTimeout(this.timer);
    this.timer = 0;
    const scheme = location.protocol === "https:" ? "wss:" : "ws:";
    const socket = new WebSocket(`${scheme}//${location.host}${this.path}`);
    this.socket = socket;
    socket.addEventListener("open", () => {
      this.failures = 0;
      this.listener.connected();
    });
    socket.addEventListener("message", (message) => this.receive(message.data));
    socket.addEventListener("close", (event) => {
      if (socket === this.socket) this.dropped(event.code);
    });
  }

  /** @param {unknown} data */
  receive(data) {
    const event = readEvent(data);
    if (event === null) return;
    if (event.kind === MISSED) this.listener.connected();
    else this.listener.event(event);
  }

  /** @param {number} code */
  dropped(code) {
    this.socket = null;
    if (this.closed) return;
    if (REFUSED.includes(code)) {
      this.close();
      this.listener.ended();
      return;
    }
    const pause = Math.min(LONGEST_PAUSE, FIRST_PAUSE * 2 ** this.failures) * (0.75 + Math.random() / 2);
    this.failures += 1;
    this.timer = window.setTimeout(() => this.connect(), pause * 1000);
    this.listener.lost(Math.max(1, Math.round(pause)));
  }

  retryNow() {
    if (this.timer !== 0 && document.visibilityState === "visible") this.connect();
  }
}

/**
 * @param {unknown} data
 * @returns {LiveEvent | null} null when it is not one of ours
 */
function readEvent(data) {
  if (typeof data !== "string") return null;
  try {
    const { kind, request = "", chain = "" } = JSON.parse(data);
    return typeof kind === "string" ? { kind, request: String(request), chain: String(chain) } : null;
  } catch {
    return null;
  }
}
