// Images that the server, or the line to it, does not give now: they are asked for again until they
// are here. A server that refuses one (another case is current, nobody is signed in) has answered.
import { ask } from "./outbox.js";

const WAITS_MS = [500, 1000, 2000, 4000, 8000];
const MOST_BROKEN = 3; // times that an image which the server gives can't be decoded
const underway = new WeakMap();

// Resolves once the image can be painted; fails for good where it is refused or broken, and once the
// page has gone on. `onWait` is called when it has to be asked for again.
export function decoded(image, { signal, onWait = () => {} }) {
  if (!underway.has(image)) {
    const loading = decodedInTime(image, { signal, onWait });
    underway.set(image, loading.finally(() => underway.delete(image)));
  }
  return underway.get(image);
}

async function decodedInTime(image, { signal, onWait }) {
  let broken = 0;
  for (let tries = 0; ; tries++) {
    try {
      return await image.decode();
    } catch (error) {
      if (signal.aborted || broken === MOST_BROKEN) throw error;
    }
    onWait();
    await new Promise((resolve) => setTimeout(resolve, WAITS_MS[tries] ?? WAITS_MS.at(-1)));
    if (signal.aborted) throw signal.reason;
    if (await isGiven(image.src)) {
      broken++;
      image.src = image.getAttribute("src"); // which asks for it once more
    }
  }
}

// Whether the server gives it now; fails where it refuses it.
async function isGiven(address) {
  const { response, status } = await ask(address, (response) => response.blob()).catch(
    () => ({ status: 503 }),
  );
  if (status >= 500) return false;
  if (status !== 200 || response.redirected) throw new Error(`the server answered ${status}`);
  return true;
}
