"use strict";
// A button .place-on-map after a field [data-places] opens a map on which the position is picked: by
// dragging the marker, by a click, or by the arrow keys. Without tiles the map still shows the
// company's places as points, and a scale. What is taken is written into the fields named alike.

/* global L */

{
  const STEP_PX = 10;
  const FAR_PX = 60;
  const NAMED = 6;  // places with their names
  const DIGITS = 6;  // a tenth of a metre
  const KEYS = { ArrowUp: [0, -1], ArrowDown: [0, 1], ArrowLeft: [-1, 0], ArrowRight: [1, 0] };
  let loading;

  const fieldOf = (button) => {
    for (let one = button.previousElementSibling; one; one = one.previousElementSibling) {
      const field = one.matches("[data-places]") ? one : one.querySelector("[data-places]");
      if (field) return field;
    }
    throw new Error("no field of an address before the button");
  };
  const degrees = (input, what) => input.form?.elements[input.name.replace(/address$/, what)];

  const load = ({ script, style }) => {
    if (window.L) return Promise.resolve();
    loading ??= new Promise((done, failed) => {
      const sheet = Object.assign(document.createElement("link"), { rel: "stylesheet", href: style });
      const code = Object.assign(document.createElement("script"), { src: script });
      code.addEventListener("load", done);
      code.addEventListener("error", () => { loading = undefined; failed(new Error("leaflet")); });
      document.head.append(sheet, code);
    });
    return loading;
  };

  // What the company knows; a company that is only being made knows nothing.
  const known = async (url) => {
    const answer = await fetch(url);
    return answer.ok && !answer.redirected ? answer.json() : { center: null, places: [] };
  };

  const element = (name, content, attributes = {}) => {
    const made = Object.assign(document.createElement(name), attributes);
    made.append(content);
    return made;
  };

  const say = (button, text) => {
    const status = button.parentElement.querySelector(".place-taken") ?? element("p", "", { className: "place-taken" });
    status.setAttribute("role", "status");
    button.after(status);
    status.textContent = text;
  };

  const text = ({ lat, lng }) => `${lat.toFixed(5)}, ${lng.toFixed(5)}`;

  const open = (button, { center, places, tiles, attribution }) => {
    const words = button.dataset;
    const input = fieldOf(button);
    const box = element("div", "", { className: "place-map" });
    const says = element("output", "");
    says.setAttribute("aria-live", "polite");
    const take = element("button", words.take, { type: "button", className: "take" });
    const cancel = element("button", words.cancel, { type: "button" });
    const buttons = element("p", says, { className: "buttons" });
    buttons.append(take, cancel);
    const dialog = element("dialog", element("h2", words.title), { className: "place-dialog" });
    dialog.setAttribute("aria-label", words.title);
    dialog.append(element("p", words.hint), box, buttons);
    document.body.append(dialog);
    dialog.addEventListener("close", () => { dialog.remove(); button.focus(); });
    dialog.addEventListener("keydown", (event) => event.stopPropagation());  // no keys of the page below
    dialog.showModal();

    const map = L.map(box, { zoomSnap: 0.25, keyboard: false });
    map.attributionControl.setPrefix(false);
    if (tiles) L.tileLayer(tiles, { attribution }).addTo(map);
    L.control.scale({ imperial: false }).addTo(map);
    const [lat, lon] = ["lat", "lon"].map((what) => Number.parseFloat(degrees(input, what)?.value));
    const has = Number.isFinite(lat) && Number.isFinite(lon) && Math.abs(lat) <= 90 && Math.abs(lon) <= 180;
    const at = has ? [lat, lon] : center ?? [20, 0];
    map.setView(at, has ? 16 : center ? 13 : 2);
    const icon = L.divIcon({ className: "place-pin", iconSize: [28, 28], iconAnchor: [14, 28] });
    const pin = L.marker(at, { icon, draggable: true, title: words.marker, alt: words.marker }).addTo(map);
    let address = "";
    const move = (to, of = "") => {
      pin.setLatLng(to);
      address = of;
      says.textContent = `${words.here.replace("{}", text(pin.getLatLng()))}${of && ` · ${of}`}`;
    };
    move(at);
    const near = places.map((place) => [map.distance(at, place.slice(0, 2)), place])
      .sort((one, other) => one[0] - other[0]).slice(0, NAMED).map((pair) => pair[1]);
    // Without tiles the places around are all there is to see.
    if (!tiles && near.length) map.fitBounds([at, ...near.map((place) => place.slice(0, 2))], { padding: [48, 48], maxZoom: 16 });
    for (const place of places) {
      const [placeLat, placeLon, name] = place;
      const permanent = !tiles && near.includes(place);
      L.circleMarker([placeLat, placeLon], { radius: 5, weight: 1.5, fillOpacity: 0.8 })
        .bindTooltip(element("span", name), { permanent, direction: "bottom", className: "place-name" }).addTo(map)
        .on("click", (event) => { L.DomEvent.stop(event); move([placeLat, placeLon], name); });
    }
    map.on("click", ({ latlng }) => move(latlng));
    pin.on("drag", () => move(pin.getLatLng()));
    pin.getElement().addEventListener("keydown", (event) => {
      if (!KEYS[event.key]) return;
      event.preventDefault();
      const step = event.shiftKey ? FAR_PX : STEP_PX;
      const by = KEYS[event.key].map((one) => one * step);
      move(map.containerPointToLatLng(map.latLngToContainerPoint(pin.getLatLng()).add(by)));
      map.panInside(pin.getLatLng(), { padding: [40, 40] });
    });
    cancel.addEventListener("click", () => dialog.close());
    take.addEventListener("click", () => {
      const { lat: newLat, lng } = pin.getLatLng().wrap();
      for (const [what, value] of [["lat", newLat], ["lon", lng]]) {
        const other = degrees(input, what);
        if (other && other !== input) other.value = value.toFixed(DIGITS);
      }
      input.value ||= address || text(pin.getLatLng());
      input.dataset.known = input.value;
      dialog.close();
      say(button, words.taken.replace("{}", text(pin.getLatLng())));
      input.dispatchEvent(new Event("change", { bubbles: true }));
    });
    pin.getElement().focus();
  };

  document.addEventListener("click", async (event) => {
    const button = event.target.closest?.(".place-on-map");
    if (!button || document.querySelector(".place-dialog")) return;
    try {
      const [data] = await Promise.all([known(button.dataset.map), load(button.dataset)]);
      open(button, data);
    } catch {
      say(button, button.dataset.failed);
    }
  });
}
