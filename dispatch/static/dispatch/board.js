// The day board: filters, keys, details, and news from the server. page.html lists what other
// scripts may use.

const board = document.querySelector(".board");
const area = document.getElementById("board");
const panel = document.getElementById("panel");
const panelBody = document.getElementById("panel-body");
const live = board.querySelector(".live");
const filters = board.querySelector(".filters");
const mapSection = document.getElementById("map");
const words = document.getElementById("words").dataset;

const POLL_MS = 1400; // the news: with what the server keeps, and a fetch, seen in 2 s
const STALE_MS = 60000; // the line of now, and who is late by now
const ITEMS = ".trip, .waiting";

let opened = null; // the booking whose details are open

const fold = (text) => text.toLocaleLowerCase().normalize("NFD").replace(/\p{M}/gu, "");
const all = (selector, root = board) => [...root.querySelectorAll(selector)];
const refresh = () => document.body.dispatchEvent(new CustomEvent("board:refresh"));

// Filters ------------------------------------------------------------------------------------

const folded = new WeakMap();
function searchText(element) {
  if (!folded.has(element)) folded.set(element, fold(`${element.title} ${element.textContent}`));
  return folded.get(element);
}

function wanted() {
  const data = new FormData(filters);
  return {
    text: fold(data.get("text").trim()),
    driver: data.get("driver"),
    status: data.get("status"),
    wheelchair: data.has("wheelchair"),
    show: data.get("show"), // the state of a figure that was clicked on
  };
}

const is = (item, state) => item.dataset.is.split(" ").includes(state);

function fits(item, want, named) {
  const { show } = want;
  const everyTrip = show === "on_duty" || (show && item.matches(".trip") && isOfQueue(show));
  return (
    (!show || everyTrip || is(item, show)) &&
    (!want.text || named || searchText(item).includes(want.text)) &&
    (!want.status ||
      (want.status === "late" ? item.dataset.risk : item.dataset.status === want.status)) &&
    (!want.wheelchair || item.dataset.wheelchairs > 0)
  );
}

// A figure of the queue hides nothing of the timeline.
const isOfQueue = (show) => area.querySelector(`[data-show="${show}"]`).hasAttribute("data-queue");

let filtered = false;

function filter() {
  const want = wanted();
  const active = Boolean(want.text || want.driver || want.status || want.wheelchair || want.show);
  for (const figure of all("[data-show]", area)) {
    figure.setAttribute("aria-pressed", String(Boolean(want.show) && figure.dataset.show === want.show));
  }
  if (active || filtered) mark(want, active);
  filtered = active;
  filters.querySelector("[type=reset]").hidden = !active;
  keepInAddress();
  rove();
  filters.querySelector("output").value = want.text ? words.found.replace("%s", found().length) : "";
  board.dispatchEvent(new CustomEvent("board:filtered", { detail: want }));
}

// The filters and the open trip: whoever comes back to this page finds it as it was.
function keepInAddress() {
  const query = new URLSearchParams();
  for (const [name, value] of new FormData(filters)) if (value) query.set(name, value);
  if (opened) query.set("trip", opened);
  history.replaceState(null, "", query.size ? `?${query}` : location.pathname);
}

function mark(want, active) {
  for (const row of all(".row")) {
    const named = Boolean(want.text) && searchText(row.querySelector(".driver")).includes(want.text);
    let found = 0;
    for (const trip of all(".trip", row)) {
      const fit = fits(trip, want, named);
      trip.classList.toggle("dim", !fit);
      found += fit;
    }
    const other = Boolean(want.driver) && row.dataset.driver !== want.driver;
    const byName = named && !want.status && !want.wheelchair;
    const chosen = Boolean(want.driver) && !want.text && !want.status && !want.wheelchair;
    const plain = !want.text && !want.status && !want.wheelchair && !want.driver;
    const whole = plain && want.show && (want.show === "on_duty" || isOfQueue(want.show));
    const off = want.show === "on_duty" && !is(row, "on_duty");
    row.hidden = other || off || (active && !found && !byName && !chosen && !whole);
  }
  for (const item of all(".waiting")) {
    item.parentElement.hidden = active && (want.show === "on_duty" || !fits(item, want, false));
  }
}

// What the search has found: trips in order of time, then what waits.
function found() {
  const left = (trip) => parseFloat(trip.style.left);
  const trips = all(".trip").filter(isShown).sort((a, b) => left(a) - left(b));
  return [...trips, ...all(".waiting").filter(isShown)];
}

// Open the next trip found. The focus stays in the search: Enter goes on, Escape goes to the trip.
function findNext() {
  const items = found();
  const at = items.findIndex((item) => item.dataset.booking === opened);
  const next = items[(at + 1) % items.length];
  if (!next) return;
  openPanel(next.dataset.booking);
  next.scrollIntoView({ block: "nearest", inline: "nearest" });
}

// Anybody may have written the address: what the page does not know is left out.
function restoreFilters() {
  const { text, driver, status, wheelchair, show } = filters.elements;
  const asked = new URLSearchParams(location.search);
  const get = (field) => asked.get(field.name) || "";
  text.value = get(text);
  wheelchair.checked = asked.has(wheelchair.name);
  for (const field of [driver, status]) {
    field.value = get(field);
    if (field.selectedIndex < 0) field.value = "";
  }
  if (all("[data-show]", area).some((figure) => figure.dataset.show === get(show))) show.value = get(show);
}

filters.addEventListener("input", filter);
filters.addEventListener("reset", () => {
  filters.elements.show.value = "";
  setTimeout(filter);
});
// A click on a figure shows what it counts; on “Booked”, or a second click, everything.
area.addEventListener("click", (event) => {
  const figure = event.target.closest("[data-show]");
  if (!figure) return;
  const { show } = filters.elements;
  show.value = show.value === figure.dataset.show ? "" : figure.dataset.show;
  filter();
});
filters.addEventListener("submit", (event) => {
  event.preventDefault();
  if (filters.elements.text.value.trim()) findNext();
});
for (const field of all(".pick input, .pick select")) {
  field.addEventListener("change", () => field.value && field.form.submit());
}

// Zoom ---------------------------------------------------------------------------------------

const ZOOMS = [1, 1.5, 2, 3, 4];
function zoom(step) {
  const now = ZOOMS.indexOf(Number(board.style.getPropertyValue("--zoom")) || 1);
  const next = ZOOMS[Math.min(ZOOMS.length - 1, Math.max(0, now + step))];
  const timeline = area.querySelector(".timeline");
  const middle = (timeline.scrollLeft + timeline.clientWidth / 2) / timeline.scrollWidth;
  board.style.setProperty("--zoom", next);
  timeline.scrollLeft = middle * timeline.scrollWidth - timeline.clientWidth / 2;
  localStorage.setItem("board-zoom", next);
}
board.style.setProperty("--zoom", Number(localStorage.getItem("board-zoom")) || 1);
for (const button of all("[data-zoom]")) {
  button.addEventListener("click", () => zoom(Number(button.dataset.zoom)));
}

// Density ------------------------------------------------------------------------------------

function setDensity(compact) {
  board.classList.toggle("compact", compact);
  board.querySelector("[data-density]").setAttribute("aria-pressed", String(compact));
  localStorage.setItem("board-density", compact ? "compact" : "comfortable");
}
const toggleDensity = () => setDensity(!board.classList.contains("compact"));
setDensity(localStorage.getItem("board-density") === "compact");
board.querySelector("[data-density]").addEventListener("click", toggleDensity);

// Keys: one stop of the tab key for the trips, one for the queue, one for what needs attention ----

const QUEUE = ".waiting, .queue button.suggestion";
const ATTENTION = ".attention .goto, .attention .tool";
const STOPS = [".trip", QUEUE, ATTENTION];

const isShown = (item) => !item.closest("li")?.hidden && !item.classList.contains("dim"); // no layout

function rove(current) {
  for (const selector of STOPS) {
    const items = all(selector).filter(isShown);
    const stop = items.includes(current)
      ? current
      : items.find((item) => item.tabIndex === 0) || items[0];
    for (const item of all(selector)) if (item.tabIndex === 0) item.tabIndex = -1;
    if (stop) stop.tabIndex = 0;
  }
}

// Up and down lead from line to line, left and right through what a line offers.
function stepOfAttention(item, key) {
  const parts = (line) => all(".goto, .tool", line);
  const line = item.closest("li");
  const at = parts(line).indexOf(item);
  if (key === "ArrowLeft" || key === "ArrowRight") return parts(line)[at + (key === "ArrowRight" ? 1 : -1)];
  const next = key === "ArrowDown" ? line.nextElementSibling : line.previousElementSibling;
  return next && (parts(next)[at] || parts(next)[0]);
}

function step(item, key) {
  const rows = all(".row").filter((row) => !row.hidden);
  if (item.matches(ATTENTION)) return stepOfAttention(item, key);
  if (item.matches(QUEUE)) {
    const items = all(QUEUE).filter(isShown);
    const by = { ArrowUp: -1, ArrowDown: 1 }[key];
    if (by) return items[items.indexOf(item) + by];
    return key === "ArrowLeft" ? rows.flatMap((row) => all(".trip", row)).find(isShown) : null;
  }
  const row = item.closest(".row");
  const inRow = (one) => all(".trip", one).filter(isShown);
  if (key === "ArrowLeft" || key === "ArrowRight") {
    return inRow(row)[inRow(row).indexOf(item) + (key === "ArrowRight" ? 1 : -1)];
  }
  const by = key === "ArrowDown" ? 1 : -1;
  const middle = (one) => one.offsetLeft + one.offsetWidth / 2;
  for (let i = rows.indexOf(row) + by; rows[i]; i += by) {
    const near = inRow(rows[i]).sort(
      (a, b) => Math.abs(middle(a) - middle(item)) - Math.abs(middle(b) - middle(item)),
    );
    if (near.length) return near[0];
  }
  return null;
}

function show(item) {
  item.focus({ preventScroll: true });
  item.scrollIntoView({ block: "nearest", inline: "nearest" });
}

const SHORTCUTS = {
  "/": () => filters.elements.text.focus(),
  "?": () => document.getElementById("keys").showModal(),
  q: () => (all(".waiting").find(isShown) || area).focus(),
  d: toggleDensity,
  m: toggleMap,
  "+": () => zoom(1),
  "-": () => zoom(-1),
};

document.addEventListener("keydown", (event) => {
  if (event.ctrlKey || event.metaKey || event.altKey || event.defaultPrevented) return;
  const target = event.target;
  if (event.key === "Escape") {
    if (document.querySelector("dialog[open]")) return; // it closes that, and no more
    if (target === filters.elements.text) {
      target.value = "";
      filter();
      target.blur();
      const item = opened && area.querySelector(`[data-booking="${opened}"]`);
      if (item) show(item);
    } else if (!panel.hidden) closePanel();
    return;
  }
  if (target.closest("input, select, textarea, dialog, [contenteditable]")) return;
  if (event.key.startsWith("Arrow")) {
    const item = target.closest(STOPS.join());
    const next = item && step(item, event.key);
    if (item) event.preventDefault();
    if (next) show(next);
    return;
  }
  const link = board.querySelector(`a[data-key="${CSS.escape(event.key)}"]`);
  const shortcut = SHORTCUTS[event.key] || (link && (() => link.click()));
  if (shortcut) {
    event.preventDefault();
    shortcut();
  }
});
area.addEventListener("focusin", (event) => {
  if (event.target.matches(STOPS.join())) rove(event.target);
});
board.querySelector("[data-keys]").addEventListener("click", SHORTCUTS["?"]);

// Details ------------------------------------------------------------------------------------

function openPanel(booking) {
  opened = booking;
  panel.hidden = false;
  markOpened();
  area.querySelector(".trip.open")?.scrollIntoView({ block: "nearest", inline: "nearest" });
  htmx.ajax("GET", board.dataset.bookingUrl.replace(/0\/$/, `${booking}/`), {
    target: panelBody,
    swap: "innerHTML",
  });
}

function closePanel() {
  const item = opened && area.querySelector(`[data-booking="${opened}"]`);
  opened = null;
  const focused = panel.contains(document.activeElement);
  panel.hidden = true;
  panelBody.replaceChildren();
  markOpened();
  if (item) show(item);
  else if (focused) board.querySelector("#runs button")?.focus();
}

function markOpened() {
  keepInAddress();
  for (const item of all(".open", area)) item.classList.remove("open");
  if (opened) area.querySelector(`[data-booking="${opened}"]`)?.classList.add("open");
}

if (board.dataset.bookingUrl) {
  area.addEventListener("click", (event) => {
    const item = event.target.closest(ITEMS);
    if (!item) return;
    openPanel(item.dataset.booking);
    if (event.detail === 0) panel.focus({ preventScroll: true }); // opened by key
  });
}
panel.querySelector(".close").addEventListener("click", closePanel);

// A new board, in place of the old one ---------------------------------------------------------

const SCROLLED = [".timeline", ".attention", ".queue"];
let before = null;
let advised = null; // the suggestion that had the focus comes after the board: who waits for it

// What an element of the board is known by, also on the next one: the first of these that it has.
const KEYS = ["id", "data-key", "data-booking", "data-show", "data-driver"];

// Where an element is, as selectors: on the new board the first that is found gets the focus.
function placesOf(element) {
  if (!area.contains(element)) return [];
  const keyed = element.closest(KEYS.map((key) => `[${key}]`).join());
  if (!area.contains(keyed) || keyed === area) return [];
  const key = KEYS.find((name) => keyed.hasAttribute(name));
  const place = `[${key}="${CSS.escape(keyed.getAttribute(key))}"]`;
  const waiting = element.closest(".queue li")?.querySelector(".waiting");
  return [
    keyed === element ? place : `${place} .${element.classList[0]}`,
    ...(waiting ? [`[data-booking="${waiting.dataset.booking}"]`] : []), // until its advice is there
  ];
}

function focusOn(places) {
  const found = places.map((place) => area.querySelector(place)).find(Boolean);
  found?.focus({ preventScroll: true });
}

document.body.addEventListener("htmx:beforeSwap", (event) => {
  if (event.detail.target !== area) return;
  before = {
    focus: placesOf(document.activeElement),
    scroll: SCROLLED.map((selector) => {
      const element = area.querySelector(selector);
      return element && [element.scrollLeft, element.scrollTop];
    }),
  };
});

document.body.addEventListener("htmx:afterSwap", (event) => {
  if (event.detail.target !== area || !before) return;
  SCROLLED.forEach((selector, i) => {
    const element = area.querySelector(selector);
    if (element && before.scroll[i]) [element.scrollLeft, element.scrollTop] = before.scroll[i];
  });
  filter();
  markOpened();
  focusOn(before.focus);
  const item = document.activeElement;
  advised = item.matches(".waiting") ? { item, place: before.focus[0] } : null;
  before = null;
  read = Date.now();
  latest = Math.max(latest, Number(area.querySelector(".figures").dataset.event));
  tellAttention();
  board.dispatchEvent(new CustomEvent("board:swapped"));
});

document.body.addEventListener("htmx:oobAfterSwap", () => {
  if (advised && document.activeElement === advised.item) focusOn([advised.place]);
});

// News ---------------------------------------------------------------------------------------

let latest = Number(board.dataset.event);
let read = Date.now();
let quiet = null;
let told = null; // of an event: what another has read of it will do

area.addEventListener("htmx:configRequest", (event) => {
  if (event.target !== area || told === null) return;
  event.detail.parameters.after = told;
  told = null;
});

function announce(text, trouble = false) {
  live.textContent = text;
  live.classList.toggle("trouble", trouble);
  live.classList.remove("gone");
  clearTimeout(quiet);
  if (!trouble) quiet = setTimeout(() => live.classList.add("gone"), 8000);
}

async function poll() {
  if (document.hidden || board.dataset.busy) return; // busy: somebody drags a trip
  try {
    const { fleet } = area.querySelector(".figures").dataset;
    const seen = new URLSearchParams({ after: latest, day: board.dataset.day, fleet });
    const response = await fetch(`${board.dataset.newsUrl}?${seen}`, { redirect: "manual" });
    if (response.type === "opaqueredirect" || response.status === 403) location.reload();
    if (response.status !== 200 && response.status !== 204) throw new Error(response.status);
    if (live.classList.contains("trouble")) announce(words.updatedPlain);
    if (response.status === 200) {
      const news = await response.json();
      latest = told = news.event;
      if (news.by.length) announce(words.updated.replace("%s", news.by.join(", ")));
      refresh();
    } else if (Date.now() - read > STALE_MS) {
      read = Date.now();
      refresh();
    }
  } catch {
    announce(words.offline, true);
  }
}

async function keepPolling() {
  await poll();
  setTimeout(keepPolling, POLL_MS);
}
document.addEventListener("visibilitychange", poll);

// What needs attention: in the title, the header, and with a sound where somebody wants it ------

const title = document.title;
const alerts = board.querySelector(".alerts");
const sound = board.querySelector("[data-sound]");
const keysOfAttention = () => all(".attention [data-key]", area).map((item) => item.dataset.key);
let known = new Set(keysOfAttention());

function tellAttention() {
  const count = Number(area.querySelector(".figures").dataset.attention);
  document.title = count ? `(${count}) ${title}` : title;
  alerts.hidden = !count;
  alerts.querySelector("b").textContent = count;
  const news = keysOfAttention().filter((key) => !known.has(key));
  known = new Set(keysOfAttention());
  if (!news.length) return;
  const first = area.querySelector(`.attention [data-key="${news[0]}"] strong`).textContent;
  announce(words.attention.replace("%s", first));
  if (sound.getAttribute("aria-pressed") === "true") beep();
}

function beep() {
  const context = new AudioContext();
  const tone = context.createOscillator();
  const volume = context.createGain();
  volume.gain.setValueAtTime(0.15, context.currentTime);
  volume.gain.exponentialRampToValueAtTime(0.001, context.currentTime + 0.4);
  tone.frequency.value = 740;
  tone.connect(volume).connect(context.destination);
  tone.start();
  tone.stop(context.currentTime + 0.4);
  tone.addEventListener("ended", () => context.close());
}

function setSound(on) {
  sound.setAttribute("aria-pressed", String(on));
  localStorage.setItem("board-sound", on ? "on" : "off");
}
setSound(localStorage.getItem("board-sound") === "on");
sound.addEventListener("click", () => {
  setSound(sound.getAttribute("aria-pressed") !== "true");
  if (sound.getAttribute("aria-pressed") === "true") beep();
});
area.addEventListener("click", (event) => {
  const booking = event.target.closest("[data-goto]")?.dataset.goto;
  if (!booking) return;
  openPanel(booking);
  if (event.detail === 0) panel.focus({ preventScroll: true });
});
tellAttention();

// Map ----------------------------------------------------------------------------------------

let map = null;

async function toggleMap() {
  mapSection.hidden = !mapSection.hidden;
  board.querySelector("[data-toggle=map]").setAttribute("aria-pressed", String(!mapSection.hidden));
  if (mapSection.hidden) return;
  map ||= (await import("./board_map.js")).makeMap(board, mapSection, words);
  await map.load();
  map.filter(wanted());
  mapSection.scrollIntoView({ block: "nearest" });
}
board.querySelector("[data-toggle=map]").addEventListener("click", toggleMap);
board.addEventListener("board:filtered", (event) => map?.filter(event.detail));
board.addEventListener("board:swapped", () => {
  if (!mapSection.hidden) map?.load().then(() => map.filter(wanted()));
});
board.addEventListener("board:show", (event) => {
  const item = area.querySelector(`[data-booking="${event.detail}"]`);
  if (item) {
    show(item);
    item.click();
  }
});

const asked = new URLSearchParams(location.search).get("trip");
restoreFilters();
filter();
if (/^\d+$/.test(asked)) addEventListener("load", () => openPanel(asked));
area.querySelector(".now span")?.scrollIntoView({ block: "nearest", inline: "center" });
setTimeout(keepPolling, POLL_MS);
