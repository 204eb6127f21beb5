// The page of a driver's phone: today's stops in order, the next one large.
//
// What is shown is the day as the server told it last, with the taps that still wait applied to it.

const words = JSON.parse(document.getElementById("words").textContent);
const urls = document.body.dataset;
const store = await import(urls.queue);

const POLL_MS = 60000; // while on duty and looked at
const IDLE_MS = 600000; // off duty
const SLOWEST_MS = 480000; // between attempts while the server does not answer
const TAKE_BACK_MS = 60000;
const POSITION_MS = 30000, POSITION_M = 100; // a position at most so often, or after so far
const BEFORE_SHIFT_MS = 1800000;
const LONG_AGO_MS = 300000; // as of when the day is shown, once it is old
const NOTICED_MS = 300000; // a pickup that moves by less is no news

const main = document.getElementById("main");
const state = document.getElementById("state");
const undo = document.getElementById("undo");
const duty = document.getElementById("duty");
const asked = document.getElementById("ask");

let day = null; // as told
let known = null; // { today, trips } of which the driver knows
let told = ""; // what the phone last buzzed for
let waiting = []; // taps that the server has not answered
let refused = [];
let last = null; // the tap that can be taken back
let duties = {}; // { break_at, ended_at }: what the driver said of this shift
let offsetMs = 0; // of the server's clock before ours
let seenAt = 0;
let failures = 0;
let gone = false;

const clockNow = () => Date.now() + offsetMs;
const fill = (text, value) => text.replace("%s", value);

function el(tag, attributes = {}, ...children) {
  const made = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (name === "onclick") made.addEventListener("click", value);
    else if (value === true) made.setAttribute(name, "");
    else if (value !== false && value != null) made.setAttribute(name, value);
  }
  made.append(...children.flat().filter((child) => child != null && child !== false && child !== ""));
  return made;
}

function clock(at) {
  const options = { hour: "2-digit", minute: "2-digit", hourCycle: "h23", timeZone: day?.zone };
  return new Intl.DateTimeFormat(document.documentElement.lang, options).format(new Date(at));
}

// The trips --------------------------------------------------------------------------------

const EFFECTS = {
  en_route: () => ({ status: "en_route", arrived_at: null }),
  arrived: (at) => ({ arrived_at: at }),
  on_board: (at) => ({ status: "in_progress", actual_pickup_at: at }),
  done: (at) => ({ status: "completed", actual_dropoff_at: at }),
  no_show: () => ({ status: "no_show" }),
  confirm: () => ({ confirmed: true }),
  decline: () => ({ declined: true }),
};

// The trips as they are once all that waits has arrived.
function tripsNow() {
  const trips = new Map((day?.trips ?? []).map((trip) => [trip.booking, { ...trip }]));
  const takenBack = new Set(waiting.filter((tap) => tap.kind === "take_back").map((tap) => tap.of));
  for (const tap of waiting) {
    const trip = trips.get(tap.booking);
    if (!trip) continue;
    if (tap.kind === "take_back") Object.assign(trip, tap.before);
    else if (EFFECTS[tap.kind] && !takenBack.has(tap.key)) {
      Object.assign(trip, EFFECTS[tap.kind](tap.at));
    }
  }
  return [...trips.values()].filter((trip) => !trip.declined);
}

function stage(trip) {
  if (trip.status === "en_route") return trip.arrived_at ? "arrived" : "en_route";
  return trip.status;
}

const NEXT = { assigned: "en_route", en_route: "arrived", arrived: "on_board", in_progress: "done" };
const isBegun = (trip) => ["en_route", "in_progress"].includes(trip.status);
const isOver = (trip) => !NEXT[stage(trip)];

function stopsOf(trips) {
  const stops = trips.flatMap((trip) => [
    { trip, kind: "pickup", at: Date.parse(trip.planned_pickup_at), open: !isOver(trip) && trip.status !== "in_progress" },
    { trip, kind: "dropoff", at: Date.parse(trip.planned_dropoff_at), open: !isOver(trip) },
  ]);
  return stops.sort((a, b) => a.at - b.at || a.trip.booking - b.trip.booking || (a.kind === "pickup" ? -1 : 1));
}

// The first open stop. A trip that was passed over for a later one that has begun comes after it.
function nextStop(stops) {
  const open = stops.filter((stop) => stop.open);
  const begun = open.filter((stop) => isBegun(stop.trip)).map((stop) => Date.parse(stop.trip.planned_pickup_at));
  const latest = Math.max(...begun, -Infinity);
  const ahead = (trip) => isBegun(trip) || Date.parse(trip.planned_pickup_at) >= latest;
  return open.find((stop) => ahead(stop.trip)) ?? open[0];
}

// News --------------------------------------------------------------------------------------

const seen = ({ planned_pickup_at: at, pickup_address: pickup, dropoff_address: dropoff, client }) => ({ at, pickup, dropoff, client });
const tripsOfToday = () => Object.fromEntries(day.trips.filter((trip) => trip.today).map((trip) => [trip.booking, seen(trip)]));

async function know(trips) {
  known = { today: day.today, trips };
  await store.put("known", known);
}

// What has become of the trips of today that the driver knows: lines, in order of time.
function news() {
  if (!day || known?.today !== day.today) return [];
  const trips = tripsOfToday(), found = [];
  const say = (trip, what) => found.push([trip.at, `${clock(trip.at)} ${nameOf(trip)}: ${what}`]);
  for (const [booking, trip] of Object.entries(trips)) {
    const before = known.trips[booking];
    if (!before) say(trip, words.is_new);
    else if (Math.abs(Date.parse(trip.at) - Date.parse(before.at)) >= NOTICED_MS) say(trip, fill(words.was_at, clock(before.at)));
    else if (trip.pickup !== before.pickup || trip.dropoff !== before.dropoff) say(trip, words.other_address);
  }
  for (const [booking, trip] of Object.entries(known.trips)) if (!trips[booking]) say(trip, words.not_yours);
  return found.sort(([a], [b]) => Date.parse(a) - Date.parse(b)).map(([, line]) => line);
}

function newsCard(lines) {
  return el("section", { class: "card alarm", role: "alert", "data-news": lines.length },
    el("h2", {}, words.news), el("ul", { class: "facts" }, lines.map((line) => el("li", {}, line))),
    button(words.ok, async () => { await know(tripsOfToday()); await refresh(); main.focus(); }));
}

// Taps --------------------------------------------------------------------------------------

async function tap(kind, values = {}) {
  const { booking } = values;
  const before = tripsNow().find((trip) => trip.booking === booking);
  const made = { key: crypto.randomUUID(), kind, at: new Date().toISOString(), ...values };
  await store.add(made);
  if (EFFECTS[kind]) {
    const { status, arrived_at, actual_pickup_at, actual_dropoff_at, confirmed } = before;
    last = {
      ...made, client: before.client,
      before: { status, arrived_at, actual_pickup_at, actual_dropoff_at, confirmed, declined: false },
    };
    await store.put("last", last);
  }
  if (kind === "decline" && known) {
    const { [booking]: _declined, ...others } = known.trips;
    await know(others);
  }
  navigator.vibrate?.(30);
  await refresh();
  plan(300);
}

// Who forgot to say “on my way” says it with “I am there”.
async function report(trip, kind) {
  if (kind === "arrived" && trip.status === "assigned") await tap("en_route", { booking: trip.booking });
  await tap(kind, { booking: trip.booking });
}

async function takeBack() {
  if (!last) return;
  const { key, booking, before, client } = last;
  last = null;
  await store.put("last", null);
  await store.add({ key: crypto.randomUUID(), kind: "take_back", at: new Date().toISOString(), booking, of: key, before, client });
  await refresh();
  main.focus();
  plan(300);
}

// Ask for a reason; resolve to { code, text } or null.
function askWhy(title, about, choices) {
  const box = document.getElementById("ask-choices");
  const note = document.getElementById("ask-text");
  document.getElementById("ask-title").textContent = title;
  document.getElementById("ask-about").textContent = about;
  document.getElementById("ask-yes").textContent = title;
  note.value = "";
  box.replaceChildren(...choices.map(([code, label], i) =>
    el("label", { class: "choice" }, el("input", { type: "radio", name: "why", value: code, required: true, checked: i === 0 }), el("span", {}, label))));
  asked.returnValue = "";
  asked.showModal();
  return new Promise((resolve) => {
    asked.addEventListener("close", () => {
      const chosen = box.querySelector(":checked");
      if (asked.returnValue !== "yes" || !chosen) return resolve(null);
      const label = chosen.parentElement.textContent;
      return resolve({ code: chosen.value, label, text: note.value.trim() });
    }, { once: true });
  });
}

async function noShow(trip) {
  const why = await askWhy(words.no_show, nameOf(trip), Object.entries(words.no_show_reasons));
  if (!why) return;
  if (trip.status === "assigned") await tap("en_route", { booking: trip.booking });
  await tap("no_show", { booking: trip.booking, code: why.code, text: why.text });
}

async function decline(trip) {
  const why = await askWhy(words.decline, nameOf(trip), words.decline_reasons.map((label) => [label, label]));
  if (why) await tap("decline", { booking: trip.booking, text: [why.label, why.text].filter(Boolean).join(": ").slice(0, 150) });
}

// The view ----------------------------------------------------------------------------------

const nameOf = (trip) => trip.client || words.no_client;

function mapUrl(lat, lon, address) {
  const at = `${lat},${lon}`;
  const apple = /iPhone|iPad|Macintosh/.test(navigator.userAgent);
  return apple ? `maps://?daddr=${at}` : `geo:${at}?q=${at}(${encodeURIComponent(address)})`;
}

function button(text, onclick, attributes = {}) {
  return el("button", { type: "button", onclick, ...attributes }, text);
}

// When a stop is expected, if that was told lately and is another time than planned.
function expected(trip, kind) {
  const at = trip[`${kind}_expected_at`];
  return at && clockNow() - seenAt <= LONG_AGO_MS && el("em", { class: "expected" }, fill(words.expected, clock(at)));
}

function facts(trip, kind) {
  const end = (name) => trip[`${kind}_${name}`];
  const found = [];
  if (trip.appointment_at) found.push(fill(words.appointment, clock(trip.appointment_at)));
  if (trip.passengers > 1) found.push(fill(words.passengers, trip.passengers));
  if (trip.wheelchairs) found.push(fill(words.wheelchairs, trip.wheelchairs));
  if (end("entrance")) found.push(fill(words.entrance, end("entrance")));
  if (end("door_notes")) found.push(fill(words.at_door, end("door_notes")));
  if (trip.notes) found.push(trip.notes);
  return found.length && el("ul", { class: "facts" }, found.map((text) => el("li", {}, text)));
}

function ways(trip, kind) {
  const address = trip[`${kind}_address`];
  return el("div", { class: "buttons" },
    trip.phone && el("a", { class: "button", href: `tel:${trip.phone.replace(/[^+\d]/g, "")}` }, words.call),
    el("a", { class: "button", href: mapUrl(trip[`${kind}_lat`], trip[`${kind}_lon`], address) }, words.navigate));
}

function actions(trip, kind) {
  const now = stage(trip);
  if (kind === "dropoff" && now !== "in_progress") return null;
  const next = NEXT[now];
  if (!next) return null;
  const id = `${trip.booking}-${next}`;
  return [
    button(words[next], () => report(trip, next), { class: "primary", "data-focus": id, "data-tap": next }),
    el("div", { class: "buttons" },
      now === "assigned" && button(words.arrived, () => report(trip, "arrived"), { "data-tap": "arrived" }),
      ["assigned", "en_route", "arrived"].includes(now) && button(words.no_show_ask, () => noShow(trip), { "data-tap": "no_show" }),
      now === "assigned" && !trip.confirmed && button(words.confirm, () => tap("confirm", { booking: trip.booking }), { "data-tap": "confirm" }),
      now === "assigned" && button(words.decline_ask, () => decline(trip), { "data-tap": "decline" })),
  ];
}

function nextCard({ trip, kind, at }) {
  return el("section", { class: `card next ${kind}`, "aria-labelledby": "next-title", "data-booking": trip.booking, "data-stage": stage(trip) },
    el("h2", { id: "next-title" }, el("span", { class: "kind" }, words[kind]), " ", el("time", {}, clock(at))),
    expected(trip, kind),
    el("p", { class: "name" }, nameOf(trip)),
    el("p", { class: "address" }, trip[`${kind}_address`]),
    kind === "pickup" && el("p", { class: "to" }, fill(words.to, trip.dropoff_address)),
    facts(trip, kind), ways(trip, kind), actions(trip, kind));
}

function row({ trip, kind, at, open }, isNext) {
  const line = [el("time", {}, clock(at)), el("span", { class: "who" }, nameOf(trip)), el("span", { class: "where" }, el("b", { class: `kind ${kind}` }, words[kind]), ` ${trip[`${kind}_address`]}`)];
  if (!open) {
    const what = trip.status === "no_show" ? words.no_show : kind === "pickup" ? words.on_board : words.done;
    return el("li", { class: "over" }, el("div", { class: "line" }, line, el("em", {}, `✓ ${what}`)));
  }
  line.push(expected(trip, kind));
  return el("li", { "aria-current": isNext ? "step" : null },
    el("details", { "data-key": `${trip.booking}-${kind}` }, el("summary", { class: "line" }, line, trip.confirmed && kind === "pickup" && el("em", {}, words.confirmed)), facts(trip, kind), ways(trip, kind), actions(trip, kind)));
}

function tomorrowRow(trip) {
  return el("li", {}, el("details", { "data-key": `${trip.booking}-tomorrow` },
    el("summary", { class: "line" }, el("time", {}, clock(trip.planned_pickup_at)), el("span", { class: "who" }, nameOf(trip)), el("span", { class: "where" }, `${trip.pickup_address} → ${trip.dropoff_address}`), trip.confirmed && el("em", {}, `✓ ${words.confirmed}`)),
    facts(trip, "pickup"),
    el("div", { class: "buttons" },
      !trip.confirmed && button(words.confirm, () => tap("confirm", { booking: trip.booking }), { class: "strong", "data-tap": "confirm" }),
      button(words.decline_ask, () => decline(trip), { "data-tap": "decline" }))));
}

function refusedCard(tap) {
  const what = [words[tap.kind], tap.client ?? day?.trips.find((trip) => trip.booking === tap.booking)?.client, clock(tap.at)];
  return el("section", { class: "card alarm", role: "alert" },
    el("h2", {}, `${words.not_recorded}: ${what.filter(Boolean).join(", ")}`), el("p", {}, tap.said),
    button(words.ok, async () => { await store.dismiss(tap.key); await refresh(); }));
}

function shiftsLine() {
  const today = (day.shifts ?? []).filter((shift) => Date.parse(shift.end_at) > clockNow() - 3600000);
  if (!today.length) return null;
  const [shift] = today;
  const parts = [fill(words.shift, `${clock(shift.start_at)}–${clock(shift.end_at)}`), shift.vehicle];
  if (shift.break_at) parts.push(fill(words.break, clock(shift.break_at)));
  const turns = [
    shift.taken_over && Date.parse(shift.start_at) > clockNow() - 3600000 && fill(words.takes_over, shift.vehicle),
    shift.handed_over && fill(words.hands_over, shift.vehicle),
  ].filter(Boolean);
  return el("div", { class: "shift" },
    el("p", {}, parts.filter(Boolean).join(" · ")),
    ...(turns.length ? [el("p", { class: "turns" }, `${turns.join(" ")} `, el("a", { href: mapUrl(...shift.handover, words.handover) }, words.navigate))] : []));
}

function show() {
  if (gone) return main.replaceChildren(el("section", { class: "card alarm", role: "alert" }, el("p", {}, words.gone)));
  if (!day) return main.replaceChildren(...refused.map(refusedCard), el("p", { class: "card" }, words.loading));
  const open = new Set([...main.querySelectorAll("details[open]")].map((each) => each.dataset.key));
  const focus = document.activeElement?.dataset?.focus;
  const trips = tripsNow();
  const stops = stopsOf(trips.filter((trip) => trip.today));
  const next = nextStop(stops);
  const left = stops.filter((stop) => stop.open), over = stops.filter((stop) => !stop.open);
  const tomorrow = trips.filter((trip) => !trip.today);
  const unconfirmed = tomorrow.filter((trip) => !trip.confirmed);
  const lines = news();
  main.replaceChildren(
    ...refused.map(refusedCard),
    ...(lines.length ? [newsCard(lines)] : []),
    next ? nextCard(next) : el("p", { class: "card" }, stops.length ? words.all_done : words.nothing_today),
    ...[shiftsLine()].filter(Boolean),
    el("section", { class: "list" }, el("h2", {}, `${words.today} (${left.length})`), el("ol", {}, left.map((stop) => row(stop, stop === next)))),
    ...(over.length ? [el("details", { class: "list", "data-key": "over" }, el("summary", {}, `${words.earlier} (${over.length})`), el("ol", {}, over.map((stop) => row(stop, false))))] : []),
    el("section", { class: "list" }, el("h2", {}, `${words.tomorrow} (${tomorrow.length})`),
      tomorrow.length ? el("ol", {}, tomorrow.map(tomorrowRow)) : el("p", {}, words.nothing_tomorrow),
      unconfirmed.length > 1 && button(words.confirm_all, async () => { for (const trip of unconfirmed) await tap("confirm", { booking: trip.booking }); }, { class: "strong" })),
  );
  for (const each of main.querySelectorAll("details")) each.open = open.has(each.dataset.key);
  if (focus) main.querySelector(".next .primary")?.focus();
  if (lines.length && told !== lines.join()) navigator.vibrate?.([200, 100, 200]);
  told = lines.join();
}

function showState() {
  document.getElementById("who").textContent = day?.driver ?? document.title;
  const texts = [];
  if (gone) texts.push("");
  else if (!navigator.onLine) texts.push(words.offline);
  else if (failures > 1) texts.push(words.trouble);
  if (!gone && waiting.length) texts.push(fill(words.waiting, waiting.length));
  if (!gone && !texts.length) texts.push(day ? words.all_sent : words.loading);
  if (day && clockNow() - seenAt > LONG_AGO_MS) texts.push(fill(words.seen_at, clock(seenAt)));
  const text = texts.join(" · ");
  if (state.textContent !== text) state.textContent = text;
  document.body.classList.toggle("cut", !navigator.onLine || failures > 1);
}

function showDuty() {
  const button_ = (kind, text) => button(text, async () => {
    duties = kind === "break_begins" ? { ...duties, break_at: clockNow() } : kind === "break_ends" ? { ...duties, break_at: null } : { ended_at: clockNow() };
    await store.put("duty", duties);
    await tap(kind);
  }, { "data-tap": kind });
  duty.replaceChildren(
    duties.break_at ? button_("break_ends", words.break_ends) : button_("break_begins", words.break_begins),
    duties.ended_at ? el("p", {}, fill(words.off_duty, clock(duties.ended_at))) : button_("shift_ends", words.shift_ends),
    ...(duties.break_at ? [el("p", {}, fill(words.on_break, clock(duties.break_at)))] : []),
    button(shares ? words.position_off : words.position_on, toggleShare, { "aria-pressed": String(shares) }),
  );
}

function showUndo() {
  const left = last ? TAKE_BACK_MS - (Date.now() - Date.parse(last.at)) : 0;
  undo.hidden = left <= 0 || left > TAKE_BACK_MS;
  if (undo.hidden) return;
  const text = [words[last.kind], last.client, clock(last.at)].filter(Boolean).join(" · ");
  const said = document.getElementById("undo-text");
  if (said.textContent !== text) said.textContent = text;
  undo.querySelector("button").textContent = `${words.take_back} (${Math.ceil(left / 1000)})`;
}

async function refresh() {
  [day, known, waiting, refused, last, duties, offsetMs, seenAt] = await Promise.all([
    store.get("day"), store.get("known"), store.taps(), store.refused(), store.get("last"), store.get("duty"), store.get("offset_ms"), store.get("seen_at"),
  ]);
  duties ??= {};
  offsetMs ??= 0;
  // Clients are shown for a day, with or without network.
  if (day && clockNow() > Date.parse(day.forget_at)) {
    await store.forgetDay();
    [day, known, refused, last, duties] = [null, null, [], null, {}];
  }
  if (day && known?.today !== day.today) await know(tripsOfToday());
  show(); showState(); showUndo(); showDuty();
  share();
}

// With the server ---------------------------------------------------------------------------

function onDuty() {
  if (duties.ended_at || !day) return false;
  const now = clockNow();
  return (day.shifts ?? []).some((shift) => Date.parse(shift.start_at) - BEFORE_SHIFT_MS < now && now < Date.parse(shift.end_at)) || tripsNow().some(isBegun);
}

let timer = 0;
let due = 0;

// Ask in so many milliseconds, or earlier if that was planned already.
function plan(ms, { later = false } = {}) {
  const at = Date.now() + ms;
  if (!later && due > Date.now() && due < at) return;
  due = at;
  clearTimeout(timer);
  timer = setTimeout(exchange, ms);
}

let busy = false;

async function exchange() {
  if (gone || busy) return;
  if (!navigator.onLine) return showState(); // “online” asks again
  busy = true;
  try {
    await store.sync(urls);
    failures = 0;
  } catch (error) {
    if (error instanceof store.NotConnected) {
      gone = true;
      await store.forgetAll();
    } else if (error instanceof store.Silent) failures += 1;
    else throw error;
  } finally {
    busy = false;
  }
  await refresh();
  if (gone) return;
  const calm = onDuty() ? POLL_MS : IDLE_MS;
  const slower = Math.min(POLL_MS * 2 ** (failures - 1), SLOWEST_MS);
  due = 0;
  plan(waiting.length && !failures ? 300 : failures ? slower : calm, { later: true });
}

addEventListener("online", () => { failures = 0; plan(500); });
addEventListener("offline", showState);
document.addEventListener("visibilitychange", () => {
  // Nobody looks: nothing is asked. What is tapped is sent anyway.
  if (document.hidden) { clearTimeout(timer); due = 0; if (waiting.length) plan(300); } else refresh().then(() => plan(Math.max(0, Math.min(POLL_MS, POLL_MS - (clockNow() - seenAt)))));
});
setInterval(() => { if (!document.hidden && last) showUndo(); }, 1000);
setInterval(() => { if (!document.hidden) { if (day && clockNow() > Date.parse(day.forget_at)) refresh(); else showState(); } }, 30000);

// Positions, while on duty and only if the driver said so ------------------------------------

let shares = (await store.get("shares")) ?? false;
let watch = null;
let lastPosition = null;

function metres(a, b) {
  const rad = Math.PI / 180;
  const x = (b.lon - a.lon) * rad * Math.cos(a.lat * rad), y = (b.lat - a.lat) * rad;
  return Math.hypot(x, y) * 6371000;
}

function share() {
  const wanted = shares && !gone && onDuty() && "geolocation" in navigator;
  if (wanted && watch === null) {
    watch = navigator.geolocation.watchPosition(notePosition, (error) => {
      if (error.code === error.PERMISSION_DENIED) { state.textContent = words.position_denied; stopSharing(); }
    }, { enableHighAccuracy: false, maximumAge: POSITION_MS, timeout: POLL_MS });
  } else if (!wanted && watch !== null) {
    navigator.geolocation.clearWatch(watch);
    watch = null;
  }
}

async function notePosition({ coords }) {
  const now = { at: new Date().toISOString(), lat: coords.latitude, lon: coords.longitude };
  const before = lastPosition;
  if (before && Date.parse(now.at) - Date.parse(before.at) < POSITION_MS && metres(before, now) < POSITION_M) return;
  lastPosition = now;
  await store.addPosition(now); // goes with the next request
}

async function stopSharing() {
  shares = false;
  await store.put("shares", shares);
  share(); showDuty();
}

async function toggleShare() {
  if (shares) return stopSharing();
  shares = true;
  await store.put("shares", shares);
  share(); showDuty();
}

// The beginning -----------------------------------------------------------------------------

undo.querySelector("button").addEventListener("click", takeBack);
document.getElementById("message").addEventListener("submit", async (event) => {
  event.preventDefault();
  const box = document.getElementById("text");
  const text = box.value.trim();
  if (!text) return;
  box.value = "";
  await tap("message", { text });
  state.textContent = words.sent;
});
document.getElementById("languages").addEventListener("submit", ({ target }) => {
  const found = document.cookie.split("; ").find((part) => part.startsWith("csrftoken="));
  target.elements.csrfmiddlewaretoken.value = found?.slice("csrftoken=".length) ?? "";
});
if ("serviceWorker" in navigator) navigator.serviceWorker.register(urls.worker, { scope: urls.page });
navigator.storage?.persist?.(); // so that taps survive a phone that is full
await refresh();
plan(0);
