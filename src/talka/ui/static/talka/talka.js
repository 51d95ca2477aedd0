// The few things a page does by itself. Everything works without this file except the drafts, the theme menu and the
// retry after a lost connection. It holds no words: those come, translated, from <template id="t-words">.
(() => {
  "use strict";
  const words = () => document.getElementById("t-words")?.dataset ?? {};
  const make = (tag, attributes = {}, ...children) => {
    const element = document.createElement(tag);
    for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, value);
    element.append(...children);
    return element;
  };

  // ---- drafts: what is typed is kept on the device until the form is accepted
  const PREFIX = "talka:draft:";
  const DAYS = 14;
  const store = {
    read(key) { try { return JSON.parse(localStorage.getItem(PREFIX + key)); } catch { return null; } },
    write(key, value) { try { localStorage.setItem(PREFIX + key, JSON.stringify(value)); return true; } catch { return false; } },
    remove(key) { try { localStorage.removeItem(PREFIX + key); } catch { /* nothing was kept */ } },
    keys() { try { return Object.keys(localStorage).filter((key) => key.startsWith(PREFIX)).map((key) => key.slice(PREFIX.length)); } catch { return []; } },
  };
  const sent = {
    get() { try { return sessionStorage.getItem("talka:sent"); } catch { return null; } },
    set(key) { try { sessionStorage.setItem("talka:sent", key); } catch { /* the draft then simply stays */ } },
    clear() { try { sessionStorage.removeItem("talka:sent"); } catch { /* as above */ } },
  };

  // Passwords, files, tokens and whatever a page marks as private are never kept.
  const draftable = (form) => [...form.elements].filter((field) =>
    field.name && !["password", "file", "hidden", "submit", "button", "reset"].includes(field.type) && !field.closest("[data-no-draft]"));
  const values = (form) => {
    const kept = {};
    for (const field of draftable(form)) {
      const list = (kept[field.name] ??= []);
      if (field.type === "checkbox" || field.type === "radio") { if (field.checked) list.push(field.value); }
      else if (field.multiple && field.options) list.push(...[...field.selectedOptions].map((option) => option.value));
      else list.push(field.value);
    }
    return kept;
  };
  const fill = (form, kept) => {
    const turn = {};
    for (const field of draftable(form)) {
      const list = kept[field.name];
      if (!list) continue;
      if (field.type === "checkbox" || field.type === "radio") field.checked = list.includes(field.value);
      else if (field.multiple && field.options) for (const option of field.options) option.selected = list.includes(option.value);
      else {
        const nth = (turn[field.name] = (turn[field.name] ?? -1) + 1);
        if (list[nth] !== undefined) field.value = list[nth];
      }
      field.dispatchEvent(new Event("talka:filled", { bubbles: true }));
    }
  };
  const same = (a, b) => JSON.stringify(a) === JSON.stringify(b);

  // A form that was sent and did not come back refused was accepted, so its draft has done its work.
  const settleSent = () => {
    const key = sent.get();
    sent.clear();
    // An error page, or a sign-in that came in between, accepted nothing.
    if (key === null || document.querySelector("[data-keeps-drafts], input[type=password]")) return;
    const back = [...document.querySelectorAll("form[data-draft]")].find((form) => form.dataset.draft === key);
    if (!back?.hasAttribute("data-has-errors")) store.remove(key);
  };
  const forgetOld = () => {
    for (const key of store.keys()) {
      const draft = store.read(key);
      if (!draft?.at || Date.now() - draft.at > DAYS * 86400e3) store.remove(key);
    }
  };

  const keepDrafts = (form) => {
    const key = form.dataset.draft;
    const original = values(form);
    form.talkaOriginal = original;
    const draft = store.read(key);
    // A refused form already carries what was typed; the server's copy is the newer one.
    if (draft && !form.hasAttribute("data-has-errors") && !same(draft.values, original)) {
      fill(form, draft.values);
      const discard = make("button", { type: "button", class: "btn btn-sm" }, words().draftDiscard ?? "");
      const at = new Intl.DateTimeFormat(document.documentElement.lang, { dateStyle: "medium", timeStyle: "short" }).format(draft.at);
      const note = make("div", { class: "t-draft", role: "status" },
        make("span", {}, `${words().draftRestored ?? ""} ${words().draftAt ?? ""} ${at}.`), discard);
      discard.addEventListener("click", () => { fill(form, original); store.remove(key); note.remove(); form.querySelector("input:not([type=hidden]), textarea, select")?.focus(); });
      form.prepend(note);
    }
    let timer;
    const keep = () => {
      const now = values(form);
      if (same(now, original)) store.remove(key); else store.write(key, { at: Date.now(), values: now });
    };
    form.addEventListener("input", () => { clearTimeout(timer); timer = setTimeout(keep, 250); });
    form.addEventListener("change", keep);
    form.addEventListener("submit", () => { clearTimeout(timer); keep(); sent.set(key); });
  };

  // ---- leaving with unsaved changes
  const dirty = (form) => !form.talkaSending && form.talkaOriginal && !same(values(form), form.talkaOriginal)
    || (!form.talkaSending && [...form.querySelectorAll("input[type=file]")].some((input) => input.files.length));
  addEventListener("beforeunload", (event) => {
    if ([...document.querySelectorAll("form[data-guard]")].some(dirty)) event.preventDefault();
  });

  // ---- long text grows as it is typed; max-height in the stylesheet ends it
  const grow = (area) => {
    area.style.height = "auto";
    area.style.height = `${area.scrollHeight + area.offsetHeight - area.clientHeight}px`;
  };

  // ---- sending: progress, and a lost connection that loses nothing
  const bar = (form) => form.querySelector(".t-sending") ?? form.appendChild(make("div", { class: "t-sending" },
    make("progress", { max: "1", "aria-label": words().sending ?? "" })));
  const lost = (form) => {
    form.querySelector(".t-sending")?.remove();
    form.talkaSending = false;
    if (form.querySelector(".t-lost")) return;
    const retry = make("button", { type: "button", class: "btn" }, words().retry ?? "");
    const again = () => { removeEventListener("online", again); if (form.isConnected) { notice.remove(); form.requestSubmit(); } };
    const notice = make("div", { class: "t-notice t-tone-warning t-lost", role: "alert" }, make("div", {}, make("p", {}, words().offline ?? ""), retry));
    retry.addEventListener("click", again);
    addEventListener("online", again);
    form.append(notice);
  };
  const formOf = (event) => event.target.closest?.("form");
  document.addEventListener("htmx:beforeRequest", (event) => { const form = formOf(event); if (form && event.detail.requestConfig.verb === "post") form.talkaSending = true; });
  document.addEventListener("htmx:xhr:progress", (event) => {
    const form = formOf(event);
    // Without a file the bar would only flicker.
    if (form?.encoding === "multipart/form-data" && event.detail.lengthComputable && event.detail.total > 100000) {
      bar(form).firstChild.value = event.detail.loaded / event.detail.total;
    }
  });
  for (const name of ["htmx:sendError", "htmx:timeout"]) document.addEventListener(name, (event) => { const form = formOf(event); if (form) lost(form); });
  document.addEventListener("htmx:afterRequest", (event) => { formOf(event)?.querySelector(".t-sending")?.remove(); });

  document.addEventListener("submit", (event) => { if (event.target.matches("[data-forgets-drafts]")) store.keys().forEach(store.remove); });

  // ---- menus close on Escape and on a click elsewhere, dialogs open where the browser does not know `command` yet
  document.addEventListener("click", (event) => {
    for (const menu of document.querySelectorAll("details[data-menu][open]")) if (!menu.contains(event.target)) menu.open = false;
    const opener = event.target.closest("[data-dialog]");
    if (opener && !("commandForElement" in HTMLButtonElement.prototype)) document.getElementById(opener.dataset.dialog)?.showModal();
    const choice = event.target.closest("button[data-theme-choice]");
    if (choice) {
      dispatchEvent(new CustomEvent("talka:theme", { detail: choice.dataset.themeChoice }));
      showTheme();
      choice.closest("details").open = false;
    }
  });
  document.addEventListener("keydown", (event) => {
    if (event.key === "Escape") {
      const menu = event.target.closest?.("details[data-menu][open]");
      if (menu) { menu.open = false; menu.querySelector("summary").focus(); }
      else for (const open of document.querySelectorAll("details[data-menu][open]")) open.open = false;
    }
    if (event.key === "/" && !event.ctrlKey && !event.metaKey && !event.altKey && !event.target.closest("input, textarea, select, [contenteditable]")) {
      const search = document.querySelector("[data-search]");
      if (search) { event.preventDefault(); search.focus(); search.select(); }
    }
  });
  const showTheme = () => {
    for (const menu of document.querySelectorAll("[data-theme-menu]")) menu.hidden = false;
    for (const button of document.querySelectorAll("button[data-theme-choice]")) {
      button.setAttribute("aria-pressed", String(button.dataset.themeChoice === document.documentElement.dataset.themeChoice));
    }
  };

  // ---- tables that stack on a phone: headers become labels, and roles survive display:block
  const label = (table) => {
    const heads = [...(table.tHead?.rows[0]?.cells ?? [])].map((cell) => cell.textContent.trim());
    table.setAttribute("role", "table");
    for (const group of table.querySelectorAll("thead, tbody, tfoot")) group.setAttribute("role", "rowgroup");
    for (const row of table.rows) {
      row.setAttribute("role", "row");
      for (const [nth, cell] of [...row.cells].entries()) {
        if (cell.tagName === "TH") cell.setAttribute("role", cell.scope === "row" ? "rowheader" : "columnheader");
        else {
          cell.setAttribute("role", "cell");
          if (!cell.hasAttribute("data-label") && cell.colSpan === 1 && heads[nth]) cell.dataset.label = heads[nth];
        }
      }
    }
  };

  // ---- a file that the server would refuse for its size is refused before it is sent
  document.addEventListener("change", (event) => {
    const input = event.target;
    const limit = Number(input.dataset?.maxBytes);
    if (input.type !== "file" || !limit) return;
    const big = [...input.files].find((file) => file.size > limit);
    input.setCustomValidity(big ? `${words().tooBig ?? ""} ${big.name}` : "");
    if (big) input.reportValidity();
  });

  const begin = () => {
    const root = document;
    showTheme();
    for (const area of root.querySelectorAll("textarea[data-autosize]")) {
      if (area.talkaGrows) continue;
      area.talkaGrows = true;
      grow(area);
      for (const name of ["input", "talka:filled"]) area.addEventListener(name, () => grow(area));
    }
    for (const table of root.querySelectorAll("table.t-stack:not([role])")) label(table);
    for (const form of root.querySelectorAll("form[data-draft]")) if (!form.talkaOriginal) keepDrafts(form);
    for (const form of root.querySelectorAll("form[data-guard]")) {
      if (form.talkaGuarded) continue;
      form.talkaGuarded = true;
      form.talkaOriginal ??= values(form);
      form.addEventListener("submit", () => { form.talkaSending = true; });
    }
    document.querySelector(".t-nav [aria-current]")?.scrollIntoView({ block: "nearest", inline: "nearest" });
    const refused = root.querySelector("[data-refused]");
    if (refused && !refused.talkaSeen) { refused.talkaSeen = true; refused.focus(); }
  };
  const page = () => { settleSent(); begin(); };
  forgetOld();
  page();
  // After a swap htmx speaks once for every new element; each of the things above is done once, however often it is asked.
  document.addEventListener("htmx:afterSettle", page);
})();
