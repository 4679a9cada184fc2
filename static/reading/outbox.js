// Diagnoses on their way. Each is kept in the browser, under its idempotency key, until the server
// has said what became of it: so a cut line, a reload, a crash or a sign-out loses none, and
// sending one twice does no harm.
const STORE = "readings";
const PATIENCE_MS = 20000;
const DISK_PATIENCE_MS = 4000;

let opened = null;

function database() {
  opened ??= new Promise((resolve, reject) => {
    const request = indexedDB.open("reader-study", 1);
    request.onupgradeneeded = () => request.result.createObjectStore(STORE, { keyPath: "key" });
    request.onsuccess = () => {
      request.result.onclose = () => (opened = null);
      resolve(request.result);
    };
    request.onerror = () => reject(request.error);
    setTimeout(() => reject(new Error("the browser's database does not answer")), DISK_PATIENCE_MS);
  });
  opened.catch(() => (opened = null));
  return opened;
}

// With strict durability, resolves once the browser has written it to disk, not before.
async function transact(mode, act, durability = "strict") {
  const store = await database();
  return new Promise((resolve, reject) => {
    const transaction = store.transaction(STORE, mode, { durability });
    const request = act(transaction.objectStore(STORE));
    transaction.oncomplete = () => resolve(request.result);
    transaction.onabort = transaction.onerror = () => reject(transaction.error);
    setTimeout(() => reject(new Error("the browser's disk does not answer")), DISK_PATIENCE_MS);
  });
}

// What this browser's database would not take, by key: kept as long as this page is open.
const unwritten = new Map();

export const isUnwritten = (entry) => unwritten.has(entry.key);

// An entry: {key, owner, code, address, body, since}, with `refused` (why) once the server will not
// take it; `body` is what the API takes.
export async function keep(entry) {
  try {
    await transact("readwrite", (store) => store.put(entry));
    unwritten.delete(entry.key);
  } catch {
    unwritten.set(entry.key, entry);
  }
}

// What a crash brings back after this is sent once more, and changes nothing.
export async function forget(key) {
  const away = transact("readwrite", (store) => store.delete(key), "relaxed");
  if (!unwritten.delete(key)) await away;
  else await away.catch(() => {}); // it may have been written after all, too late to be told
}

// All that is kept in this browser, oldest first, whosever it is.
export async function kept() {
  const written = await transact("readonly", (store) => store.getAll()).catch((error) => {
    if (unwritten.size) return [];
    throw error;
  });
  const entries = [...written.filter((entry) => !isUnwritten(entry)), ...unwritten.values()];
  return entries.sort((a, b) => a.since - b.since);
}

window.addEventListener("beforeunload", (event) => {
  if (unwritten.size) event.preventDefault(); // the browser asks before the page goes
});

// The status and the body of an answer, which must come whole and in time.
export async function ask(address, read, options = {}) {
  const giveUp = new AbortController();
  const timer = setTimeout(() => giveUp.abort(), PATIENCE_MS);
  try {
    const response = await fetch(address, {
      cache: "no-store", signal: giveUp.signal, ...options,
    });
    return { response, status: response.status, body: await read(response) };
  } finally {
    clearTimeout(timer);
  }
}

const asJson = (response) => response.json();

const post = (address, body, token) =>
  ask(address, asJson, {
    method: "POST",
    headers: { "Content-Type": "application/json", "X-CSRFToken": token },
    body: JSON.stringify(body),
  });

// Who is signed in, with a token that fits: {owner, token}; null when nobody is.
async function session() {
  const { status, body } = await ask("/api/v1/session/", asJson);
  if (status === 401) return null;
  if (status !== 200) throw new Error(`the server answered ${status}`);
  return body;
}

// What became of an entry: {outcome, message, at, next}. Only the server's own words count: that it has
// this key, or a refusal that bears its name. What some proxy says is no answer.
//   stored      the server has it, since `at`; `next` is the next case's page, or what it has of its own
//   incomplete  the reader must say more; nothing is stored
//   refused     the server will not take it, and says why
//   signed-out  nobody, or another person, is signed in
//   held        the server takes none now, and says why; send it again later
//   waiting     no answer: it may or may not be stored; send it again
export async function send(entry, { token = null, wantsNext = false } = {}) {
  try {
    const address = wantsNext ? `${entry.address}?next=page` : entry.address;
    let answer = token ? await post(address, entry.body, token) : null;
    if (!answer || answer.status === 401 || (answer.status === 403 && !answer.body.refusal)) {
      const now = await session();
      if (now?.owner !== entry.owner) return { outcome: "signed-out" };
      answer = await post(address, entry.body, now.token);
    }
    const { status, body } = answer;
    if ((status === 200 || status === 201) && body.key === entry.key) {
      await forget(entry.key);
      return { outcome: "stored", at: body.submitted_at, next: body.next };
    }
    if (status === 401) return { outcome: "signed-out" };
    if (!body.refusal) return { outcome: "waiting" };
    if (status === 503) return { outcome: "held", message: body.detail };
    return { outcome: status === 400 ? "incomplete" : "refused", message: body.detail };
  } catch {
    return { outcome: "waiting" };
  }
}
