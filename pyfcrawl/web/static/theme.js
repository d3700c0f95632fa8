// Sets the colours somebody chose before anything is drawn; without a choice the system's count.
(() => {
  "use strict";
  try {
    const chosen = localStorage.getItem("theme");
    if (chosen === "light" || chosen === "dark") document.documentElement.dataset.theme = chosen;
  } catch {
    // Storage may be forbidden; then there is nothing to remember.
  }
  document.documentElement.classList.add("scripted");
})();
