"use strict";
// Booking by telephone: known places fill the fields (drivers/places.js searches others), Enter chooses the first client found.
{
  const form = document.querySelector("form.telephone");

  const fill = (end, { address, lat, lon }) => {
    const values = { address, lat, lon };
    for (const [what, value] of Object.entries(values)) form.elements[`${end}_${what}`].value = value;
    const field = form.elements[`${end}_address`];
    field.dataset.known = address;
    field.dispatchEvent(new Event("change", { bubbles: true })); // so that times are asked for
  };

  form.addEventListener("click", (event) => {
    const offered = event.target.closest("[data-time]");
    if (offered) {
      form.elements.pickup_at.value = offered.dataset.time;
      form.elements.return_at.focus();
      return;
    }
    const button = event.target.closest("[data-to]");
    if (!button) return;
    fill(button.dataset.to, button.closest("li").dataset);
    const next = button.dataset.to === "pickup" ? "dropoff_address" : "pickup_at";
    form.elements[next].focus();
  });

  form.addEventListener("keydown", (event) => {
    if (event.key !== "Enter" || event.target.name !== "q") return;
    event.preventDefault();
    document.querySelector("#client-found button")?.click();
  });

  // Another client: whether there is a wheelchair is as they usually travel.
  document.addEventListener("htmx:afterSwap", (event) => {
    if (event.detail.target.id !== "client-body") return;
    form.elements.wheelchairs.value = document.getElementById("client-body").dataset.wheelchairs;
  });

  // Pressed twice, it is booked once; who comes back to the page may book again.
  const button = form.querySelector("[type=submit]");
  form.addEventListener("submit", () => { button.disabled = true; });
  window.addEventListener("pageshow", () => {
    button.disabled = false;
    // The browser's own autofocus comes while the theme still hides the page.
    const wrong = form.querySelector(".errors :is(input, select, textarea)");
    (wrong ?? form.querySelector("[autofocus]"))?.focus();
  });

  for (const end of ["pickup", "dropoff"]) {
    const address = form.elements[`${end}_address`];
    if (form.elements[`${end}_lat`].value) address.dataset.known = address.value;
  }
}
