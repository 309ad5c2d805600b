
// What a reader did, as one record. Functions here take a record and give a new one: what is shown
// is what was saved, and nothing in between.

const { study: STUDY, hash: STUDY_HASH, pictures: PICTURES, room: ROOM } =
  JSON.parse(document.getElementById("data").textContent);
const PRACTICE = STUDY.practice.map((image) => image.id);
const QUESTIONS = ["real", "quality", "confidence"];
const UNSEEN = { real: null, quality: null, confidence: null, given: [], comment: "", milliseconds: 0, changes: 0 };

/** A sentence of the page, with its places filled. */
function say(name, places = {}) {
  return STUDY.words[name].replace(/\{([a-z]+)\}/g, (_, place) => String(places[place]));
}

/** Now, UTC, ISO 8601 with seconds. */
function timestamp() {
  return `${new Date().toISOString().slice(0, 19)}Z`;
}

/** The record of a reader who has agreed and not begun. */
function newRecord(reader, role, experienceYears) {
  return {
    study: STUDY_HASH, reader, role, experienceYears, consented: timestamp(), started: "", finished: "",
    ready: false, sittings: 0, zoom: 1, at: 0, entries: [],
  };
}

/** The ids that this reader sees, practice first. */
function showings(record) {
  return [...PRACTICE, ...STUDY.orders[record.reader - 1]];
}

/** Which screen comes: instructions, practice, interlude, judging or end. */
function phaseOf(record) {
  if (record.finished) return "end";
  if (!record.ready) return "instructions";
  if (record.at < PRACTICE.length) return "practice";
  return record.started ? "judging" : "interlude";
}

/** The answers to the image that is shown. */
function entryOf(record) {
  return record.entries[record.at] ?? UNSEEN;
}

/** The question to answer next; the last one again when all are answered. */
function askedOf(entry) {
  return QUESTIONS.find((question) => entry[question] === null) ?? "confidence";
}

function isComplete(entry) {
  return QUESTIONS.every((question) => entry[question] !== null);
}

function withEntry(record, changes) {
  const entries = [...record.entries];
  entries[record.at] = { ...entryOf(record), ...changes };
  return { ...record, entries };
}

/** The record after the image was shown for a while longer. */
function looked(record, milliseconds) {
  return withEntry(record, { milliseconds: entryOf(record).milliseconds + milliseconds });
}

/** The record with a question answered; another answer than before counts as a change. */
function answered(record, question, value) {
  const entry = entryOf(record);
  if (entry[question] === value) return record;
  const changes = entry.changes + (entry[question] === null ? 0 : 1);
  const given = [...entry.given.filter((each) => each !== question), question];
  return withEntry(record, { [question]: value, given, changes });
}

function commented(record, comment) {
  return withEntry(record, { comment });
}

/**
 * The record with its last answer taken back, that of the image before if there is none to this;
 * it is not finished then.
 */
function takenBack(record) {
  const entry = entryOf(record);
  if (entry.given.length > 0) {
    const last = entry.given.at(-1);
    return withEntry(record, { [last]: null, given: entry.given.slice(0, -1), changes: entry.changes + 1 });
  }
  return canGoBack(record) ? takenBack({ ...record, at: record.at - 1, finished: "" }) : record;
}

/** Whether there is an image before this one; practice does not come back. */
function canGoBack(record) {
  return record.at > 0 && record.at !== PRACTICE.length;
}

/** The record with the next image, finished after the last; the same until all is answered. */
function advanced(record, zoom) {
  if (!isComplete(entryOf(record))) return record;
  const next = { ...record, at: record.at + 1, zoom };
  return next.at < showings(record).length ? next : { ...next, finished: timestamp() };
}

/** The record of a reader who has read the instructions, or begins with the images that count. */
function begun(record) {
  const started = record.ready || PRACTICE.length === 0 ? timestamp() : "";
  return { ...record, ready: true, started };
}

/** How long the images that count were shown, in milliseconds. */
function timeOf(record) {
  return record.entries.slice(PRACTICE.length).reduce((sum, entry) => sum + entry.milliseconds, 0);
}

/** Half a pair of UTF-16, which is no text, made a replacement character. */
function wellFormed(text) {
  return text.replace(/\p{Surrogate}/gu, "\ufffd");
}

function toAnswer(entry, image, place) {
  return {
    place, image, real: entry.real, quality: entry.quality, confidence: entry.confidence,
    comment: wellFormed(entry.comment), milliseconds: Math.round(entry.milliseconds), changes: entry.changes,
  };
}

/** The file to send back: all keys but the checksum. */
function contentOf(record) {
  const order = showings(record);
  const answers = record.entries.map((entry, index) =>
    toAnswer(entry, order[index], index < PRACTICE.length ? index + 1 : index + 1 - PRACTICE.length));
  return {
    schema_version: STUDY.schema_version, study: STUDY_HASH, reader: record.reader, role: record.role,
    experience_years: record.experienceYears, consented: record.consented, started: record.started,
    finished: record.finished, automated: navigator.webdriver === true, sittings: record.sittings,
    zoom: record.zoom, practice: answers.slice(0, PRACTICE.length), answers: answers.slice(PRACTICE.length),
  };
}

/** JSON with sorted keys and no spaces, as the package writes and checks it. */
function canonical(value) {
  return JSON.stringify(value, (_, part) =>
    part && typeof part === "object" && !Array.isArray(part)
      ? Object.fromEntries(Object.entries(part).sort(([one], [other]) => (one < other ? -1 : 1)))
      : part);
}

async function sha256(text) {
  const digest = await crypto.subtle.digest("SHA-256", new TextEncoder().encode(text));
  return Array.from(new Uint8Array(digest), (byte) => byte.toString(16).padStart(2, "0")).join("");
}

/** The content to send back with its checksum. */
async function sealed(record) {
  const content = contentOf(record);
  return { ...content, sha256: await sha256(canonical(content)) };
}

/** The same as a table for a spreadsheet, which must take no comment for a formula. */
function tableOf(content) {
  const columns = ["place", "image", "real", "quality", "confidence", "comment", "milliseconds", "changes"];
  const cell = (value) => `"${String(value).replace(/^([=+\-@\t\r])/, "'$1").replaceAll('"', '""')}"`;
  const line = (part) => (answer) => [part, ...columns.map((column) => cell(answer[column]))].join(",");
  return [["part", ...columns].join(","), ...content.practice.map(line("practice")),
    ...content.answers.map(line("judged")), ""].join("\r\n");
}
