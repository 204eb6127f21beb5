// The service worker: /drive/ opens without network. It keeps the page and its files, which show
// nobody's data, and nothing else: what a driver sees is kept by the page, and forgotten by it.

const VERSION = "{{ version }}";
const CACHE = `drive-${VERSION}`;
const PAGE = "{{ page }}";
const FILES = {{ files|safe }};
const WAIT_MS = 4000; // for the network, before the kept page is shown

self.addEventListener("install", (event) => {
  const fresh = [PAGE, ...FILES].map((url) => new Request(url, { cache: "reload" }));
  event.waitUntil(
    caches.open(CACHE).then((kept) => kept.addAll(fresh)).then(() => self.skipWaiting()),
  );
});

self.addEventListener("activate", (event) => {
  const forget = async () => {
    for (const name of await caches.keys()) {
      if (name.startsWith("drive-") && name !== CACHE) await caches.delete(name);
    }
    await self.clients.claim();
  };
  event.waitUntil(forget());
});

self.addEventListener("fetch", (event) => {
  const { request } = event;
  const url = new URL(request.url);
  if (request.method !== "GET" || url.origin !== self.location.origin) return;
  if (request.mode === "navigate" && url.pathname === PAGE) event.respondWith(page());
  else if (FILES.includes(url.pathname + url.search)) event.respondWith(file(request));
});

async function page() {
  const kept = await caches.open(CACHE);
  try {
    const signal = AbortSignal.timeout(WAIT_MS);
    const answer = await fetch(PAGE, { credentials: "same-origin", signal });
    if (!answer.ok) throw new Error(answer.status);
    // A page of another version waits for the worker of its own, which keeps its files too.
    if (answer.headers.get("Drive-Version") === VERSION) await kept.put(PAGE, answer.clone());
    return answer;
  } catch {
    return (await kept.match(PAGE)) ?? Response.error();
  }
}

async function file(request) {
  const kept = await caches.open(CACHE);
  return (await kept.match(request)) ?? fetch(request);
}
