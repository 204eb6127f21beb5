// What the phone keeps, in IndexedDB: taps until the server has them, positions likewise, and the
// day as it was last told. It survives a closed browser. No view here.

const MOST_TAPS = 50, MOST_POSITIONS = 100; // of one request, as the server takes them
const WAIT_MS = 20000;
const KEPT = ["tag", "day", "known", "seen_at", "offset_ms", "last", "duty"]; // what belongs to a day

// The database; `idb` is the library's global. One row of "taps" for each tap, in order of `n`;
// "refused" what the server did not record, until the driver has read it.
const database = idb.openDB("drive", 1, {
  upgrade(db) {
    db.createObjectStore("taps", { keyPath: "n", autoIncrement: true });
    db.createObjectStore("positions", { keyPath: "n", autoIncrement: true });
    db.createObjectStore("refused", { keyPath: "key" });
    db.createObjectStore("kept");
  },
});

export class NotConnected extends Error {} // the server knows no such phone
export class Silent extends Error {} // no network, or the server is in trouble

export async function get(name) {
  return (await database).get("kept", name);
}

export async function put(name, value) {
  await (await database).put("kept", value, name);
}

export async function add(tap) {
  await (await database).add("taps", tap);
}

export async function taps() {
  return (await database).getAll("taps");
}

export async function refused() {
  return (await database).getAll("refused");
}

export async function dismiss(key) {
  await (await database).delete("refused", key);
}

// The oldest go where nobody fetches them.
export async function addPosition(position) {
  const db = await database;
  await db.add("positions", position);
  const extra = (await db.getAllKeys("positions")).slice(0, -MOST_POSITIONS);
  for (const key of extra) await db.delete("positions", key);
}

// Forget the day, and with it every client; taps stay until the server has them.
export async function forgetDay() {
  const db = await database;
  const change = db.transaction(["kept", "refused"], "readwrite");
  for (const name of KEPT) change.objectStore("kept").delete(name);
  change.objectStore("refused").clear();
  await change.done;
}

// Forget everything: of a phone that is let in no more.
export async function forgetAll() {
  const db = await database;
  const names = [...db.objectStoreNames];
  const change = db.transaction(names, "readwrite");
  for (const name of names) change.objectStore(name).clear();
  await change.done;
}

function cookie(name) {
  const found = document.cookie.split("; ").find((part) => part.startsWith(`${name}=`));
  return found ? found.slice(name.length + 1) : "";
}

async function ask(url, body) {
  const headers = { "Content-Type": "application/json", "X-CSRFToken": cookie("csrftoken") };
  const signal = AbortSignal.timeout(WAIT_MS);
  try {
    return await fetch(url, { method: "POST", headers, body: JSON.stringify(body), signal });
  } catch {
    throw new Silent();
  }
}

// What the server is told of a tap: not what the page keeps beside it.
function plain({ key, kind, at, booking, code, text, of }) {
  return { key, kind, at, booking, code, text, of };
}

// Send what waits, oldest first, and fetch the day. One of several open pages at a time.
export async function sync(urls) {
  const once = () => exchange(urls);
  return navigator.locks ? navigator.locks.request("drive sync", once) : once();
}

async function exchange(urls) {
  const db = await database;
  let more = true;
  while (more) {
    const waiting = await db.getAll("taps", undefined, MOST_TAPS);
    const positions = await db.getAll("positions", undefined, MOST_POSITIONS);
    const body = () => ({
      sent_at: new Date().toISOString(),
      seen: tag ?? "",
      taps: waiting.map(plain),
      positions: positions.map(({ at, lat, lon }) => ({ at, lat, lon })),
    });
    const tag = await db.get("kept", "tag");
    let answer = await ask(urls.sync, body());
    if (answer.status === 403) {
      // The token of the page is gone: a new page brings one.
      await fetch(urls.page, { cache: "reload" }).catch(() => null);
      answer = await ask(urls.sync, body());
    }
    if (answer.status === 401) throw new NotConnected();
    if (!answer.ok) throw new Silent();
    await take(db, await answer.json(), waiting, positions);
    more = waiting.length === MOST_TAPS;
  }
}

// What the server has goes, and the day comes, in one step: a page closed meanwhile loses neither.
async function take(db, told, waiting, positions) {
  const change = db.transaction(["taps", "positions", "refused", "kept"], "readwrite");
  const answers = new Map(told.taps.map((answer) => [answer.key, answer]));
  for (const tap of waiting) {
    const answer = answers.get(tap.key);
    if (!answer) continue;
    change.objectStore("taps").delete(tap.n);
    if (answer.outcome === "refused") {
      change.objectStore("refused").put({ ...tap, said: answer.said });
    }
  }
  for (const position of positions) change.objectStore("positions").delete(position.n);
  const kept = change.objectStore("kept");
  kept.put(Date.parse(told.now), "seen_at");
  kept.put(Date.parse(told.now) - Date.now(), "offset_ms");
  if (told.day) {
    kept.put(told.day, "day");
    kept.put(told.tag, "tag");
  }
  await change.done;
}
