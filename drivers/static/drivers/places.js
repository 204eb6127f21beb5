"use strict";
// A field with [data-places] offers places while somebody types, as a combobox (WAI-ARIA 1.2): the
// arrows move, Enter takes one, Escape closes. One that is taken fills in its latitude and longitude,
// in the fields named alike; changed by hand afterwards, the address loses them.
{
  const WAIT_MS = 200;
  let field, list, status, timer, asked;

  const active = () => list?.querySelector("[aria-selected=true]");
  const degrees = (input, what) => input.form?.elements[input.name.replace(/address$/, what)];

  const fill = (input, { address, lat, lon }) => {
    input.value = address;
    for (const [what, value] of [["lat", lat], ["lon", lon]]) {
      const other = degrees(input, what);
      if (other && other !== input) other.value = value;
    }
  };

  const close = () => {
    clearTimeout(timer);
    asked?.abort();
    list?.remove();
    status?.remove();
    field?.setAttribute("aria-expanded", "false");
    field?.removeAttribute("aria-activedescendant");
    field?.removeAttribute("aria-controls");
    field = list = status = undefined;
  };

  const choose = (option) => {
    const input = field;
    fill(input, option.dataset);
    input.dataset.known = option.dataset.address;
    close();
    input.dispatchEvent(new Event("change", { bubbles: true }));
  };

  const move = (step) => {
    const options = [...list.children];
    const from = options.indexOf(active());
    const to = options[(from < 0 && step < 0 ? options.length : from + options.length + step) % options.length];
    active()?.setAttribute("aria-selected", "false");
    to.setAttribute("aria-selected", "true");
    to.scrollIntoView({ block: "nearest" });
    field.setAttribute("aria-activedescendant", to.id);
  };

  const show = (input, html) => {
    close();
    field = input;
    const found = document.createElement("template");
    found.innerHTML = html;
    status = found.content.querySelector("[role=status]");
    list = found.content.querySelector("[role=listbox]") ?? undefined;
    const says = status.textContent;
    status.textContent = "";
    input.after(status);
    status.textContent = says;  // a change of what is there is read out
    if (!list) return;
    list.id = `${input.id}_places`;
    [...list.children].forEach((option, number) => { option.id = `${list.id}_${number}`; });
    input.after(list);
    list.style.left = `${input.offsetLeft}px`;
    list.style.top = `${input.offsetTop + input.offsetHeight}px`;
    list.style.width = `${input.offsetWidth}px`;
    input.setAttribute("aria-controls", list.id);
    input.setAttribute("aria-expanded", "true");
  };

  const search = async (input) => {
    const words = input.value.trim();
    if (!words) return close();
    asked?.abort();
    const mine = asked = new AbortController();
    const url = new URL(input.dataset.places, location);
    url.searchParams.set("q", words);
    try {
      const answer = await fetch(url, { signal: mine.signal });
      if (!answer.ok || answer.redirected) return close();  // such as to the login
      const found = await answer.text();
      if (document.activeElement === input && input.value.trim() === words) show(input, found);
    } catch (error) {
      if (error.name !== "AbortError") close();  // no network: the field stays a plain one
    }
  };

  document.addEventListener("input", (event) => {
    const input = event.target;
    if (!input.matches?.("[data-places]")) return;
    // Hidden coordinates are those of a chosen place, whoever has filled them in.
    const hidden = degrees(input, "lat")?.type === "hidden";
    if (hidden || (input.dataset.known && input.dataset.known !== input.value)) {
      fill(input, { address: input.value, lat: "", lon: "" });
      delete input.dataset.known;
    }
    clearTimeout(timer);
    timer = setTimeout(search, WAIT_MS, input);
  });

  document.addEventListener("keydown", (event) => {
    if (!list || event.target !== field) return;
    if (event.key === "ArrowDown" || event.key === "ArrowUp") {
      event.preventDefault();
      move(event.key === "ArrowDown" ? 1 : -1);
    } else if (event.key === "Enter" && active()) {
      event.preventDefault();
      choose(active());
    } else if (event.key === "Escape") {
      event.preventDefault();
      event.stopPropagation();
      close();
    }
  }, true);

  // Before the field loses the focus, which closes the list.
  document.addEventListener("mousedown", (event) => {
    const option = event.target.closest?.(".place-offers [role=option]");
    if (!option) return;
    event.preventDefault();
    choose(option);
  });

  document.addEventListener("focusout", (event) => { if (event.target === field) close(); });
}
