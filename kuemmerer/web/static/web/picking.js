/*
 Ticking in a list: .pick are the boxes in #case-rows, #bulk is their form. Without this one can tick and send as well;
 here it gets quick: x ticks, Shift ticks all in between, and what is ticked stays so when the list brings news.

 data-pick-shown         in the form: ticks all that are shown, or none
 data-picked             in the form: says how many are ticked
 data-pick-mode          on a phone, where the boxes are hidden at first: shows them; so does a long press on a row
*/
(() => {
  "use strict";
  const HELD = 500; // milliseconds, as long as a long press takes elsewhere
  const picked = new Set();
  let last = null;
  let held = false;
  let press = 0;
  const $ = (selector, root = document) => root.querySelector(selector);
  const boxes = () => [...document.querySelectorAll("#case-rows .pick")];

  function show() {
    const shown = boxes();
    const ids = new Set(shown.map((box) => box.value));
    for (const id of picked) if (!ids.has(id)) picked.delete(id); // gone from the list: it would not be sent
    for (const box of shown) box.checked = picked.has(box.value);
    const all = $("[data-pick-shown]");
    if (!all) return;
    all.checked = picked.size > 0 && picked.size === shown.length;
    all.indeterminate = picked.size > 0 && picked.size < shown.length;
    const text = String(picked.size || "");
    if ($("[data-picked]").textContent !== text) $("[data-picked]").textContent = text;
    if (!picked.size && $("#bulk-all")) $("#bulk-all").checked = false;
  }
  function set(some, on) {
    for (const box of some) on ? picked.add(box.value) : picked.delete(box.value);
    show();
  }
  function clear() {
    picked.clear();
    last = null;
    show();
  }

  document.addEventListener("change", (event) => {
    if (event.target.matches("[data-pick-shown]")) set(boxes(), event.target.checked);
    else if (event.target.matches(".pick")) set([event.target], event.target.checked);
  });
  document.addEventListener("click", (event) => {
    const box = event.target;
    if (!box.matches?.(".pick")) return;
    const shown = boxes();
    const [from, to] = [shown.findIndex((other) => other.value === last), shown.indexOf(box)].sort((a, b) => a - b);
    if (event.shiftKey && from >= 0) set(shown.slice(from, to + 1), box.checked);
    last = box.value;
  });
  document.addEventListener("reset", (event) => { if (event.target.id === "bulk") setTimeout(clear); });
  document.addEventListener("click", (event) => {
    const mode = event.target.closest("[data-pick-mode]");
    if (!mode) return;
    const on = mode.closest(".list-pane").toggleAttribute("data-picking");
    mode.setAttribute("aria-pressed", String(on));
    if (!on) clear();
  });

  /* x ticks the row where one is */
  const keysOff = () => { try { return localStorage.getItem("desk-keys") === "off"; } catch { return false; } };
  document.addEventListener("keydown", (event) => {
    const target = event.target;
    if (event.key !== "x" || event.ctrlKey || event.metaKey || event.altKey || event.isComposing || keysOff()) return;
    if (target.isContentEditable || target.matches("textarea, select, input:not([type=checkbox], [type=radio])") || $("dialog[open]")) return;
    const row = target.closest(".case-row") || $("#case-rows > [data-selected]") || $("#case-rows > :has([aria-current=true])");
    const box = row && $(".pick", row);
    if (!box) return;
    event.preventDefault();
    box.click();
  });

  /* a long press on a phone */
  const letGo = () => clearTimeout(press);
  document.addEventListener("pointerdown", (event) => {
    letGo();
    held = false;
    const box = event.pointerType === "touch" && $(".pick", event.target.closest("#case-rows > .case-row") || document.createElement("i"));
    if (!box || event.target === box) return;
    press = setTimeout(() => {
      held = true;
      last = box.value;
      set([box], true);
    }, HELD);
  });
  for (const name of ["pointerup", "pointercancel"]) document.addEventListener(name, letGo);
  for (const name of ["click", "contextmenu"]) {
    document.addEventListener(name, (event) => {
      if (!held) return;
      if (name === "click") held = false;
      event.preventDefault();
      event.stopImmediatePropagation();
    }, true);
  }

  document.body.addEventListener("bulk-done", () => {
    for (const menu of document.querySelectorAll("#bulk details[open]")) menu.open = false;
    clear();
  });
  document.body.addEventListener("htmx:load", show);
  document.body.addEventListener("htmx:afterSettle", show);
  show();
})();
