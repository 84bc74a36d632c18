/** The service worker: shows what is pushed, and opens the request's page. It keeps and decides nothing. */

/** @typedef {{ title: string, body: string, tag: string, path: string, over: boolean, urgent: boolean }} Told */
/** @typedef {Event & { waitUntil: (work: Promise<unknown>) => void }} LastingEvent */
/** @typedef {LastingEvent & { data: { json: () => unknown } | null }} PushedEvent */
/** @typedef {LastingEvent & { notification: Notification }} ClickedEvent */
/** @typedef {{ url: string, focus: () => Promise<unknown> }} OpenPage */
/**
 * @typedef {object} OurWorker  what TypeScript's DOM library does not know
 * @property {{ showNotification: (title: string, options: object) => Promise<void> }} registration
 * @property {{ matchAll: (of: object) => Promise<OpenPage[]>, openWindow: (url: string) => Promise<unknown> }} clients
 * @property {() => Promise<void>} skipWaiting
 */

const worker = /** @type {OurWorker} */ (/** @type {unknown} */ (self));
const QUEUE = "/approvals/";
// As approvals/requests/identifiers.py has it.
const REQUEST = /^\/approvals\/[A-Za-z0-9][A-Za-z0-9_-]{7,63}\/$/;

self.addEventListener("install", (event) => {
  /** @type {LastingEvent} */ (event).waitUntil(worker.skipWaiting());
});

self.addEventListener("push", (event) => {
  const pushed = /** @type {PushedEvent} */ (event);
  const told = understood(pushed);
  // One notification for each request: what is newer replaces it, and what is over does so without a sound.
  const shown = worker.registration.showNotification(told.title, {
    body: told.body,
    tag: told.tag,
    data: { path: told.path },
    icon: "/static/icons/icon-192.png",
    renotify: told.urgent,
    requireInteraction: told.urgent,
    silent: told.over,
  });
  pushed.waitUntil(shown);
});

self.addEventListener("notificationclick", (event) => {
  const clicked = /** @type {ClickedEvent} */ (event);
  clicked.notification.close();
  clicked.waitUntil(open(pathOf(clicked.notification.data?.path)));
});

/** Show a page that is open already, or open it: a page with a half-made decision is never led elsewhere. @param {string} path */
async function open(path) {
  const pages = await worker.clients.matchAll({ type: "window", includeUncontrolled: true });
  const found = pages.find((page) => new URL(page.url).pathname === path);
  return found ? found.focus() : worker.clients.openWindow(new URL(path, self.location.origin).href);
}

/** @param {unknown} path @returns {string} the path of a request of this site, else the queue's */
function pathOf(path) {
  return typeof path === "string" && REQUEST.test(path) ? path : QUEUE;
}

/** @param {PushedEvent} pushed @returns {Told} */
function understood(pushed) {
  let told;
  try {
    told = /** @type {Partial<Told> | null | undefined} */ (pushed.data?.json());
  } catch {
    told = undefined;
  }
  if (typeof told?.title !== "string" || typeof told.body !== "string" || typeof told.tag !== "string") {
    const title = "Something waits in Countersign";
    return { title, body: "Open the queue to see.", tag: "queue", path: QUEUE, over: false, urgent: false };
  }
  const { title, body, tag } = told;
  const isOver = told.over === true;
  return { title, body, tag, path: pathOf(told.path), over: isOver, urgent: told.urgent === true && !isOver && tag !== "" };
}
