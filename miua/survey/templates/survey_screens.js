// What is seen and what is pressed.

const element = (id) => document.getElementById(id);
const SCREENS = ["problem", "welcome", "instructions", "interlude", "judging", "end"];
const SECONDS_AN_IMAGE = 12;
let database;
let record = null;
let shown = ""; // the screen
// The time of looking that is not in the record yet: milliseconds, and since when more are added.
let kept = 0;
let since = null; // null: it stands

/** Milliseconds in words, as minutes and seconds. */
function clock(milliseconds) {
  const seconds = Math.floor(milliseconds / 1000);
  return `${Math.floor(seconds / 60)}:${String(seconds % 60).padStart(2, "0")}`;
}

function show(screen) {
  if (screen === shown) return;
  shown = screen;
  for (const each of SCREENS) element(each).hidden = each !== screen;
  window.scrollTo(0, 0);
  element(screen).querySelector("h1").focus();
}

function fail(reason) {
  element("reason").textContent = say(reason);
  show("problem");
}

function warn(text) {
  element("warning").textContent = text;
  element("warning").hidden = text === "";
}

// Looking.

const isLooking = () => shown === "judging" && !document.hidden && !picture.hidden;
const unrecorded = () => kept + (since === null ? 0 : performance.now() - since);

/** The time so far, which counts from zero again: whoever takes it records it or puts it back. */
function takeTime() {
  const milliseconds = unrecorded();
  restartTime();
  return milliseconds;
}

function restartTime() {
  kept = 0;
  since = isLooking() ? performance.now() : null;
}

// Acting: one thing after the other, and none before the one before it is saved.

let queue = Promise.resolve();

/**
 * Change the record, save it, and show it. A change that gives the same record is none; one that
 * cannot be saved is not made.
 */
function act(change) {
  queue = queue.then(async () => {
    // Taken before the record is saved: what is looked at meanwhile counts once, and afterwards.
    const milliseconds = takeTime();
    const timed = milliseconds > 0 ? looked(record, milliseconds) : record;
    const changed = change(timed);
    if (changed === timed) {
      kept += milliseconds;
      return;
    }
    try {
      await store(database, changed);
    } catch {
      kept += milliseconds;
      warn(say("not_saved"));
      if (shown === "judging") renderAnswers(entryOf(record));
      return;
    }
    warn("");
    const before = record;
    record = changed;
    await render(before);
  });
  return queue;
}

/** Keep the time so far, and let it stand while the image is not to be seen. */
function pauseOrGoOn() {
  kept = unrecorded();
  since = isLooking() ? performance.now() : null;
  if (since === null && kept > 0) act((timed) => ({ ...timed }));
}

/** Lay the image out for the window as it is; no answers are taken where it has no room. */
function fit() {
  if (shown !== "judging") return;
  element("answers").inert = place() === 0;
  pauseOrGoOn();
}

// Showing.

async function render(before) {
  const phase = phaseOf(record);
  const isImage = phase === "practice" || phase === "judging";
  const total = showings(record).length - PRACTICE.length;
  if (phase === "interlude") element("ahead").textContent = say("interlude_text", { total });
  if (phase === "end") await renderEnd();
  const isNew = shown !== "judging" || before.at !== record.at;
  show(isImage ? "judging" : phase);
  if (!isImage) restartTime();
  if (isImage) await renderImage(phase, isNew);
}

async function renderImage(phase, isNew) {
  const entry = entryOf(record);
  renderAnswers(entry);
  renderClock();
  if (!isNew) return;
  const practice = PRACTICE.length;
  const text = phase === "practice"
    ? say("practice", { n: record.at + 1, total: practice })
    : say("progress", { n: record.at + 1 - practice, total: showings(record).length - practice });
  element("progress").textContent = text;
  element("comment").value = entry.comment;
  stage.focus();
  await takeImage(showings(record)[record.at]);
  fit();
  restartTime();
}

function renderAnswers(entry) {
  for (const question of QUESTIONS) {
    const value = entry[question];
    for (const input of element("answers").elements[question]) {
      input.checked = value !== null && Number(input.value) === Number(value);
    }
    document.querySelector(`[data-question="${question}"]`).classList
      .toggle("asked", !isComplete(entry) && askedOf(entry) === question);
  }
  element("next").disabled = !isComplete(entry);
  element("undo").disabled = entry.given.length === 0 && !canGoBack(record);
}

function renderClock() {
  const isCounted = phaseOf(record) === "judging";
  element("clock").textContent = say("time", { time: clock(isCounted ? timeOf(record) + unrecorded() : 0) });
}

async function renderEnd() {
  const content = await sealed(record);
  const name = `answers-reader-${String(record.reader).padStart(2, "0")}-${STUDY_HASH.slice(0, 8)}`;
  offer("json", `${name}.json`, canonical(content), "application/json");
  offer("table", `${name}.csv`, tableOf(content), "text/csv");
  element("copied").textContent = "";
  element("receipt").textContent = say("receipt", {
    receipt: content.sha256.slice(0, 16).match(/.{4}/g).join("-"),
    reader: record.reader,
    judged: content.answers.length,
    real: content.answers.filter((answer) => answer.real).length,
    time: clock(timeOf(record)),
    study: STUDY_HASH.slice(0, 8),
  });
}

function offer(id, name, text, type) {
  const link = element(id);
  if (link.href) URL.revokeObjectURL(link.href);
  link.href = URL.createObjectURL(new Blob([text], { type }));
  link.download = name;
}

async function copyReceipt() {
  try {
    await navigator.clipboard.writeText(element("receipt").textContent);
    element("copied").textContent = say("copied");
  } catch {
    element("copied").textContent = say("not_copied");
  }
}

// Pressing.

/** Change the record while the image is to be seen: nothing is said of one that is not. */
const judge = (change) => act((timed) => (picture.hidden ? timed : change(timed)));
const next = () => judge((timed) => {
  if (!isComplete(entryOf(timed))) warn(say("unanswered"));
  return advanced(timed, place());
});
const undo = () => judge(takenBack);
const answer = (question, value) => judge((timed) => answered(timed, question, value));

/** A number answers the scale that is asked for; where the focus is on a scale, that one. */
function answerNumber(value) {
  const focused = document.activeElement.name;
  judge((timed) => {
    const question = ["quality", "confidence"].includes(focused) ? focused : askedOf(entryOf(timed));
    return question === "real" ? timed : answered(timed, question, value);
  });
}

function numberOf(event) {
  const found = /^(?:Digit|Numpad)?([1-5])$/.exec(event.key) ?? /^(?:Digit|Numpad)([1-5])$/.exec(event.code);
  return found ? Number(found[1]) : null;
}

const isUndo = (event) =>
  event.key === "Backspace" || ((event.ctrlKey || event.metaKey) && event.key.toLowerCase() === "z");

/** What a key does while an image is shown; null for keys that keep their own meaning. */
function meaningOf(event) {
  const isOnScale = ["quality", "confidence"].includes(event.target.name);
  if (isUndo(event)) return undo;
  if (event.ctrlKey || event.metaKey || event.altKey) return null;
  if (event.key === "Enter") return event.target.tagName === "BUTTON" ? null : next;
  if (event.key === "ArrowLeft" && !isOnScale) return () => answer("real", false);
  if (event.key === "ArrowRight" && !isOnScale) return () => answer("real", true);
  if (event.key.toLowerCase() === "c") return () => element("comment").focus();
  const number = numberOf(event);
  return number === null || event.key.startsWith("Arrow") ? null : () => answerNumber(number);
}

/** The button that Enter presses on a screen without questions. */
const MAIN_BUTTONS = { instructions: "ready", interlude: "start" };

function onKey(event) {
  if (shown in MAIN_BUTTONS && event.key === "Enter" && event.target.tagName !== "BUTTON") {
    event.preventDefault();
    if (!event.repeat) element(MAIN_BUTTONS[shown]).click();
    return;
  }
  const isReopening = shown === "end" && !element("back").hidden && isUndo(event);
  if (event.isComposing || !(shown === "judging" || isReopening)) return;
  if (event.target === element("comment")) {
    if (event.key === "Escape" || (event.key === "Enter" && !event.shiftKey)) {
      event.preventDefault();
      stage.focus();
    }
    return;
  }
  const meaning = meaningOf(event);
  if (meaning === null) return;
  event.preventDefault();
  if (!event.repeat) meaning();
}

/** A choice by mouse, finger, or with Tab and space. */
function onChoice(event) {
  const { name, value } = event.target;
  if (!QUESTIONS.includes(name)) return;
  answer(name, name === "real" ? value === "1" : Number(value));
}

/** After a choice by mouse or finger, the arrow keys are for real and synthetic again. */
function onClick(event) {
  if (event.detail > 0 && event.target.type === "radio") stage.focus();
}

// Coming in.

function renderWelcome(records) {
  const total = STUDY.orders[0].length;
  const minutes = Math.ceil((total * SECONDS_AN_IMAGE) / 60);
  element("length").textContent = say("about_length", { total, practice: PRACTICE.length, minutes });
  element("stored").hidden = records.length === 0;
  element("readers").replaceChildren(...records.map((each) => {
    const button = document.createElement("button");
    const done = Math.max(0, each.at - PRACTICE.length);
    button.type = "button";
    button.textContent = say(each.finished ? "go_on_finished" : "go_on", { reader: each.reader, done, total });
    button.addEventListener("click", () => enter(each));
    const item = document.createElement("li");
    item.append(button);
    return item;
  }));
}

/** Take a reader's record and go where it stands, unless another window has it. */
async function enter(chosen) {
  if (!(await claimed(chosen.reader))) {
    warn(say("open_elsewhere", { reader: chosen.reader }));
    return;
  }
  const latest = (await storedRecords(database)).find((each) => each.reader === chosen.reader) ?? chosen;
  record = latest;
  element("back").hidden = latest.finished !== "";
  await act((timed) => (timed.finished ? { ...timed } : { ...timed, sittings: timed.sittings + 1 }));
}

async function onEntry(event) {
  event.preventDefault();
  const reader = Number(element("reader").value);
  const refuse = (name, places) => { element("refusal").textContent = say(name, places); };
  if (!Number.isInteger(reader) || reader < 1 || reader > STUDY.orders.length) {
    refuse("number_unknown", { readers: STUDY.orders.length });
    return;
  }
  const records = await storedRecords(database);
  if (records.some((each) => each.reader === reader)) {
    renderWelcome(records);
    refuse("number_used", { reader });
    return;
  }
  element("refusal").textContent = "";
  const role = element("entry").elements.role.value;
  await enter(newRecord(reader, role, Number(element("experience").value)));
}

function listen() {
  const on = (id, kind, listener) => element(id).addEventListener(kind, listener);
  on("entry", "submit", onEntry);
  on("ready", "click", () => act(begun));
  on("start", "click", () => act(begun));
  on("answers", "submit", (event) => { event.preventDefault(); next(); });
  on("answers", "change", onChoice);
  on("answers", "click", onClick);
  on("undo", "click", undo);
  on("reopen", "click", undo);
  on("comment", "input", ({ target: { value } }) => act((timed) => commented(timed, value)));
  on("another", "click", () => location.reload());
  on("copy", "click", copyReceipt);
  document.addEventListener("keydown", onKey);
  document.addEventListener("visibilitychange", pauseOrGoOn);
  new ResizeObserver(fit).observe(stage);
  window.addEventListener("resize", fit);
  setInterval(() => { if (isLooking()) renderClock(); }, 1000);
}

async function main() {
  if (!globalThis.crypto?.subtle || !navigator.locks) return fail("needs_secure");
  try {
    database = await openStore();
    renderWelcome(await storedRecords(database));
  } catch {
    return fail("needs_storage");
  }
  listen();
  return show("welcome");
}

main();
