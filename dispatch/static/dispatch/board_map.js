// The map of the board: trips by driver, who waits, where the drivers were last seen. Without
// tiles it still shows places, scale and north.

/* global L */

const colour = (number) => `hsl(${(number * 137.5) % 360} 62% 45%)`;

export function makeMap(board, section, words) {
  const map = L.map(section.querySelector(".map"), { preferCanvas: true, zoomSnap: 0.25 });
  const { tilesUrl, tilesAttribution, mapUrl } = board.dataset;
  map.attributionControl.setPrefix(false);
  if (tilesUrl) L.tileLayer(tilesUrl, { attribution: tilesAttribution }).addTo(map);
  L.control.scale({ imperial: false }).addTo(map);
  const north = L.control({ position: "topright" });
  north.onAdd = () => {
    const sign = L.DomUtil.create("div", "north");
    sign.append("↑", document.createElement("br"), words.north);
    return sign;
  };
  north.addTo(map);

  const layers = L.layerGroup().addTo(map);
  let drivers = [];
  let placed = false;

  const show = (booking) => board.dispatchEvent(new CustomEvent("board:show", { detail: booking }));

  function mark(place, trip, sort, style) {
    const marker = L.circleMarker(place, { radius: 5, weight: 2, ...style });
    const text = document.createElement("span");
    text.textContent = `${trip.clock} ${trip.who} · ${sort}: ${trip[sort === words.pickup ? "pickup" : "dropoff"]}`;
    return marker.bindTooltip(text).on("click", () => show(trip.booking));
  }

  function drawDriver(driver, number) {
    const group = L.featureGroup();
    const path = driver.trips.flatMap((trip) => [trip.from, trip.to]);
    L.polyline(path, { color: colour(number), weight: 1, dashArray: "3 5", interactive: false }).addTo(group);
    for (const trip of driver.trips) {
      L.polyline([trip.from, trip.to], { color: colour(number), weight: 2.5, opacity: 0.75, interactive: false }).addTo(group);
      mark(trip.from, trip, words.pickup, { color: colour(number), fillColor: colour(number), fillOpacity: 1 }).addTo(group);
      mark(trip.to, trip, words.dropoff, { color: colour(number), fillColor: "#fff", fillOpacity: 1 }).addTo(group);
    }
    if (driver.seen) {
      const text = document.createElement("span");
      text.textContent = `${driver.name}, ${words.seen.replace("%s", driver.seen_at)}`;
      L.circleMarker(driver.seen, { radius: 8, weight: 3, color: "#fff", fillColor: colour(number), fillOpacity: 1 })
        .bindTooltip(text)
        .addTo(group);
    }
    return group;
  }

  async function load() {
    const response = await fetch(mapUrl);
    if (!response.ok) throw new Error(`The map answers ${response.status}.`);
    const data = await response.json();
    layers.clearLayers();
    drivers = data.drivers.map((driver, i) => ({ ...driver, group: drawDriver(driver, i).addTo(layers) }));
    for (const trip of data.waiting) {
      const style = { color: "#b42318", fillColor: "#b42318", fillOpacity: 0.25, dashArray: "2 3" };
      L.polyline([trip.from, trip.to], { ...style, weight: 1.5 }).addTo(layers);
      mark(trip.from, trip, words.pickup, style).addTo(layers);
    }
    for (const label of data.labels) {
      L.tooltip({ permanent: true, direction: "center", className: `place ${label.kind}`, interactive: false })
        .setLatLng(label.at)
        .setContent(document.createTextNode(label.text).textContent.replace(/[&<>]/g, (c) => `&#${c.charCodeAt(0)};`))
        .addTo(layers);
    }
    section.querySelector(".map-note").textContent = data.bounds ? "" : words.noMap;
    map.invalidateSize();
    if (data.bounds && !placed) {
      map.fitBounds(data.bounds, { padding: [24, 24] });
      placed = true;
    }
  }

  function filter(want) {
    for (const driver of drivers) {
      const chosen = !want.driver || String(driver.id) === want.driver;
      if (chosen) driver.group.addTo(layers);
      else layers.removeLayer(driver.group);
    }
  }

  return { load, filter };
}
