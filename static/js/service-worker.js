/**
 * The service worker: shows what is pushed, opens the request's page, and says so where the site cannot be reached.
 * It keeps no page and decides nothing: a request that was kept would show what is no more.
 */

/** @typedef {{ title: string, body: string, tag: string, path: string, over: boolean, urgent: boolean }} Told */
/** @typedef {Event & { waitUntil: (work: Promise<unknown>) => void }} LastingEvent */
/** @typedef {LastingEvent & { data: { json: () => unknown } | null }} PushedEvent */
/** @typedef {LastingEvent & { notification: Notification }} ClickedEvent */
/** @typedef {Event & { request: Request, preloadResponse: Promise<Response | undefined>, respondWith: (answer: Promise<Response>) => void }} FetchEvent */
/** @typedef {{ url: string, focus: () => Promise<unknown> }} OpenPage */
/**
 * @typedef {object} OurWorker  what TypeScript's DOM library does not know
 * @property {{ showNotification: (title: string, options: object) => Promise<void>, navigationPreload?: { enable: () => Promise<void> } }} registration
 * @property {{ matchAll: (of: object) => Promise<OpenPage[]>, openWindow: (url: string) => Promise<unknown> }} clients
 * @property {() => Promise<void>} skipWaiting
 */

const worker = /** @type {OurWorker} */ (/** @type {unknown} */ (self));
const QUEUE = "/approvals/";
// Its link has no address of its own: it asks for the same page again.
const UNREACHABLE = `<!doctype html>
<html lang="en">
  <head>
    <meta charset="utf-8">
    <meta name="viewport" content="width=device-width, initial-scale=1">
    <meta name="color-scheme" content="light dark">
    <title>No connection · Countersign</title>
    <style nonce="NONCE">
      body { max-width: 27rem; margin: 20vh auto 0; padding: 1rem; font: 1rem/1.5 system-ui, sans-serif; }
      a { display: inline-block; padding: 0.65rem 1rem; border: 2px solid; border-radius: 0.375rem; color: inherit; font-weight: 600; text-decoration: none; }
    </style>
  </head>
  <body>
    <main>
      <h1>No connection</h1>
      <p>Countersign cannot be reached from here. Nothing is shown instead: what this phone saw before may no longer be so.</p>
      <p>Nothing was decided and nothing was sent. A request goes on waiting until its time is over, and what needs a person does not run without one. If it cannot wait, call somebody who can decide.</p>
      <p><a href="">Try again</a></p>
    </main>
  </body>
</html>`;
// As approvals/requests/identifiers.py has it.
const REQUEST = /^\/approvals\/[A-Za-z0-9][A-Za-z0-9_-]{7,63}\/$/;

self.addEventListener("install", (event) => {
  /** @type {LastingEvent} */ (event).waitUntil(worker.skipWaiting());
});

self.addEventListener("activate", (event) => {
  // The page is asked for while this worker starts, and not only after it has.
  /** @type {LastingEvent} */ (event).waitUntil(Promise.resolve(worker.registration.navigationPreload?.enable()));
});

self.addEventListener("fetch", (event) => {
  const asked = /** @type {FetchEvent} */ (event);
  if (asked.request.mode === "navigate" && asked.request.method === "GET") asked.respondWith(fromTheSite(asked));
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

/** What the site answers, or else that it does not: never something older. @param {FetchEvent} asked */
async function fromTheSite(asked) {
  try {
    return (await asked.preloadResponse) ?? (await fetch(asked.request));
  } catch {
    return unreachable();
  }
}

function unreachable() {
  const nonce = crypto.randomUUID();
  const headers = {
    "Content-Type": "text/html; charset=utf-8",
    "Content-Security-Policy": `default-src 'none'; style-src 'nonce-${nonce}'; base-uri 'none'; form-action 'none'`,
  };
  return new Response(UNREACHABLE.replace("NONCE", nonce), { status: 503, headers });
}

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
