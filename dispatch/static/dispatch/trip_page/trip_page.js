"use strict";
// Draws where the car is. Its numbers and the tiles are in the page.

/* global L */

document.addEventListener("DOMContentLoaded", () => {
  const box = document.getElementById("car");
  const { lat, lon, tiles, attribution } = box.dataset;
  const map = L.map(box, { scrollWheelZoom: false }).setView([lat, lon], 15);
  L.tileLayer(tiles, { attribution }).addTo(map);
  L.circleMarker([lat, lon], { radius: 10, color: "#0b3d5c", fillOpacity: 0.8 }).addTo(map);
});
