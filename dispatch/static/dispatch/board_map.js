// The map of the board: trips by driver, waiting bookings, last positions of drivers. Without
// tiles it still shows places, scale and north. Ways come from the road server; where none is known,
// a ride is a straight line, dashed.

/* global L */

const colour = (number) => `hsl(${(number * 137.5) % 360} 62% 45%)`;

const RIDE = "8 5";
const EMPTY = "1 5";
const ROUNDS = 20;

// The points of a polyline: dispatch/roads/polyline.py.
function decode(text) {
  const points = [];
  const at = [0, 0];
  let value = 0;
  let shift = 0;
  let axis = 0;
  for (const character of text) {
    const bits = character.charCodeAt(0) - 63;
    value |= (bits & 31) << shift;
    shift += 5;
    if (bits >= 32) continue;
    at[axis] += value & 1 ? ~(value >> 1) : value >> 1;
    value = shift = 0;
    axis = 1 - axis;
    if (axis === 0) points.push([at[0] / 1e5, at[1] / 1e5]);
  }
  return points;
}

export function makeMap(board, section, words) {
  const map = L.map(section.querySelector(".map"), { preferCanvas: true, zoomSnap: 0.25 });
  const { tilesUrl, tilesAttribution, mapUrl, roadsUrl } = board.dataset;
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
  const names = L.layerGroup().addTo(map);
  let drivers = [];
  let labels = [];
  let placed = false;
  let rides = new Map(); // by booking: the line of the ride, and that of the way to its pickup

  const show = (booking) => board.dispatchEvent(new CustomEvent("board:show", { detail: booking }));

  function tip(layer, text) {
    const element = document.createElement("span");
    element.textContent = text;
    return layer.bindTooltip(element);
  }

  function mark(trip, place, text, style) {
    const marker = L.circleMarker(place, { radius: 4, weight: 1.5, fillOpacity: 1, ...style });
    return tip(marker, `${trip.clock} ${trip.who} · ${text}`).on("click", () => show(trip.booking));
  }

  function ends(trip, color) {
    return [
      mark(trip, trip.from, `${words.pickup}: ${trip.pickup}`, { color, fillColor: color }),
      mark(trip, trip.to, `${words.dropoff}: ${trip.dropoff}`, { color, fillColor: "#fff" }),
    ];
  }

  function drawDriver(driver, number) {
    const color = colour(number);
    const still = { color, interactive: false };
    const lines = driver.trips.flatMap((trip, i) => {
      const before = driver.trips[i - 1];
      const ride = L.polyline([trip.from, trip.to], { ...still, weight: 2.5, dashArray: RIDE });
      const empty = before && L.polyline([before.to, trip.from], { ...still, weight: 1, dashArray: EMPTY });
      rides.set(trip.booking, [ride, empty]);
      return empty ? [empty, ride] : [ride];
    });
    const points = driver.trips.flatMap((trip) => ends(trip, color));
    if (driver.seen) {
      const seen = L.circleMarker(driver.seen, { radius: 9, weight: 3, color: "#fff", fillColor: color, fillOpacity: 1 });
      points.push(tip(seen, `${driver.name}, ${words.seen.replace("%s", driver.seen_at)}`));
    }
    return { id: String(driver.id), lines, group: L.featureGroup([...lines, ...points]) };
  }

  // The most important names first; one that would cover another appears after zooming in.
  function writeNames() {
    names.clearLayers();
    const taken = [];
    for (const label of labels) {
      const { x, y } = map.latLngToContainerPoint(label.at);
      const half = 3.6 * label.text.length + 6;
      const box = [x - half, y - 9, x + half, y + 9];
      if (taken.some((b) => box[0] < b[2] && b[0] < box[2] && box[1] < b[3] && b[1] < box[3])) continue;
      taken.push(box);
      const element = document.createElement("span");
      element.textContent = label.text;
      L.tooltip({ permanent: true, direction: "center", className: `place ${label.kind}` })
        .setLatLng(label.at)
        .setContent(element)
        .addTo(names);
    }
  }
  map.on("zoomend resize", writeNames);

  // What the road server did not say in time is asked for again, as long as it says something.
  async function drawRoads() {
    const lines = rides;
    let left = roadsUrl ? Infinity : 0;
    for (let round = 0; left && round < ROUNDS; round++) {
      const response = await fetch(roadsUrl);
      if (!response.ok || lines !== rides) return;
      const data = await response.json();
      if (lines !== rides) return;
      for (const [booking, ways] of Object.entries(data.ways)) {
        ways.forEach((way, i) => {
          const line = way && lines.get(Number(booking))?.[i];
          if (line) line.setLatLngs(decode(way)).setStyle({ dashArray: i ? "3 5" : null });
        });
      }
      if (data.left >= left) return;
      left = data.left;
    }
  }

  async function load() {
    const response = await fetch(mapUrl);
    if (!response.ok) throw new Error(`The map answers ${response.status}.`);
    const data = await response.json();
    layers.clearLayers();
    rides = new Map();
    drivers = data.drivers.map(drawDriver);
    labels = data.labels;
    for (const trip of data.waiting) {
      const color = "#d92d20";
      const ride = L.polyline([trip.from, trip.to], { color, weight: 2, dashArray: "1 6", interactive: false });
      rides.set(trip.booking, [ride.addTo(layers)]);
      for (const marker of ends(trip, color)) marker.addTo(layers);
    }
    section.querySelector(".map-note").textContent = data.bounds ? words.straight : words.noMap;
    map.invalidateSize();
    if (data.bounds && !placed) {
      map.fitBounds(data.bounds, { padding: [24, 24] });
      placed = true;
    }
    if (data.bounds) writeNames();
    drawRoads();
  }

  function filter(want) {
    for (const driver of drivers) {
      if (want.driver && driver.id !== want.driver) {
        layers.removeLayer(driver.group);
        continue;
      }
      for (const line of driver.lines) line.setStyle({ opacity: want.driver ? 0.9 : 0.28 });
      driver.group.addTo(layers);
    }
  }

  return { load, filter };
}
