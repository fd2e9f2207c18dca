"use strict";

const facts = JSON.parse(document.getElementById("facts").textContent);
const served = document.getElementById("record") !== null;
const sections = [...document.querySelectorAll(".reviewed")];
const byId = new Map(facts.images.map(image => [image.id, {...image, given: null}]));
const $ = id => document.getElementById(id);
let current = 0;
let saved = true;

function stateOf(section) {
  return byId.get(Number(section.dataset.id));
}

// Puts the source in the place of the JPEG, or the JPEG back.
function flip(button, toSource) {
  const shown = button.querySelector("img");
  if (!button.jpeg) button.jpeg = shown.src;
  shown.src = toSource ? button.closest(".both").querySelector(".source").src : button.jpeg;
  button.setAttribute("aria-pressed", String(toSource));
}

function flipAll(section) {
  const buttons = [...section.querySelectorAll(".flip")];
  const toSource = !buttons.every(button => button.getAttribute("aria-pressed") === "true");
  for (const button of buttons) flip(button, toSource);
}

function show(section) {
  const {verdict, why} = stateOf(section);
  const fine = section.querySelector(".fine"), notFine = section.querySelector(".not-fine");
  const field = section.querySelector(".why");
  fine.setAttribute("aria-pressed", String(verdict === "fine"));
  notFine.setAttribute("aria-pressed", String(verdict === "not-fine"));
  section.classList.toggle("is-fine", verdict === "fine");
  section.classList.toggle("is-not-fine", verdict === "not-fine");
  section.classList.toggle("current", sections[current] === section);
  field.hidden = verdict !== "not-fine";
  field.classList.toggle("missing", verdict === "not-fine" && !why.trim());
  if (field.value !== why) field.value = why;
}

function give(section, verdict, why = "") {
  Object.assign(stateOf(section), {verdict, why, given: Date.now() / 1000});
  saved = false;
  show(section);
  account();
}

function notFineNow() {
  return facts.notFineElsewhere + [...byId.values()].filter(image => image.verdict === "not-fine").length;
}

// What the person has said so far, and what an approval would be of.
function account() {
  const images = [...byId.values()];
  const fine = images.filter(image => image.verdict === "fine").length;
  const bad = images.filter(image => image.verdict === "not-fine").length;
  $("progress").textContent =
    `${images.length} on this page: ${fine} fine, ${bad} not fine, ${images.length - fine - bad} without a verdict.`;
  const open = [[notFineNow(), "not fine"], [facts.failed, "failed"], [facts.waiting, "not converted yet"],
    [facts.findings, "missing, different or unreadable"]];
  const told = open.filter(([count]) => count).map(([count, what]) => `${count} ${what}`).join(", ");
  $("approve-text").textContent = told ? `approve the batch, although it has ${told}` : "approve the batch";
}

function goTo(index) {
  const before = sections[current];
  current = Math.max(0, Math.min(sections.length - 1, index));
  if (before) show(before);
  if (sections[current]) {
    show(sections[current]);
    sections[current].scrollIntoView({block: "start"});
  }
}

// The answers as `photostat review --import` reads them; null, and the place is shown, where a reason is missing.
function answers() {
  const given = [...byId.values()].filter(image => image.given !== null);
  const missing = given.find(image => image.verdict === "not-fine" && !image.why.trim());
  if (missing) {
    goTo(sections.findIndex(section => stateOf(section) === missing));
    sections[current].querySelector(".why").focus();
    $("outcome").textContent = `Image ${missing.id} is not fine: say why first.`;
    return null;
  }
  return {
    photostat_review: 1,
    ledger: facts.ledger,
    batch: facts.batch,
    reviewer: $("reviewer").value.trim(),
    verdicts: given.map(({id, md5, verdict, why, given}) => ({id, md5, verdict: verdict ?? "withdrawn", why, given})),
    approval: $("approve").checked
      ? {given: $("approve").given, changes: facts.changes, not_fine: notFineNow(), note: $("note").value.trim()}
      : null,
  };
}

function save() {
  const document_ = answers();
  if (document_ === null) return;
  const link = document.createElement("a");
  link.href = URL.createObjectURL(new Blob([JSON.stringify(document_, null, 1)], {type: "application/json"}));
  link.download = `review-${facts.batch}.json`;
  link.click();
  saved = true;
  $("outcome").textContent = `Saved as ${link.download}: nothing is in the ledger before it is imported.`;
}

async function tell(where, body) {
  try {
    const reply = await fetch(where, {method: "POST", headers: {"Content-Type": "application/json"}, body});
    return [reply.ok, await reply.text()];
  } catch (error) {
    return [false, "photostat does not answer any more: nothing was recorded. Is the command still running?"];
  }
}

async function record() {
  const document_ = answers();
  if (document_ === null) return;
  const [done, text] = await tell("answers", JSON.stringify(document_));
  $("outcome").textContent = text;
  saved = saved || done;
}

async function finish() {
  if (!saved && !confirm("Some verdicts are not recorded. End without them?")) return;
  const [done, text] = await tell("finish", "{}");
  $("outcome").textContent = done ? "Finished: this page can be closed." : text;
  saved = true;
}

// One pixel of the image is one pixel of the screen, whatever the zoom.
function fit() {
  for (const image of document.querySelectorAll(".both img"))
    image.style.width = image.getAttribute("width") / window.devicePixelRatio + "px";
}

sections.forEach((section, index) => {
  for (const button of section.querySelectorAll(".flip"))
    button.addEventListener("click", () => flip(button, button.getAttribute("aria-pressed") !== "true"));
  section.addEventListener("mousedown", () => { if (index !== current) { const old = sections[current]; current = index; show(old); show(section); } });
  section.querySelector(".fine").addEventListener("click", () => give(section, "fine"));
  section.querySelector(".not-fine").addEventListener("click", () => sayNotFine(section));
  section.querySelector(".why").addEventListener("input", event => give(section, "not-fine", event.target.value));
  section.querySelector(".why").addEventListener("keydown", event => {
    if (event.key === "Enter" || event.key === "Escape") event.target.blur();
  });
  show(section);
});

function sayNotFine(section) {
  give(section, "not-fine", stateOf(section).why);
  section.querySelector(".why").focus();
}

const keys = {
  " ": section => flipAll(section),
  ArrowDown: () => goTo(current + 1),
  ArrowRight: () => goTo(current + 1),
  ArrowUp: () => goTo(current - 1),
  ArrowLeft: () => goTo(current - 1),
  f: section => { give(section, "fine"); goTo(current + 1); },
  n: section => sayNotFine(section),
  u: section => give(section, null),
};

document.addEventListener("keydown", event => {
  if (event.ctrlKey || event.metaKey || event.altKey || event.target.tagName === "INPUT" || !sections.length) return;
  const act = keys[event.key];
  if (!act) return;
  event.preventDefault();
  act(sections[current]);
});

$("approve").addEventListener("change", event => { event.target.given = Date.now() / 1000; saved = false; });
if (served) {
  $("record").addEventListener("click", record);
  $("finish").addEventListener("click", finish);
} else {
  $("save").addEventListener("click", save);
}
window.addEventListener("beforeunload", event => { if (!saved) event.preventDefault(); });
window.addEventListener("resize", fit);
fit();
account();
