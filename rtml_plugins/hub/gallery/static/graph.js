// A node of the picture shows its panel without loading the page; links in SVG are none that htmx knows.
"use strict";

document.addEventListener("click", async (event) => {
  const link = event.target.closest("a[data-part]");
  const panel = document.getElementById("node");
  if (!link || !panel || event.button || event.ctrlKey || event.metaKey || event.shiftKey || event.altKey) return;
  event.preventDefault();
  for (const other of document.querySelectorAll("a[data-part].selected")) {
    other.classList.remove("selected");
    other.removeAttribute("aria-current");
  }
  link.classList.add("selected");
  link.setAttribute("aria-current", "true");
  history.replaceState(null, "", link.getAttribute("href"));
  await htmx.ajax("GET", link.dataset.part, { target: panel, swap: "innerHTML" });
  panel.scrollTop = 0;
  if (panel.getBoundingClientRect().top > window.innerHeight) panel.scrollIntoView();
});

// A picture that is wider than its region begins at the node that is looked at, or at the request.
for (const region of document.querySelectorAll(".graph-scroll")) {
  const first = region.querySelector(".selected rect") || region.querySelector(".end rect");
  if (first) region.scrollLeft = Number(first.getAttribute("x")) + Number(first.getAttribute("width")) / 2 - region.clientWidth / 2;
}
