// What the parts of a page that come again every few seconds (data-live) need besides htmx and gallery.js: what is unfolded or
// scrolled in them stays so, nothing changes under a pointer that rests on a chart, and a verdict is read out when it is another
// one, not each time. And a change that is confirmed with a double click is sent once: the second would be told of the first.
"use strict";
(() => {
  let kept = [];
  let said = document.querySelector("[data-say]")?.textContent.trim();

  document.addEventListener("htmx:beforeRequest", (event) => {
    const part = event.detail.elt;
    if (part.hasAttribute("data-live") && part.querySelector("svg:hover, .figures:hover")) event.preventDefault();
  });
  document.addEventListener("htmx:beforeSwap", (event) => {
    const part = event.detail.target;
    if (!part?.hasAttribute?.("data-live")) return;
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
    const now = document.querySelector("[data-say]")?.textContent.trim();
    const spoken = document.querySelector("[data-said]");
    if (spoken && now && now !== said) spoken.textContent = said = now;
  });
  document.addEventListener("submit", (event) => {
    const form = event.target;
    if (!form.hasAttribute("data-once")) return;
    if (form.dataset.sent) event.preventDefault();
    form.dataset.sent = "yes";
  });
  window.addEventListener("pageshow", () => {
    for (const form of document.querySelectorAll("form[data-sent]")) delete form.dataset.sent;
  });
})();
