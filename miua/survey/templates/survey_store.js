// Where records are kept: IndexedDB, written through to the disk before the page goes on.
// (localStorage is written some seconds later: a browser that is killed would lose them.)

const DATABASE = "reader-study";
const RECORDS = "records";

/** The outcome of a request of IndexedDB. */
function outcome(request) {
  return new Promise((resolve, reject) => {
    request.onsuccess = () => resolve(request.result);
    request.onerror = () => reject(request.error);
  });
}

async function openStore() {
  const request = indexedDB.open(DATABASE, 1);
  request.onupgradeneeded = () =>
    request.result.createObjectStore(RECORDS, { keyPath: ["study", "reader"] });
  return outcome(request);
}

/** The records of this study, by reader. */
async function storedRecords(database) {
  const range = IDBKeyRange.bound([STUDY_HASH], [STUDY_HASH, Infinity]);
  return outcome(database.transaction(RECORDS).objectStore(RECORDS).getAll(range));
}

/** Keep a record; done when it lies on the disk. */
function store(database, record) {
  return new Promise((resolve, reject) => {
    const transaction = database.transaction(RECORDS, "readwrite", { durability: "strict" });
    transaction.oncomplete = () => resolve();
    transaction.onabort = () => reject(transaction.error);
    transaction.objectStore(RECORDS).put(record);
  });
}

const claims = new Set();

/** Whether this window has the reader for itself; it keeps the reader until it is closed. */
function claimed(reader) {
  if (claims.has(reader)) return true;
  return new Promise((resolve) => {
    navigator.locks.request(`${DATABASE} ${STUDY_HASH} ${reader}`, { ifAvailable: true }, (lock) => {
      if (lock !== null) claims.add(reader);
      resolve(lock !== null);
      return lock === null ? undefined : new Promise(() => {});
    });
  });
}
