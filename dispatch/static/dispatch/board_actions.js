// The actions of the board: drag, keys, dialogs, toasts. The server decides; see page.html
// for the board's own parts. A trip goes to a driver by dragging it to the driver's row, by `a`,
// or by opening it and clicking on the driver's name: each shows a preview first.

const board = document.querySelector(".board");
const area = document.getElementById("board");
const panel = document.getElementById("panel");
const panelBody = document.getElementById("panel-body");
const dialog = document.getElementById("action");
const dialogBody = document.getElementById("dialog-body");
const words = document.getElementById("action-words").dataset;
const runs = document.getElementById("runs");
const toasts = document.getElementById("toasts");

const ITEMS = ".trip, .waiting";
const GIVEABLE = new Set(["accepted", "assigned", "en_route"]);
const mayWrite = Boolean(board.dataset.mayWrite);
const tripUrl = (booking, end) => board.dataset.bookingUrl.replace(/0\/$/, `${booking}/${end}`);

function toast(text, level = "ok") {
  const line = document.createElement("p");
  line.className = `toast ${level}`;
  line.textContent = text;
  toasts.append(line);
  setTimeout(() => line.remove(), level === "ok" ? 5000 : 9000);
}
document.body.addEventListener("board:toast", (event) => toast(event.detail.text, event.detail.level));

let toPanel = false; // the next answer in the panel gets the focus
let toRuns = null; // what had the focus in the toolbar when it was replaced

htmx.config.defaultSettleDelay = 0; // what is shown can be clicked

// Answers --------------------------------------------------------------------------------------

document.body.addEventListener("htmx:beforeSwap", (event) => {
  const { xhr, target, requestConfig } = event.detail;
  if (xhr.getResponseHeader("HX-Retarget")) { // a refusal that is shown in its place
    event.detail.shouldSwap = true;
    event.detail.isError = false;
  }
  if (target === runs) toRuns = runs.contains(document.activeElement) && document.activeElement;
  // After dragging, keep the whole board in view: success needs no panel.
  const fromDialog = dialog.contains(requestConfig.elt) && !requestConfig.path.includes("/plan/");
  if (target === panelBody && panel.hidden && fromDialog && xhr.status === 200) {
    event.detail.shouldSwap = false;
  }
});

document.body.addEventListener("htmx:afterSwap", (event) => {
  if (event.detail.target === panelBody) {
    panel.hidden = false;
    // Keep the keyboard focus in the panel, even if the focused button was removed.
    if (toPanel || document.activeElement === document.body) panel.focus({ preventScroll: true });
  }
  if (event.detail.target === runs && toRuns) {
    const same = toRuns.dataset.act && `[data-act=${toRuns.dataset.act}]`;
    const next = (same && runs.querySelector(same)) || runs.querySelector("button");
    next?.focus({ preventScroll: true });
    toRuns = null;
  }
  if (event.detail.target === dialogBody && dialogBody.children.length) {
    if (!dialog.open) dialog.showModal();
    dialogBody.querySelector("[autofocus]")?.focus();
  }
});

document.body.addEventListener("htmx:afterRequest", (event) => {
  if (event.detail.target === panelBody) toPanel = false; // also where nothing was swapped
});

document.body.addEventListener("htmx:responseError", (event) => {
  const { status } = event.detail.xhr;
  if (event.detail.xhr.getResponseHeader("HX-Trigger")) return; // the server sent its own toast
  toast(status === 403 ? words.forbidden : status === 404 ? words.missing : words.failed, "alarm");
});
document.body.addEventListener("htmx:sendError", () => toast(words.failed, "alarm"));

// A new form that htmx has not processed yet must not leave the page.
board.addEventListener("submit", (event) => {
  if (event.target.matches("[hx-post], [hx-get]")) event.preventDefault();
});
document.body.addEventListener("board:done", () => dialog.close());
dialog.addEventListener("close", () => dialogBody.replaceChildren());
dialog.addEventListener("click", (event) => {
  if (event.target === dialog || event.target.closest("[data-close]")) dialog.close();
});

const ask = (url, values = {}) =>
  htmx.ajax("GET", url, { source: dialogBody, target: dialogBody, swap: "innerHTML", values });
const look = (booking, driver) => ask(tripUrl(booking, "look/"), { driver });
const pick = (booking) => ask(tripUrl(booking, "candidates/"), { pick: 1 });

// Two clicks and keys ----------------------------------------------------------------------------

const opened = () => (panel.hidden ? null : panelBody.querySelector(".trip-panel"));
function chosen() {
  const item = document.activeElement?.closest?.(ITEMS) || opened();
  return item && GIVEABLE.has(item.dataset.status) ? item.dataset.booking : null;
}

let swapping = null; // the booking that waits for the other one
function swapWith(booking) {
  swapping = booking;
  board.classList.toggle("swapping", Boolean(booking));
  if (booking) toast(words.other);
}

const ACTS = {
  assign: () => chosen() && pick(chosen()),
  swap: () => chosen() && swapWith(chosen()),
  lock: () => panelBody.querySelector("[value=lock], [value=unlock]")?.click(),
};
const KEYS = {
  a: ACTS.assign,
  s: ACTS.swap,
  l: ACTS.lock,
  p: () => {
    const button = runs.querySelector("[data-act=plan]:not(:disabled)"); // none while a plan is made
    toPanel ||= Boolean(button);
    button?.click();
  },
};

if (mayWrite) {
  panel.addEventListener("click", (event) => {
    const act = event.target.closest("[data-act]")?.dataset.act;
    if (act && opened()) ACTS[act]();
  });
  area.addEventListener(
    "click",
    (event) => {
      const trip = event.target.closest(".trip");
      if (swapping && trip) {
        event.stopPropagation();
        ask(tripUrl(swapping, "swap/"), { other: trip.dataset.booking });
        swapWith(null);
        return;
      }
      const name = !event.target.closest(".sick") && event.target.closest(".row .driver");
      const current = opened();
      if (name && current && GIVEABLE.has(current.dataset.status)) {
        look(current.dataset.booking, name.closest(".row").dataset.driver);
      }
    },
    true,
  );
  document.addEventListener(
    "keydown",
    (event) => {
      if (event.ctrlKey || event.metaKey || event.altKey) return;
      if (event.target.closest("input, select, textarea, dialog, [contenteditable]")) return;
      if (event.key === "Escape" && swapping) {
        event.preventDefault();
        swapWith(null);
      } else if (event.key === "Escape" && drag) {
        event.preventDefault();
        endDrag();
      } else if (KEYS[event.key]) {
        event.preventDefault();
        KEYS[event.key]();
      }
    },
    true,
  );
}

// Dragging: with a mouse at once, with a finger after a long press (before that it scrolls) -------

const FAR_PX = 6;
const LONG_PRESS_MS = 350;
const EDGE_PX = 48;
let drag = null;

function beginDrag() {
  const ghost = drag.item.cloneNode(true);
  const box = drag.item.getBoundingClientRect();
  ghost.classList.add("ghost");
  ghost.removeAttribute("tabindex");
  ghost.setAttribute("aria-hidden", "true");
  ghost.style.cssText = `width:${Math.min(Math.max(box.width, 150), 260)}px`;
  board.append(ghost);
  drag.ghost = ghost;
  drag.item.classList.add("dragged");
  board.classList.add("dragging");
  board.dataset.busy = "1";
  moveDrag(drag.x, drag.y);
}

function moveDrag(x, y) {
  drag.ghost.style.translate = `${x + 8}px ${y + 8}px`;
  const under = document.elementFromPoint(x, y);
  const target = under?.closest?.(".row[data-driver], .queue");
  const fits = target && area.contains(target) && isGoal(target) ? target : null;
  if (fits !== drag.goal) {
    drag.goal?.classList.remove("goal");
    fits?.classList.add("goal");
    drag.goal = fits;
  }
  const lane = area.querySelector(".timeline");
  const edges = lane.getBoundingClientRect();
  if (y < edges.top + EDGE_PX) lane.scrollTop -= 12;
  else if (y > edges.bottom - EDGE_PX) lane.scrollTop += 12;
}

function isGoal(target) {
  if (target.matches(".queue")) return drag.data.status === "assigned";
  return target.dataset.driver !== drag.data.driver;
}

function endDrag() {
  clearTimeout(drag.timer);
  drag.ghost?.remove();
  drag.item.classList.remove("dragged");
  drag.goal?.classList.remove("goal");
  board.classList.remove("dragging");
  delete board.dataset.busy;
  drag = null;
}

function drop() {
  const { goal, data } = drag;
  if (!goal) return;
  if (goal.matches(".queue")) {
    htmx.ajax("POST", tripUrl(data.booking, "change/"), {
      source: dialogBody,
      target: panelBody,
      swap: "innerHTML",
      values: { action: "release", version: data.version, assignment: data.assignment },
    });
  } else look(data.booking, goal.dataset.driver);
}

if (mayWrite) {
  area.addEventListener("pointerdown", (event) => {
    const item = event.target.closest(ITEMS);
    if (!item || event.button !== 0 || !GIVEABLE.has(item.dataset.status) || swapping) return;
    const data = { ...item.dataset };
    drag = { item, data, x: event.clientX, y: event.clientY, id: event.pointerId };
    drag.touch = event.pointerType === "touch";
    if (drag.touch) drag.timer = setTimeout(beginDrag, LONG_PRESS_MS);
  });
  document.addEventListener("pointermove", (event) => {
    if (!drag || event.pointerId !== drag.id) return;
    const far = Math.hypot(event.clientX - drag.x, event.clientY - drag.y) > FAR_PX;
    if (drag.ghost) moveDrag(event.clientX, event.clientY);
    else if (far && drag.touch) endDrag();
    else if (far) beginDrag();
  });
  document.addEventListener("pointerup", (event) => {
    if (!drag || event.pointerId !== drag.id) return;
    if (drag.ghost) {
      // The click that follows a drag must not open the details.
      addEventListener("click", stop, { capture: true, once: true });
      setTimeout(() => removeEventListener("click", stop, { capture: true }));
      drop();
    }
    endDrag();
  });
  document.addEventListener("pointercancel", () => drag && endDrag());
  area.addEventListener("touchmove", (event) => drag?.ghost && event.preventDefault(), {
    passive: false,
  });
  area.addEventListener("contextmenu", (event) => drag?.touch && event.preventDefault());
}

function stop(event) {
  event.stopPropagation();
  event.preventDefault();
}
