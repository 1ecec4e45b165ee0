// Parts of a page that are asked for again: <div id="..." data-poll="seconds" hx-trigger="poll" hx-get="...">, as long as somebody
// can see the page. What is folded up or scrolled in them stays so.
"use strict";
(() => {
  const asked = new Map();
  let kept = [];

  setInterval(() => {
    if (document.hidden) return;
    const now = performance.now();
    for (const part of document.querySelectorAll("[data-poll]")) {
      if (!asked.has(part.id)) asked.set(part.id, now);
      const busy = part.querySelector("svg:hover, .figures:hover") || part.classList.contains("htmx-request");
      if (busy || now - asked.get(part.id) < 1000 * Number(part.dataset.poll)) continue;
      asked.set(part.id, now);
      htmx.trigger(part, "poll");
    }
  }, 250);

  const lost = (away) => {
    for (const notice of document.querySelectorAll("[data-lost]")) notice.hidden = !away;
  };

  // A refusal must not take the place of the figures: they stay, and it is said that they are old.
  document.addEventListener("htmx:beforeSwap", (event) => {
    const part = event.detail.elt.closest?.("[data-poll]") ?? event.detail.target.closest?.("[data-poll]");
    if (!part) return;
    const failed = event.detail.xhr.status >= 400;
    lost(failed);
    if (failed) {
      event.detail.shouldSwap = false;
      return;
    }
    kept = [...part.querySelectorAll("details[open][id]")].map((one) => [one.id, one.querySelector(".figures")?.scrollTop ?? 0]);
  });
  document.addEventListener("htmx:afterSwap", () => {
    for (const [id, top] of kept) {
      const details = document.getElementById(id);
      if (!details) continue;
      details.open = true;
      const figures = details.querySelector(".figures");
      if (figures) figures.scrollTop = top;
    }
    kept = [];
  });
  document.addEventListener("htmx:sendError", (event) => {
    if (event.detail.elt.closest("[data-poll]")) lost(true);
  });
})();
