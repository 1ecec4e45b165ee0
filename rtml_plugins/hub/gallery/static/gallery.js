// What the pages do besides htmx. Everything can be read without it.
"use strict";

// Buttons that copy: <button data-copy="id of the element whose text is copied">
document.addEventListener("click", async (event) => {
  const button = event.target.closest("[data-copy]");
  if (!button || button.dataset.label) return;
  const source = document.getElementById(button.dataset.copy);
  let said = "Copied";
  try {
    await navigator.clipboard.writeText(source.textContent);
  } catch { // over plain HTTP, but on this machine, browsers let no page write there
    getSelection().selectAllChildren(source);
    said = "Selected: now copy it";
  }
  button.dataset.label = button.textContent;
  button.textContent = said;
  setTimeout(() => {
    button.textContent = button.dataset.label;
    delete button.dataset.label;
  }, 2000);
});

// What went wrong with what is not answered, or is asked for every few seconds: the line at the top, until an answer comes again.
const trouble = (said) => {
  const line = document.getElementById("trouble");
  if (line.textContent !== said) line.textContent = said;
  line.hidden = !said;
};
for (const name of ["sendError", "timeout"]) {
  document.addEventListener(`htmx:${name}`, () => trouble("The hub does not answer. What you see may be old."));
}

// A refusal is shown where the answer would have been. What is asked for every few seconds stays, and is asked for again.
document.addEventListener("htmx:beforeSwap", (event) => {
  const { xhr, elt } = event.detail;
  const live = elt.hasAttribute("data-live");
  if (xhr.status < 400 || !xhr.responseText) {
    trouble("");
  } else if (live) {
    event.detail.shouldSwap = false;
    trouble(new DOMParser().parseFromString(xhr.responseText, "text/html").querySelector("p")?.textContent ?? `The hub answered ${xhr.status}.`);
  } else {
    trouble("");
    event.detail.shouldSwap = true;
    event.detail.isError = false;
  }
});

// What is asked for every few seconds (data-live) is not while nobody looks, and at once when somebody looks again ("seen").
document.addEventListener("htmx:beforeRequest", (event) => {
  if (document.hidden && event.detail.elt.hasAttribute("data-live")) event.preventDefault();
});
document.addEventListener("visibilitychange", () => {
  if (!document.hidden) document.querySelectorAll("[data-live]").forEach((element) => htmx.trigger(element, "seen"));
});
