"use strict";
// Loads the page anew every minute while it is looked at and nobody is about to press anything in it.
// Without scripts the page does it itself.

const EVERY_MS = 60_000;

setInterval(() => {
  const isInUse = document.activeElement && document.activeElement !== document.body;
  if (document.visibilityState === "visible" && !isInUse) location.reload();
}, EVERY_MS);
