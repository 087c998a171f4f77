// Keys for what the page has anyway: an element says by `data-key` which key presses it. Without this, all works by mouse.
"use strict";

const typing = (element) => element.matches("input:not([type=hidden]), textarea, select");

function press(element) {
  if (element.matches("input")) {
    element.focus();
    element.select();
    return;
  }
  element.click();
  const details = element.closest("details");
  if (element.matches("summary") && details.open) details.querySelector("textarea")?.focus();
}

function step(by) {
  const stops = [...document.querySelectorAll("[data-step]")];
  const at = stops.indexOf(document.activeElement);
  stops[Math.min(Math.max(at + by, 0), stops.length - 1)]?.focus();
}

document.addEventListener("keydown", (event) => {
  const target = event.target;
  if (event.isComposing) return;
  if (typing(target)) {
    if (event.key === "Escape") target.blur();
    if (event.key === "Enter" && target.matches(".note")) {
      event.preventDefault(); // else it would press the first button, and accept
      target.blur();
    }
    if (event.key === "Enter" && (event.ctrlKey || event.metaKey)) target.form.requestSubmit();
    return;
  }
  if (event.ctrlKey || event.metaKey || event.altKey || event.repeat && !"jk".includes(event.key)) return;
  const element = document.querySelector(`[data-key="${CSS.escape(event.key)}"]`);
  if (element) {
    event.preventDefault();
    press(element);
  } else if (event.key === "j" || event.key === "k") {
    step(event.key === "j" ? 1 : -1);
  }
});

// a verdict is sent once, however impatiently it is pressed
document.addEventListener("submit", (event) => {
  if (event.target.method !== "post") return;
  if (event.target.dataset.sent) event.preventDefault();
  event.target.dataset.sent = "yes";
});

// the list alone: scrolling the page would hide what the run waits for
const here = document.querySelector('.list [aria-current="true"]');
if (here) here.closest(".list").scrollTop = here.offsetTop - here.closest(".list").clientHeight / 2;
