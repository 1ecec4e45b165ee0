// The form of a service: conveniences. It can be sent, and what is wrong is shown, without them.
"use strict";

(() => {
  const find = (id) => document.getElementById(id);

  // Fields by part of their name
  const filter = () => {
    const box = find("filter");
    if (!box) return;
    const wanted = box.value.trim().toLowerCase();
    let shown = 0;
    for (const field of document.querySelectorAll("#try-form .field")) {
      field.hidden = wanted !== "" && !field.dataset.name.toLowerCase().includes(wanted);
      shown += field.hidden ? 0 : 1;
    }
    const unused = document.querySelector("#try-form .unused");
    if (unused) {
      unused.hidden = !unused.querySelector(".field:not([hidden])");
      if (wanted && !unused.hidden) unused.open = true;
    }
    document.querySelector("#try-form .none-found").hidden = shown > 0;
  };

  const ready = () => {
    for (const element of document.querySelectorAll(".js[hidden]")) element.hidden = false;
    for (const element of document.querySelectorAll(".nojs")) element.hidden = true;
    for (const pick of document.querySelectorAll("input.pick")) {
      const typed = find(pick.dataset.for).value.match(/^(\d{4}-\d\d-\d\d)[T ](\d\d:\d\d(:\d\d)?)/);
      pick.value = typed ? `${typed[1]}T${typed[2]}` : "";
    }
    filter();
  };

  // A value that is typed is meant
  const meant = (input) => {
    const how = document.querySelector(`select.how[data-for="${input.id}"]`);
    if (how && how.value !== "value") {
      how.value = "value";
      how.closest(".field").classList.remove("absent");
    }
  };

  document.addEventListener("input", (event) => {
    const target = event.target;
    if (target.id === "filter") filter();
    else if (target.matches("#try-form .entry > input:not(.pick), #try-form textarea")) meant(target);
  });

  document.addEventListener("change", (event) => {
    const target = event.target;
    if (target.matches("select.how")) target.closest(".field").classList.toggle("absent", target.value !== "value");
    if (target.matches("input.pick") && target.value) {
      const input = find(target.dataset.for);
      input.value = `${target.value.length === 16 ? `${target.value}:00` : target.value}Z`;
      meant(input);
    }
    if (target.closest("form.aim")) target.form.requestSubmit();
  });

  // Arrows step through numbers. Those beyond what a number of JavaScript holds exactly are left as they are.
  document.addEventListener("keydown", (event) => {
    const input = event.target;
    if (!input.dataset || !input.dataset.step || !["ArrowUp", "ArrowDown"].includes(event.key)) return;
    const [value, step] = [Number(input.value), Number(input.dataset.step)];
    if (input.value.trim() === "" || !Number.isFinite(value) || Math.abs(value) >= 2 ** 53) return;
    event.preventDefault();
    const digits = Math.max(0, -Math.floor(Math.log10(step)), (input.value.split(".")[1] || "").length);
    input.value = (value + (event.key === "ArrowUp" ? step : -step)).toFixed(Math.min(digits, 15));
    meant(input);
  });

  // What was unfolded stays so.
  const unfolded = new Map();
  document.addEventListener("htmx:beforeSwap", () => {
    for (const part of document.querySelectorAll("#try details[id]")) unfolded.set(part.id, part.open);
  });

  // After an answer: the first wrong field has the focus; on a narrow page what came is scrolled to.
  document.addEventListener("htmx:afterSettle", (event) => {
    if (event.target.id !== "try" && event.detail.target?.id !== "try") return;
    for (const part of document.querySelectorAll("#try details[id]")) {
      if (unfolded.has(part.id)) part.open = unfolded.get(part.id);
    }
    ready();
    const wrong = document.querySelector("#try [aria-invalid='true']");
    if (wrong) {
      const folded = wrong.closest("details");
      if (folded) folded.open = true;
      wrong.closest(".field").hidden = false;
      wrong.focus();
    } else if (event.detail.requestConfig?.verb === "post" && window.innerWidth < 900) {
      find("answer-part").scrollIntoView({ block: "nearest" });
    }
  });

  ready();
})();
