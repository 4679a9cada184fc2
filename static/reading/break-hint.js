// A quiet hint that a break is due, after so many minutes of reading without one. A break is five
// minutes in which the page was hidden or left alone. Nothing is blocked and nothing is stored
// beyond this tab; dismissed, the hint comes back only after the next break.
const BREAK_MS = 5 * 60000;
const BEAT_MS = 5000;
const SIGNS_OF_LIFE = ["pointerdown", "pointermove", "wheel", "keydown", "touchstart", "submit"];

const hint = document.getElementById("break-hint");
const dueMs = Number(hint.dataset.minutes) * 60000;
const name = `session ${document.getElementById("outbox").dataset.owner}`;
const state = JSON.parse(sessionStorage.getItem(name) ?? "null") ?? begun();

function begun() {
  return { since: Date.now(), alive: Date.now(), dismissed: false };
}

function live() {
  const now = Date.now();
  // A clock that was set back counts as a break too: what it measured means nothing.
  if (now - state.alive >= BREAK_MS || now < state.alive) Object.assign(state, begun());
  state.alive = now;
}

function beat() {
  const onBreak = Date.now() - state.alive >= BREAK_MS;
  hint.hidden = state.dismissed || onBreak || state.alive - state.since < dueMs;
  sessionStorage.setItem(name, JSON.stringify(state));
}

for (const sign of SIGNS_OF_LIFE) {
  document.addEventListener(sign, live, { passive: true, capture: true });
}
hint.querySelector("button").addEventListener("click", () => {
  state.dismissed = true;
  beat();
});
window.addEventListener("pagehide", beat);
setInterval(beat, BEAT_MS);
live();
beat();
