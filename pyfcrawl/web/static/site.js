// Makes pages that work without it nicer: results while typing, `/` for the search, copying,
// a switch for the colours. Adds nothing that can't be had another way.
"use strict";

const root = document.documentElement;

// --- colours --------------------------------------------------------------------------------

function isDark() {
  return root.dataset.theme
    ? root.dataset.theme === "dark"
    : matchMedia("(prefers-color-scheme: dark)").matches;
}

for (const button of document.querySelectorAll("[data-theme-toggle]")) {
  button.hidden = false;
  button.addEventListener("click", () => {
    root.dataset.theme = isDark() ? "light" : "dark";
    try {
      localStorage.setItem("theme", root.dataset.theme);
    } catch {
      // It holds for this page, then.
    }
  });
}

// --- copying --------------------------------------------------------------------------------

for (const block of document.querySelectorAll("[data-copy]")) {
  const button = block.querySelector("button");
  if (!navigator.clipboard) break;
  button.hidden = false;
  button.addEventListener("click", async () => {
    await navigator.clipboard.writeText(block.querySelector("code").textContent);
    button.textContent = "Copied";
    setTimeout(() => (button.textContent = "Copy"), 1600);
  });
}

// --- scrolling ------------------------------------------------------------------------------

// What is too wide in a README scrolls, and has to do so for whoever has no pointer.
const wide = new ResizeObserver((seen) => {
  for (const { target } of seen) {
    if (target.scrollWidth > target.clientWidth) target.tabIndex = 0;
    else target.removeAttribute("tabindex");
  }
});
for (const each of document.querySelectorAll(".readme pre, .readme table")) wide.observe(each);

// --- keys -----------------------------------------------------------------------------------

const box = document.getElementById("q");

document.addEventListener("keydown", (event) => {
  if (event.key !== "/" || event.ctrlKey || event.metaKey || event.altKey) return;
  if (event.target.closest("input, textarea, select, [contenteditable]")) return;
  event.preventDefault();
  if (box) {
    box.focus();
    box.select();
  } else {
    location.assign(document.querySelector(".brand").href);
  }
});

// --- results while typing -------------------------------------------------------------------

const form = document.querySelector("[data-search]");
const results = document.querySelector("[data-results]");
const filters = document.querySelector("[data-filters]");
const said = document.querySelector("[data-said]");

// Filters stand beside the results where there is room, and are folded away where there is none.
const roomy = matchMedia("(min-width: 56rem)");

function unfold() {
  const facets = filters.querySelector("[data-facets]");
  if (facets && roomy.matches) facets.open = true;
}

// One part of the page, of which only the last asked for is shown.
class Part {
  constructor(path, place) {
    Object.assign(this, { path, place, asking: null, waiting: 0 });
  }

  // Show it for an address, in some milliseconds; true when it could be had.
  async show(target, delay = 0) {
    this.asking?.abort();
    this.asking = new AbortController();
    const { signal } = this.asking;
    clearTimeout(this.waiting);
    await new Promise((resolve) => (this.waiting = setTimeout(resolve, delay)));
    if (signal.aborted) return false;
    this.place.setAttribute("aria-busy", "true");
    try {
      const text = await partOf(target, this.path, signal);
      if (signal.aborted) return false;
      this.place.innerHTML = text;
      return true;
    } finally {
      if (!signal.aborted) this.place.removeAttribute("aria-busy");
    }
  }
}

// The HTML of a part for an address. What fails is told by a whole page, which is no part.
async function partOf(target, path, signal) {
  const answer = await fetch(path + new URL(target, location.href).search, { signal });
  const text = await answer.text();
  const isHtml = (answer.headers.get("content-type") ?? "").startsWith("text/html");
  if (!isHtml || /^\s*<!doctype/i.test(text)) throw new Error(`status ${answer.status}`);
  return text;
}

function setUp() {
  const hits = new Part("/results", results);
  const facets = new Part("/facets", filters);

  // The address of the page with these results.
  function address() {
    const given = [...new FormData(form)].filter(([, value]) => value);
    const query = new URLSearchParams(given).toString();
    return query ? `/?${query}` : "/";
  }

  async function attempt(showing, then) {
    try {
      if (await showing) then();
    } catch (error) {
      if (error.name !== "AbortError") tellOfFailure();
    }
  }

  // Said to those who listen, shown to those who look; the next results take its place.
  function tellOfFailure() {
    const told = "This search can't be answered; these are earlier results. Try again in a moment.";
    said.textContent = told;
    if (results.querySelector("[data-failed]")) return;
    const shown = document.createElement("p");
    Object.assign(shown, { className: "notice", textContent: told });
    shown.dataset.failed = "";
    results.prepend(shown);
  }

  // Hits come at once; filters once the typing has come to a rest.
  function show(target, rest = 0) {
    const open = filters.querySelector("[data-facets]")?.open;
    const filtered = attempt(facets.show(target, rest), () => {
      const shown = filters.querySelector("[data-facets]");
      if (shown && open) shown.open = true;
      unfold();
    });
    const found = attempt(hits.show(target), () => {
      const { count, title } = results.querySelector("[data-count]")?.dataset ?? {};
      said.textContent = count ?? "";
      document.title = title ?? document.title;
    });
    return Promise.all([found, filtered]);
  }

  // What the form sends along has to be what the address says.
  function take(target) {
    const given = new URL(target, location.href).searchParams;
    for (const hidden of form.querySelectorAll("input[type=hidden]")) hidden.remove();
    for (const [name, value] of given) {
      if (name === "page" || name === "q") continue;
      const field = document.createElement("input");
      Object.assign(field, { type: "hidden", name, value });
      form.append(field);
    }
    if (document.activeElement !== box) box.value = given.get("q") ?? "";
  }

  function go(target) {
    history.pushState(null, "", target);
    take(target);
    return show(target);
  }

  let typing = 0;
  box.addEventListener("input", () => {
    clearTimeout(typing);
    typing = setTimeout(() => {
      history.replaceState(null, "", address());
      show(address(), 350);
    }, 100);
  });

  form.addEventListener("submit", (event) => {
    event.preventDefault();
    clearTimeout(typing);
    go(address());
  });

  async function follow(event) {
    const link = event.target.closest("a");
    if (!link || event.ctrlKey || event.metaKey || event.shiftKey || event.button) return;
    const target = new URL(link.href);
    if (target.origin !== location.origin || target.pathname !== "/") return;
    event.preventDefault();
    const place = event.currentTarget;
    const label = link.firstElementChild?.textContent ?? link.textContent;
    await go(target.pathname + target.search);
    if (link.closest(".pages")) results.scrollIntoView();
    // Whoever uses a keyboard goes on from where the link was.
    const same = [...place.querySelectorAll("a")].find(
      (each) => (each.firstElementChild?.textContent ?? each.textContent) === label,
    );
    (same ?? document.getElementById("main")).focus({ preventScroll: true });
  }

  results.addEventListener("click", follow);
  filters.addEventListener("click", follow);

  addEventListener("popstate", () => {
    take(location.href);
    box.value = new URL(location.href).searchParams.get("q") ?? "";
    show(location.href);
  });
}

if (form && results) {
  unfold();
  roomy.addEventListener("change", unfold);
  setUp();
}
