/* The little that pages cannot do without a script: ticking clocks, shortcuts, dialogs, toasts, polite refreshing.
   Everything is found by data-sp-* attributes; the server decides what is true, this file only shows it. */
(() => {
  "use strict";
  const root = document.documentElement;
  const REFRESH_MS = 30000;
  const ASK_GAP_MS = 2000;
  const TOAST_MS = 6000;
  const UNDO_MS = 10000;
  const all = (selector, from = document) => Array.from(from.querySelectorAll(selector));
  const visible = (el) => el.getClientRects().length > 0 && !el.disabled;
  root.setAttribute("data-sp-js", "");

  /* --- Clocks: the server sent seconds, running or not, and when it would say something else ------------------- */
  const seen = new WeakMap(); // clock -> when it arrived (ms)
  const asked = new WeakSet(); // clocks whose next change was already asked for

  function durationText(total) {
    const pad = (n) => String(n).padStart(2, "0");
    if (total < 600) return Math.floor(total / 60) + ":" + pad(total % 60);
    if (total < 3600) return Math.floor(total / 60) + "m";
    if (total < 86400) return Math.floor(total / 3600) + "h " + pad(Math.floor((total % 3600) / 60)) + "m";
    return Math.floor(total / 86400) + "d " + Math.floor((total % 86400) / 3600) + "h";
  }

  function tick() {
    const now = Date.now();
    let change = false;
    for (const clock of all("[data-sp-seconds]")) {
      if (!seen.has(clock)) seen.set(clock, now);
      const passed = Math.floor((now - seen.get(clock)) / 1000);
      const start = Number(clock.dataset.spSeconds);
      if (clock.dataset.spRunning !== "0") {
        const up = clock.dataset.spClock === "up";
        const text = durationText(up ? start + passed : Math.max(0, start - passed));
        if (clock.textContent !== text) clock.textContent = text;
        // At zero the figure stays: whether the clock was missed is the server's word.
        if (!up && passed >= start && !asked.has(clock)) { asked.add(clock); change = true; }
      }
      if (clock.dataset.spNext && passed >= Number(clock.dataset.spNext) && !asked.has(clock)) {
        asked.add(clock);
        change = true;
      }
    }
    if (change) ask();
  }

  /* --- Refreshing ---------------------------------------------------------------------------------------------- */
  let lastAsk = 0;
  let waiting = 0;

  function refresh() {
    lastAsk = Date.now();
    waiting = 0;
    document.body.dispatchEvent(new CustomEvent("sp:refresh"));
  }
  function ask() {
    if (waiting || document.hidden || !navigator.onLine) return;
    waiting = setTimeout(refresh, Math.max(0, lastAsk + ASK_GAP_MS - Date.now()));
  }
  function pulse() {
    if (!document.hidden && navigator.onLine && Date.now() - lastAsk >= REFRESH_MS) refresh();
  }

  const rowIds = (from) => all("[data-sp-row]", from).map((row) => row.dataset.spRow);
  const inUse = (el) => el.matches(":hover") || (el.contains(document.activeElement) && document.activeElement !== document.body);

  /* Replace rows where they stand; a row under the pointer or the focus only gets its clocks renewed. */
  function patchRows(list, fresh) {
    const olds = all("[data-sp-row]", list);
    all("[data-sp-row]", fresh).forEach((row, place) => {
      const old = olds[place];
      if (!inUse(old)) {
        old.replaceWith(row);
        window.htmx.process(row);
        return;
      }
      const parts = all("[data-sp-live]", row);
      all("[data-sp-live]", old).forEach((part, n) => { if (parts[n]) part.replaceWith(parts[n]); });
    });
  }

  function holdBack(list, added) {
    list.querySelector(":scope > .sp-held")?.remove();
    const bar = document.createElement("div");
    bar.className = "sp-held";
    bar.setAttribute("role", "status");
    const button = document.createElement("button");
    button.type = "button";
    button.className = "sp-btn sp-btn--small";
    const noun = list.dataset.spNoun || "lead";
    button.textContent = (added ? added + " new " + noun + (added > 1 ? "s" : "") : "The list changed") + ". Show";
    button.addEventListener("click", () => { list.dataset.spForce = "1"; refresh(); });
    bar.append(button);
    list.prepend(bar);
  }

  /* A list marked data-sp-list never jumps under somebody's hand. */
  function beforeSwap(event) {
    const { xhr, requestConfig } = event.detail;
    if ((xhr.responseText || "").slice(0, 400).includes('data-sp-plain="login"')) {
      event.detail.shouldSwap = false; // the session ended: show the sign-in page as a page
      location.reload();
      return;
    }
    const list = event.detail.target;
    if (requestConfig?.triggeringEvent?.type !== "sp:refresh" || !list?.matches?.("[data-sp-list]")) return;
    if (list.dataset.spForce) { delete list.dataset.spForce; return; }
    if (!inUse(list) || !event.detail.shouldSwap) return;
    const fresh = new DOMParser().parseFromString(event.detail.serverResponse, "text/html");
    const before = rowIds(list);
    const after = rowIds(fresh);
    event.detail.shouldSwap = false;
    if (before.join() === after.join()) patchRows(list, fresh);
    else holdBack(list, after.filter((id) => !before.includes(id)).length);
  }

  /* --- Connection: old numbers must not look alive ------------------------------------------------------------- */
  function connection() { root.toggleAttribute("data-sp-offline", !navigator.onLine); }
  function stale(on) { root.toggleAttribute("data-sp-stale", on); }

  /* --- Toasts --------------------------------------------------------------------------------------------------- */
  function region() { return document.getElementById("sp-toasts"); }

  function iconUse(name) {
    const known = document.querySelector(".sp-icon use");
    const svg = document.createElementNS("http://www.w3.org/2000/svg", "svg");
    svg.setAttribute("class", "sp-icon");
    svg.setAttribute("width", "16");
    svg.setAttribute("height", "16");
    svg.setAttribute("aria-hidden", "true");
    const use = document.createElementNS("http://www.w3.org/2000/svg", "use");
    use.setAttribute("href", (known ? known.getAttribute("href").split("#")[0] : "") + "#" + name);
    svg.append(use);
    return svg;
  }

  function token() {
    try { return JSON.parse(document.body.getAttribute("hx-headers"))["X-CSRFToken"] || ""; } catch { return ""; }
  }

  function toast({ text = "", value = "", tone = "", undo = "" }) {
    const box = document.createElement("div");
    box.className = "sp-toast" + (tone === "bad" || tone === "error" ? " sp-toast--bad" : "");
    box.setAttribute("data-sp-toast", "");
    box.append(iconUse(tone === "bad" || tone === "error" ? "alert-circle" : "check"));
    const words = document.createElement("p");
    words.textContent = text || value;
    box.append(words);
    if (undo && undo.startsWith("/") && !undo.startsWith("//")) {
      const form = document.createElement("form");
      form.method = "post";
      form.action = undo;
      const hidden = document.createElement("input");
      hidden.type = "hidden";
      hidden.name = "csrfmiddlewaretoken";
      hidden.value = token();
      const button = document.createElement("button");
      button.className = "sp-btn sp-btn--small";
      button.setAttribute("data-sp-undo", "");
      button.textContent = "Undo";
      form.append(hidden, button);
      box.append(form);
    }
    const close = document.createElement("button");
    close.type = "button";
    close.className = "sp-btn sp-btn--small sp-btn--icon";
    close.setAttribute("data-sp-dismiss", "");
    close.setAttribute("aria-label", "Dismiss");
    close.append(iconUse("x"));
    box.append(close);
    region()?.append(box);
  }

  /* Time runs only while nobody points at or stands in the toast. */
  const armed = new WeakSet();
  function arm(box) {
    if (armed.has(box)) return;
    armed.add(box);
    let left = box.querySelector("[data-sp-undo]") ? UNDO_MS : TOAST_MS;
    const timer = setInterval(() => {
      if (!box.isConnected) clearInterval(timer);
      else if (!inUse(box) && !document.hidden && (left -= 250) <= 0) { clearInterval(timer); box.remove(); }
    }, 250);
  }

  /* --- Dialogs -------------------------------------------------------------------------------------------------- */
  const openers = new WeakMap(); // dialog -> what had the focus before

  function openDialog(box, opener) {
    if (!box || box.open) return;
    openers.set(box, opener || document.activeElement);
    box.showModal();
    const first = box.querySelector("[autofocus], [aria-invalid=true], input[type=radio]:checked");
    if (first) first.focus();
  }
  function backToOpener(box) {
    const opener = openers.get(box);
    if (!opener) return;
    // The opener may have been swapped for its fresh twin meanwhile.
    const target = opener.isConnected ? opener : opener.id && document.getElementById(opener.id);
    if (target && visible(target)) target.focus();
    else document.getElementById("main")?.focus();
  }
  function openArrived(from, opener) {
    for (const box of all("dialog[data-sp-open]:not([open])", from)) openDialog(box, opener);
  }

  /* --- Keyboard ------------------------------------------------------------------------------------------------- */
  const typing = (el) => el && (el.isContentEditable || /^(INPUT|TEXTAREA|SELECT)$/.test(el.tagName) && !/^(checkbox|radio|button|submit)$/.test(el.type));

  function step(by) {
    const rows = all("[data-sp-row]").filter(visible);
    if (!rows.length) return false;
    const here = rows.findIndex((row) => row.contains(document.activeElement));
    const chosen = rows.findIndex((row) => row.getAttribute("aria-current") === "true");
    const from = here >= 0 ? here : chosen;
    const next = rows[Math.min(rows.length - 1, Math.max(0, from + by))];
    (next.querySelector("a[href], button") || next).focus();
    return true;
  }

  function onKey(event) {
    if (event.defaultPrevented || event.ctrlKey || event.metaKey || event.altKey || event.isComposing || event.repeat) return;
    if (document.body.dataset.spShortcuts === "off" || typing(event.target) || document.querySelector("dialog[open]")) return;
    const key = event.key.toLowerCase();
    let done = false;
    if (key === "/") {
      const field = document.getElementById("sp-search");
      if (field && visible(field)) { field.focus(); field.select(); done = true; }
    } else if (key === "?") {
      openDialog(document.getElementById("sp-shortcuts"));
      done = true;
    } else if (/^[a-z]$/.test(key)) {
      const target = all('[data-sp-key="' + key + '"]').find(visible);
      if (target) { target.focus(); target.click(); done = true; }
      else if (key === "j" || key === "k") done = step(key === "j" ? 1 : -1);
    }
    if (done) event.preventDefault();
  }

  /* --- One listener for clicks ---------------------------------------------------------------------------------- */
  function onClick(event) {
    const el = event.target.closest("[data-sp-dialog], [data-sp-close], [data-sp-dismiss], [data-sp-theme], [data-sp-copy]");
    for (const menu of all("details.sp-menu[open]")) if (!menu.contains(event.target)) menu.open = false;
    if (!el) return;
    if (el.matches("[data-sp-dialog]")) {
      const box = document.getElementById(el.dataset.spDialog);
      if (box) { event.preventDefault(); openDialog(box, el); }
    } else if (el.matches("[data-sp-close]")) {
      const box = el.closest("dialog");
      if (box) { event.preventDefault(); box.close(); }
    } else if (el.matches("[data-sp-dismiss]")) {
      el.closest("[data-sp-toast]")?.remove();
    } else if (el.matches("[data-sp-theme]")) {
      root.dataset.theme = el.value;
      for (const other of all("[data-sp-theme]")) other.setAttribute("aria-pressed", String(other === el));
    } else {
      const source = document.querySelector(el.dataset.spCopy);
      if (!source || !navigator.clipboard) return;
      navigator.clipboard.writeText(source.value ?? source.textContent).then(
        () => toast({ text: "Copied." }),
        () => toast({ text: "Not copied: the browser did not allow it.", tone: "bad" }),
      );
    }
  }

  /* --- What is not saved: said where the page has a place for it, and asked about before the page goes ---------- */
  const cameWith = new WeakMap(); // form -> what it held when the page came
  let leaving = false;
  const held = (form) => JSON.stringify(Array.from(new FormData(form), ([name, value]) => name === "csrfmiddlewaretoken" ? "" : [name, value.name || value]));
  // "now": the server showed again what it did not save.
  const unsaved = () => all("form[data-sp-unsaved]").some((form) => form.dataset.spUnsaved === "now" || cameWith.get(form) !== held(form));
  function markUnsaved() {
    const some = unsaved();
    for (const mark of all("[data-sp-unsaved-mark]")) mark.hidden = !some;
  }

  function onSubmit(event) {
    if (navigator.onLine || event.target.method !== "post") return;
    event.preventDefault();
    event.stopImmediatePropagation();
    toast({ text: "You are offline. Nothing was sent.", tone: "bad" });
  }

  function onChange(event) {
    const field = event.target.closest("[data-sp-submit]");
    if (field && field.form) field.form.requestSubmit();
  }

  function failed(event) {
    const { xhr } = event.detail;
    const id = xhr.getResponseHeader("X-Request-Id");
    if (event.detail.requestConfig?.triggeringEvent?.type === "sp:refresh") { stale(true); return; }
    const why = xhr.status === 403 ? "Your role does not allow this, or the page is too old: load it again."
      : xhr.status === 404 ? "This is no longer here. Load the page again."
      : xhr.status === 429 ? "Too many requests. Wait a moment, then try again."
      : "That failed on our side. Your input is still here, try again." + (id ? " (" + id + ")" : "");
    toast({ text: why, tone: "bad" });
  }

  /* --- Wiring --------------------------------------------------------------------------------------------------- */
  document.addEventListener("keydown", onKey);
  document.addEventListener("keydown", (event) => {
    if (event.key === "Escape") for (const menu of all("details.sp-menu[open]")) { menu.open = false; menu.querySelector("summary").focus(); }
  });
  document.addEventListener("click", onClick);
  document.addEventListener("submit", onSubmit, true);
  document.addEventListener("change", onChange);
  for (const form of all("form[data-sp-unsaved]")) cameWith.set(form, held(form));
  document.addEventListener("input", (event) => { if (event.target.form?.matches("[data-sp-unsaved]")) markUnsaved(); });
  // htmx sends without going away: what it took over is prevented by now.
  document.addEventListener("submit", (event) => { leaving = !event.defaultPrevented && event.target.matches("[data-sp-unsaved], [data-sp-leave]"); });
  window.addEventListener("pageshow", () => { leaving = false; });
  window.addEventListener("beforeunload", (event) => { if (!leaving && unsaved()) event.preventDefault(); });
  document.addEventListener("close", (event) => backToOpener(event.target), true);
  document.addEventListener("visibilitychange", () => { if (!document.hidden) { tick(); pulse(); } });
  window.addEventListener("online", () => { connection(); refresh(); });
  window.addEventListener("offline", connection);

  const body = document.body;
  body.addEventListener("sp:toast", (event) => toast(event.detail || {}));
  body.addEventListener("sp:close", () => { for (const box of all("dialog[open]")) box.close(); });
  body.addEventListener("htmx:beforeSwap", beforeSwap);
  body.addEventListener("htmx:afterSettle", (event) => { tick(); markUnsaved(); openArrived(event.detail.target, event.detail.requestConfig?.elt); });
  body.addEventListener("htmx:afterRequest", (event) => { if (event.detail.successful) stale(false); });
  body.addEventListener("htmx:responseError", failed);
  body.addEventListener("htmx:sendError", (event) => {
    stale(true);
    if (event.detail.requestConfig?.triggeringEvent?.type !== "sp:refresh") toast({ text: "The server cannot be reached. Nothing was sent.", tone: "bad" });
  });

  const toasts = region();
  if (toasts) {
    all("[data-sp-toast]", toasts).forEach(arm);
    new MutationObserver(() => all("[data-sp-toast]", toasts).forEach(arm)).observe(toasts, { childList: true, subtree: true });
  }
  lastAsk = Date.now();
  connection();
  // On a low screen the rail scrolls: the place that one is at must be in sight.
  document.querySelector('.sp-rail [aria-current="page"]')?.scrollIntoView({ block: "nearest" });
  openArrived(document, null);
  tick();
  setInterval(tick, 1000);
  setInterval(pulse, 1000);
})();
