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
const said = document.querySelector("[data-said]");

// Filters stand beside the results where there is room, and are folded away where there is none.
const roomy = matchMedia("(min-width: 56rem)");

function unfold() {
  const facets = document.querySelector("[data-facets]");
  if (facets && roomy.matches) facets.open = true;
}

function setUp() {
  let waiting = 0;
  let asking = null;

  // The address of the page with these results.
  function address() {
    const given = new URLSearchParams(new FormData(form));
    for (const [name, value] of [...given]) if (!value) given.delete(name, value);
    const query = given.toString();
    return query ? `/?${query}` : "/";
  }

  async function show(target) {
    asking?.abort();
    asking = new AbortController();
    results.setAttribute("aria-busy", "true");
    try {
      const query = new URL(target, location.href).search;
      const answer = await fetch(`/results${query}`, { signal: asking.signal });
      if (!(answer.headers.get("content-type") || "").startsWith("text/html")) throw new Error();
      const open = document.querySelector("[data-facets]")?.open;
      results.innerHTML = await answer.text();
      const facets = document.querySelector("[data-facets]");
      if (facets && open) facets.open = true;
      unfold();
      said.textContent = results.querySelector("[data-count]")?.dataset.count ?? "";
    } catch (error) {
      if (error.name === "AbortError") return;
      said.textContent = "The search can't be reached. Try again in a moment.";
    }
    results.removeAttribute("aria-busy");
  }

  // What the form sends along has to be what the address says.
  function take(target) {
    const given = new URL(target, location.href).searchParams;
    for (const hidden of form.querySelectorAll("input[type=hidden]")) hidden.remove();
    for (const [name, value] of given) {
      if (name === "page") continue;
      if (name === "q") continue;
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

  box.addEventListener("input", () => {
    clearTimeout(waiting);
    waiting = setTimeout(() => {
      history.replaceState(null, "", address());
      show(address());
    }, 120);
  });

  form.addEventListener("submit", (event) => {
    event.preventDefault();
    clearTimeout(waiting);
    go(address());
  });

  results.addEventListener("click", async (event) => {
    const link = event.target.closest("a");
    if (!link || event.ctrlKey || event.metaKey || event.shiftKey || event.button) return;
    const target = new URL(link.href);
    if (target.origin !== location.origin || target.pathname !== "/") return;
    event.preventDefault();
    const paged = link.closest(".pages");
    await go(target.pathname + target.search);
    if (paged) results.scrollIntoView();
    // Whoever uses a keyboard goes on from where the link was.
    const same = [...results.querySelectorAll("a")].find(
      (each) => each.textContent.trim() === link.textContent.trim(),
    );
    (same ?? document.getElementById("main")).focus({ preventScroll: true });
  });

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
