"use strict";

const buttons = [...document.querySelectorAll("button.flip")];
const jpegs = new Map(buttons.map(button => [button, button.querySelector("img").src]));

function isFlipped(button) {
  return button.getAttribute("aria-pressed") === "true";
}

// Puts the source in the place of the JPEG, or the JPEG back.
function flip(button, toSource) {
  const source = button.closest(".crops").querySelector(".source img").src;
  button.querySelector("img").src = toSource ? source : jpegs.get(button);
  button.setAttribute("aria-pressed", String(toSource));
}

// One pixel of the image is one pixel of the screen, whatever the zoom.
function fit() {
  for (const image of document.querySelectorAll(".crops img"))
    image.style.width = image.getAttribute("width") / window.devicePixelRatio + "px";
}

for (const button of buttons)
  button.addEventListener("click", () => flip(button, !isFlipped(button)));

document.addEventListener("keydown", event => {
  if (event.key !== "s" || event.ctrlKey || event.metaKey || event.altKey) return;
  const toSource = !buttons.every(isFlipped);
  for (const button of buttons) flip(button, toSource);
});

window.addEventListener("resize", fit);
fit();
