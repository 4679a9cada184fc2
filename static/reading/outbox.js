// Diagnoses on their way. Each is kept in the browser, under its idempotency key, until the server
// has said what became of it: so a cut line, a reload, a crash or a sign-out loses none, and
// sending one twice does no harm.
const STORE = "readings";
const PATIENCE_MS = 20000;

let opened = null;

function database() {
  opened ??= new Promise((resolve, reject) => {
    const request = indexedDB.open("reader-study", 1);
    request.onupgradeneeded = () => request.result.createObjectStore(STORE, { keyPath: "key" });
    request.onsuccess = () => resolve(request.result);
    request.onerror = () => reject(request.error);
  });
  return opened;
}

// Resolves once the browser has written it to disk, not before.
async function transact(mode, act) {
  const store = await database();
  return new Promise((resolve, reject) => {
    const transaction = store.transaction(STORE, mode, { durability: "strict" });
    const request = act(transaction.objectStore(STORE));
    transaction.oncomplete = () => resolve(request.result);
    transaction.onabort = transaction.onerror = () => reject(transaction.error);
  });
}

// An entry: {key, owner, study, code, address, body, since}; `body` is what the API takes.
export const keep = (entry) => transact("readwrite", (store) => store.put(entry));
export const forget = (key) => transact("readwrite", (store) => store.delete(key));

export async function waiting() {
  const entries = await transact("readonly", (store) => store.getAll());
  return entries.sort((a, b) => a.since - b.since);
}

async function ask(address, options = {}) {
  const giveUp = new AbortController();
  const timer = setTimeout(() => giveUp.abort(), PATIENCE_MS);
  try {
    return await fetch(address, { cache: "no-store", signal: giveUp.signal, ...options });
  } finally {
    clearTimeout(timer);
  }
}

async function post(entry, token) {
  return ask(entry.address, {
    method: "POST",
    headers: { "Content-Type": "application/json", "X-CSRFToken": token },
    body: JSON.stringify(entry.body),
  });
}

// Who is signed in, with a token that fits: {owner, token}; null when nobody is.
async function session() {
  const response = await ask("/api/v1/session/");
  if (response.status === 401) return null;
  if (!response.ok) throw new Error(`the server answered ${response.status}`);
  return response.json();
}

// What became of an entry: {outcome, status, message}. It is forgotten once it is stored, or was so
// incomplete (status 400) that the reader must say more.
//   stored      the server has it
//   refused     the server will not take it, and says why
//   signed-out  nobody, or another person, is signed in
//   waiting     no answer: it may or may not be stored; send it again
export async function send(entry, token = null) {
  try {
    let response = token ? await post(entry, token) : null;
    if (!response || response.status === 401 || response.status === 403) {
      const now = await session();
      if (now?.owner !== entry.owner) return { outcome: "signed-out", message: "" };
      response = await post(entry, now.token);
    }
    // A page of some proxy, whatever its status, is no answer of our server: it is no JSON.
    const { status } = response;
    const answer = await response.json();
    if (status === 401) return { outcome: "signed-out", message: "" };
    const isStored = [200, 201].includes(status) && answer.key === entry.key;
    const isFinal = [400, 403, 404, 409, 413, 415].includes(status);
    if (isStored || status === 400) await forget(entry.key);
    if (isStored) return { outcome: "stored", status, message: "" };
    if (isFinal) return { outcome: "refused", status, message: reason(answer) };
    return { outcome: "waiting", message: "" };
  } catch {
    return { outcome: "waiting", message: "" };
  }
}

const reason = (answer) => answer.detail ?? Object.values(answer).flat().join(" ");
