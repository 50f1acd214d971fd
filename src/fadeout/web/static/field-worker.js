// Keeps the page of the field on the phone: its own files, and the page itself, which names nobody. All else goes to the network.
// VERSION and FILES stand in front of this when it is served (/field/worker.js).
const KEPT = `fadeout-field-${VERSION}`, PAGE = "/field", WAIT_MS = 3000;

self.addEventListener("install", (event) => event.waitUntil((async () => {
  const cache = await caches.open(KEPT);
  await cache.addAll(FILES.map((one) => new Request(one, { cache: "no-cache" })));
  const page = await fetch(PAGE, { cache: "no-store" });
  if (isPage(page)) await cache.put(PAGE, page);
  await self.skipWaiting();
})()));

self.addEventListener("activate", (event) => event.waitUntil((async () => {
  const cache = await caches.open(KEPT);
  for (const name of await caches.keys()) {
    if (name === KEPT || !name.startsWith("fadeout-field-")) continue;
    const old = await (await caches.open(name)).match(PAGE);  // where nobody was signed in while this was installed
    if (old && !(await cache.match(PAGE))) await cache.put(PAGE, old);
    await caches.delete(name);
  }
  await self.clients.claim();
})()));

self.addEventListener("fetch", (event) => {
  const { request } = event, url = new URL(request.url);
  if (request.method !== "GET" || url.origin !== self.location.origin) return;
  if (request.mode === "navigate" && url.pathname === PAGE) event.respondWith(page(request));
  else if (url.pathname.startsWith("/static/")) event.respondWith(file(request));
});

function isPage(answer) {
  return answer.ok && answer.type === "basic" && !answer.redirected && (answer.headers.get("content-type") ?? "").startsWith("text/html");
}

async function page(request) {
  const cache = await caches.open(KEPT), kept = await cache.match(PAGE);
  const fresh = fetch(request).then(async (answer) => {
    if (isPage(answer)) await cache.put(PAGE, answer.clone());
    return answer;
  });
  if (!kept) return fresh;
  const late = new Promise((done) => setTimeout(done, WAIT_MS));  // on a network that hardly moves, what is kept comes first
  const answer = await Promise.race([fresh, late]).catch(() => undefined);
  fresh.catch(() => undefined);
  return answer && isPage(answer) ? answer : kept;  // also where one must sign in again: the page says so, and keeps what it has
}

async function file(request) {
  return (await (await caches.open(KEPT)).match(request)) ?? fetch(request);
}
