/*
 What makes the pages quick. Reading and answering work without it.

 data-key="r"            the key clicks this (or focuses it, or opens its menu); the first visible one wins
 data-list               a list whose rows (li) hold one main link (.case-link, or the first link): j, k, Enter
 data-dialog="id"        opens that dialog; data-close inside a dialog closes it
 data-confirm="text"     on a form, button or link: asks first; data-confirm-action="Delete" names the button
 data-copy="text"        copies the text, or with "#id" the value or text of that element; data-copied="said after it"
 data-insert="text" data-into="#id"   puts the text where the cursor stands; data-saved="7" is sent with its form
 data-filter             a search field in a menu: only the items with what is typed stay; Enter takes the first
 data-send               in a textarea: Ctrl+Enter sends its form
 data-mentions="id"      in a textarea: while a note is written, “@” offers the people of that listbox
 data-focus              in a swapped fragment: gets the focus if the old focus is gone
 data-scroll-end         a conversation that is shown where it goes on: at what is to be answered
 data-dismiss            removes the toast around it
 data-presence           tells the server every two seconds that the case around it is open, and whether one types
 data-autosubmit         on a select or checkbox: a change sends its form
 body[data-text-…]       the sentences for errors, translated by the template
*/
(() => {
  "use strict";
  const body = document.body;
  const $ = (selector, root = document) => root.querySelector(selector);
  const $$ = (selector, root = document) => [...root.querySelectorAll(selector)];
  const visible = (element) => element.checkVisibility ? element.checkVisibility() : element.offsetParent !== null;
  const FOCUSABLE = "input:not([type=hidden]):not(:disabled), button:not(:disabled), select:not(:disabled), textarea:not(:disabled), a[href], summary";

  /* saying things */
  function say(text, level = "info") {
    const region = $("#messages");
    if (!text || $$(".toast > p", region).some((shown) => shown.textContent === text)) return;
    const toast = $("#toast-template").content.firstElementChild.cloneNode(true);
    const icon = $("use", toast);
    toast.classList.add(level);
    icon.setAttribute("href", icon.getAttribute("href").replace(/#.*/, level === "error" ? "#circle-alert" : "#circle-check"));
    $("p", toast).textContent = text;
    region.append(toast);
    fade(region);
  }
  function fade(region) {
    for (const toast of $$("[data-toast]:not(.error, .warning, .lasting, [data-fading])", region)) {
      toast.dataset.fading = "";
      const leave = () => toast.matches(":hover, :focus-within") ? setTimeout(leave, 3000) : toast.remove();
      setTimeout(leave, 10000);
    }
  }

  /* lists */
  const rowLink = (row) => row && ($(".case-link", row) || $("a[href]", row));
  const rowsOf = (list) => $$(":scope > li, :scope > tr, :scope > tbody > tr", list).filter((row) => rowLink(row) && visible(row));
  const selectedIds = new Map();
  function select(list, row, focus = true) {
    for (const other of $$("[data-selected]", list)) delete other.dataset.selected;
    row.dataset.selected = "";
    if (row.id) selectedIds.set(list.id || "list", row.id);
    if (focus) {
      rowLink(row).focus({ preventScroll: true });
      row.scrollIntoView({ block: "nearest" });
    }
  }
  function move(step) {
    const list = document.activeElement.closest("[data-list]") || $$("[data-list]").find(visible);
    if (!list) return false;
    const rows = rowsOf(list);
    if (!rows.length) return false;
    const at = rows.findIndex((row) => row.contains(document.activeElement));
    const from = at >= 0 ? at : rows.findIndex((row) => "selected" in row.dataset || $("[aria-current=true]", row));
    select(list, rows[from < 0 ? 0 : Math.min(rows.length - 1, Math.max(0, from + step))]);
    return true;
  }
  function restoreSelection() {
    for (const list of $$("[data-list]")) {
      const row = document.getElementById(selectedIds.get(list.id || "list"));
      if (row && list.contains(row) && !("selected" in row.dataset)) select(list, row, false);
    }
  }

  /* keys */
  const storedOff = () => { try { return localStorage.getItem("desk-keys") === "off"; } catch { return false; } };
  const typing = (element) => element.isContentEditable || element.matches("textarea, select, input:not([type=checkbox], [type=radio], [type=button], [type=submit])");
  function press(element) {
    if (element.matches("summary")) {
      const menu = element.parentElement;
      menu.open = true;
      ($(FOCUSABLE, menu.lastElementChild) || element).focus();
    } else if (typing(element)) {
      element.focus();
      element.scrollIntoView({ block: "nearest" });
      if (element.matches("[type=search]")) element.select();
    } else {
      element.click();
    }
  }
  document.addEventListener("keydown", (event) => {
    const target = event.target;
    if (target.matches?.("textarea[data-mentions]") && steer(event)) return undefined;
    if (event.key === "Escape") return closeMenus(null, true);
    if (event.key === "Enter" && (event.ctrlKey || event.metaKey) && target.matches?.("textarea[data-send]")) {
      event.preventDefault();
      return target.form.requestSubmit(visibleSubmit(target.form));
    }
    if (event.key === "ArrowDown" || event.key === "ArrowUp") return walkMenu(event);
    if (event.defaultPrevented || event.isComposing || event.ctrlKey || event.metaKey || event.altKey) return undefined;
    if (storedOff() || typing(target) || $("dialog[open]") || (event.key !== "?" && event.shiftKey)) return undefined;
    if (event.key === "j" || event.key === "k") {
      if (move(event.key === "j" ? 1 : -1)) event.preventDefault();
      return undefined;
    }
    if (event.key === "Enter") {
      const row = target === body && $("[data-list] [data-selected]");
      if (row) rowLink(row).click();
      return undefined;
    }
    const element = $$(`[data-key="${CSS.escape(event.key)}"]`).find((found) => event.key === "?" || visible(found));
    if (!element) return undefined;
    event.preventDefault();
    return press(element);
  });
  const visibleSubmit = (form) => $$("button:not([type=button])", form).filter(visible).pop();

  /* mentioning colleagues in a note */
  const AT = /(?:^|[^\p{L}\p{N}_@/])@([\p{L}\p{N}._-]*)$/u;
  const folded = (text) => text.normalize("NFKD").replace(/\p{M}/gu, "").toLowerCase();
  const begun = (field) => AT.exec(field.value.slice(0, field.selectionStart));
  const peopleOf = (field) => document.getElementById(field.dataset.mentions);
  const offered = (list) => $$("[role=option]:not([hidden])", list);
  function offer(field) {
    const typed = field.form.elements.kind.value === "note" && begun(field);
    if (!typed) return leave(field);
    const list = peopleOf(field);
    for (const person of $$("[role=option]", list)) {
      person.hidden = !folded(person.dataset.names).split(/\s+/).some((name) => name.startsWith(folded(typed[1])));
    }
    const [first] = offered(list);
    return first ? point(field, list, first) : leave(field);
  }
  function point(field, list, person) {
    list.hidden = false;
    for (const other of $$("[role=option]", list)) other.setAttribute("aria-selected", String(other === person));
    field.setAttribute("aria-controls", list.id);
    field.setAttribute("aria-activedescendant", person.id);
    person.scrollIntoView({ block: "nearest" });
  }
  function leave(field) {
    peopleOf(field).hidden = true;
    field.removeAttribute("aria-controls");
    field.removeAttribute("aria-activedescendant");
  }
  function mention(field, person) {
    const typed = begun(field);
    if (typed) field.setRangeText(`${person.dataset.mention} `, field.selectionStart - typed[1].length, field.selectionStart, "end");
    leave(field);
    field.dispatchEvent(new Event("input", { bubbles: true }));
  }
  function steer(event) {
    const list = peopleOf(event.target);
    if (!list || list.hidden || event.isComposing || event.ctrlKey || event.metaKey || event.altKey) return false;
    const people = offered(list);
    const at = people.findIndex((person) => person.getAttribute("aria-selected") === "true");
    if (event.key === "ArrowDown" || event.key === "ArrowUp") {
      point(event.target, list, people.at((at + (event.key === "ArrowDown" ? 1 : -1)) % people.length));
    } else if (event.key === "Enter" || (event.key === "Tab" && !event.shiftKey)) {
      mention(event.target, people[at]);
    } else if (event.key === "Escape") {
      leave(event.target);
    } else {
      return false;
    }
    event.preventDefault();
    return true;
  }
  document.addEventListener("input", (event) => { if (event.target.matches("textarea[data-mentions]")) offer(event.target); });
  document.addEventListener("focusout", (event) => { if (event.target.matches("textarea[data-mentions]")) leave(event.target); });
  document.addEventListener("mousedown", (event) => {
    const person = event.target.closest("[data-mention]");
    if (!person) return;
    event.preventDefault(); // the cursor stays where it is
    mention($(`textarea[data-mentions="${CSS.escape(person.parentElement.id)}"]`), person);
  });

  /* menus */
  function closeMenus(except, back = false) {
    for (const menu of $$("details.menu[open]")) {
      if (except && menu.contains(except)) continue;
      const inside = menu.contains(document.activeElement);
      menu.open = false;
      if (back && inside) $("summary", menu).focus();
    }
  }
  function walkMenu(event) {
    const menu = event.target.closest?.("details.menu[open]");
    if (!menu || typing(event.target)) return;
    const items = $$(".menu-item, summary", menu).filter(visible);
    const next = items.indexOf(event.target) + (event.key === "ArrowDown" ? 1 : -1);
    event.preventDefault();
    items.at(next % items.length).focus();
  }
  document.addEventListener("focusin", (event) => closeMenus(event.target));

  /* clicks */
  document.addEventListener("click", (event) => {
    const asking = event.target.closest("a[data-confirm], button[data-confirm]");
    if (asking && !asking.hasAttribute("data-confirmed")) {
      event.preventDefault();
      event.stopImmediatePropagation();
      ask(asking, () => asking.click());
    }
  }, true);
  document.addEventListener("click", (event) => {
    const target = event.target;
    closeMenus(target);
    const opener = target.closest("[data-dialog]");
    if (opener) {
      const sheet = opener.closest("[popover]:popover-open");
      if (sheet) sheet.hidePopover();
      document.getElementById(opener.dataset.dialog)?.showModal();
    }
    if (target.closest("[data-close]")) target.closest("dialog").close();
    if (target.matches("dialog[open]")) target.close();
    target.closest("[data-dismiss]")?.closest("[data-toast]").remove();
    const copier = target.closest("[data-copy]");
    if (copier) copy(copier);
    const inserter = target.closest("[data-insert]");
    if (inserter) insert(inserter);
    const link = target.closest("[data-list] a.case-link");
    if (link && !event.ctrlKey && !event.metaKey) {
      const list = link.closest("[data-list]");
      for (const other of $$("[aria-current=true]", list)) other.removeAttribute("aria-current");
      link.setAttribute("aria-current", "true");
      select(list, link.closest("li, tr"), false);
    }
  });
  async function copy(button) {
    const wanted = button.dataset.copy;
    const source = wanted.startsWith("#") ? $(wanted) : null;
    try {
      await navigator.clipboard.writeText(source ? source.value ?? source.textContent.trim() : wanted);
      say(button.dataset.copied || body.dataset.textCopied, "success");
    } catch {
      if (source?.select) source.select();
      say(body.dataset.textError, "error");
    }
  }
  function insert(button) {
    const field = $(button.dataset.into);
    field.focus();
    field.setRangeText(button.dataset.insert, field.selectionStart, field.selectionEnd, "end");
    field.dispatchEvent(new Event("input", { bubbles: true }));
    if (button.dataset.saved) {
      const used = Object.assign(document.createElement("input"), { type: "hidden", name: "saved", value: button.dataset.saved });
      if (!$$("input[name=saved]", field.form).some((known) => known.value === used.value)) field.form.append(used);
    }
    closeMenus(null);
  }

  /* filters in menus */
  const itemsOf = (filter) => $$(".menu-item", filter.closest(".menu-body"));
  document.addEventListener("input", (event) => {
    if (!event.target.matches("[data-filter]")) return;
    const typed = event.target.value.trim().toLowerCase();
    for (const item of itemsOf(event.target)) item.hidden = !item.textContent.toLowerCase().includes(typed);
  });
  document.addEventListener("keydown", (event) => {
    if (event.key !== "Enter" || !event.target.matches?.("[data-filter]")) return;
    event.preventDefault();
    itemsOf(event.target).find(visible)?.click();
  });

  /* asking first */
  function ask(element, go) {
    const dialog = $("#confirm-dialog");
    const yes = $("[data-confirm-yes]", dialog);
    $("#confirm-text").textContent = element.dataset.confirm;
    yes.textContent = element.dataset.confirmAction || yes.dataset.text;
    yes.classList.toggle("danger", element.matches(".danger") || Boolean($(".danger", element)));
    dialog.returnValue = "";
    dialog.addEventListener("close", () => {
      if (dialog.returnValue !== "yes") return;
      element.setAttribute("data-confirmed", "");
      go();
      element.removeAttribute("data-confirmed");
    }, { once: true });
    dialog.showModal();
  }

  /* forms: nothing is sent twice */
  document.addEventListener("submit", (event) => {
    const form = event.target;
    const stop = () => { event.preventDefault(); event.stopImmediatePropagation(); };
    if (form.hasAttribute("data-busy")) return stop();
    if (form.matches("[data-confirm]") && !form.hasAttribute("data-confirmed")) {
      stop();
      const submitter = event.submitter;
      ask(form, () => form.requestSubmit(submitter));
    }
    return undefined;
  }, true);
  const isHtmx = (form, by) => form.matches("[hx-post], [hx-get], [hx-put], [hx-patch], [hx-delete]") || by?.matches("[hx-post], [hx-get], [hx-put], [hx-patch], [hx-delete]");
  window.addEventListener("submit", (event) => {
    const form = event.target;
    const method = event.submitter?.formMethod || form.method;
    if (method === "dialog" || (form.method === "get" && !isHtmx(form, event.submitter))) return;
    if (event.defaultPrevented && !isHtmx(form, event.submitter)) return;
    form.setAttribute("data-busy", "");
    for (const button of $$("button:not([type=button])", form)) button.setAttribute("aria-disabled", "true");
  });
  function free(form) {
    form.removeAttribute("data-busy");
    for (const button of $$("button[aria-disabled]", form)) button.removeAttribute("aria-disabled");
  }
  const freeAll = () => $$("form[data-busy]").forEach(free);
  window.addEventListener("pageshow", freeAll);
  for (const name of ["htmx:afterRequest", "htmx:validation:halted"]) {
    body.addEventListener(name, (event) => {
      // The counter and the colleagues shown ask for themselves: a form that is being sent stays locked.
      const form = event.target.matches?.("form, button") && event.target.closest("form");
      if (form) free(form);
    });
  }
  document.addEventListener("change", (event) => {
    if (event.target.matches("[data-autosubmit]")) event.target.form.requestSubmit();
    if (event.target.matches("[data-keys-switch]")) {
      try { localStorage.setItem("desk-keys", event.target.checked ? "on" : "off"); } catch { /* private window: for this page only */ }
    }
  });

  /* htmx: errors are said, the focus stays, a lost login is noticed */
  const offline = (event) => event.target.matches?.("[data-presence]") || say(body.dataset.textOffline, "error");
  for (const name of ["htmx:sendError", "htmx:timeout"]) body.addEventListener(name, offline);
  body.addEventListener("htmx:responseError", (event) => {
    if (event.target.matches?.("[data-presence]")) return;
    const status = event.detail.xhr.status;
    const texts = { 401: "textForbidden", 403: "textForbidden", 404: "textGone", 410: "textGone", 429: "textBusy" };
    say(body.dataset[texts[status] || "textError"], "error");
  });
  body.addEventListener("htmx:beforeRequest", (event) => {
    // What looks for news by itself waits while a menu or a text in it is open: it would be gone.
    if (!event.detail.requestConfig.triggeringEvent && $("details[open]", event.detail.elt)) event.preventDefault();
  });
  body.addEventListener("htmx:configRequest", (event) => {
    if (event.detail.elt.id === "case-rows") event.detail.parameters.shown = $$(".case-row", event.detail.elt).length;
  });

  /* who else is here */
  let typedAt = 0;
  document.addEventListener("input", (event) => {
    if (event.target.id === "reply-text") typedAt = Date.now();
  });
  setInterval(() => {
    const place = document.visibilityState === "visible" && $("[data-presence]");
    if (place) htmx.trigger(place, "desk:presence");
  }, 2000);
  body.addEventListener("htmx:configRequest", (event) => {
    if (!event.detail.elt.matches("[data-presence]")) return;
    event.detail.parameters.typing = Date.now() - typedAt < 5000 ? "1" : "";
  });
  window.addEventListener("pagehide", () => {
    const place = $("[data-presence]");
    if (!place) return;
    const gone = new FormData();
    gone.append("csrfmiddlewaretoken", $("[name=csrfmiddlewaretoken]", place.closest("form")).value);
    gone.append("leave", "1");
    navigator.sendBeacon(place.getAttribute("hx-post"), gone);
  });

  let lost = null;
  body.addEventListener("htmx:beforeSwap", (event) => {
    if (event.detail.shouldSwap && !$("[data-entrance]") && /\sdata-entrance[\s>]/.test(event.detail.xhr.responseText)) {
      event.detail.shouldSwap = false;
      location.reload();
      return;
    }
    const active = document.activeElement;
    lost = event.detail.target.contains(active) && active !== body ? { id: active.id, key: active.dataset.key } : null;
  });
  body.addEventListener("htmx:afterSettle", (event) => {
    if (!lost || (document.activeElement && document.activeElement !== body)) return;
    const place = event.detail.elt;
    const next = (lost.id && document.getElementById(lost.id)) || (lost.key && $(`[data-key="${CSS.escape(lost.key)}"]`))
      || $("[data-focus], [autofocus]", place) || $("[data-list] [data-selected] .case-link") || place;
    lost = null;
    if (!next.matches(FOCUSABLE)) next.setAttribute("tabindex", "-1");
    next.focus({ preventScroll: true });
  });

  /* text fields that grow, where the browser cannot do it */
  const growing = CSS.supports("field-sizing", "content");
  function grow(area) {
    area.style.height = "auto";
    area.style.height = `${area.scrollHeight + 2}px`;
  }
  if (!growing) document.addEventListener("input", (event) => event.target.matches("textarea") && grow(event.target));

  function showEnd(place) {
    const problem = $("#composer-error", place);
    if (problem) return problem.scrollIntoView({ block: "center" });
    place.scrollTop = place.scrollHeight;
    $("form.composer", place)?.scrollIntoView({ block: "end" });
    // What is to be answered is not always the newest, and on a small screen not always near the composer.
    const asked = $$(".message.theirs", place).pop();
    if (asked && asked.getBoundingClientRect().top < $(".case-head", place).getBoundingClientRect().bottom) asked.scrollIntoView();
    return undefined;
  }
  function prepare(root) {
    for (const element of $$("[data-key]", root)) element.setAttribute("aria-keyshortcuts", element.dataset.key);
    for (const box of $$("[data-keys-switch]", root)) box.checked = !storedOff();
    if (!growing) $$("textarea", root).filter(visible).forEach(grow);
    if (!location.hash) $$("[data-scroll-end]", root.parentNode || root).forEach(showEnd);
    fade($("#messages"));
    restoreSelection();
  }
  prepare(document);
  body.addEventListener("htmx:load", (event) => prepare(event.detail.elt));
})();
