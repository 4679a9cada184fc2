// Keeps the time until stage 2 right while the page stands open, by the time that passes here: the
// server said how long it is, so that this computer's clock may be wrong.
const BEAT_MS = 15000;
const opened = Date.now();
const lines = [...document.querySelectorAll("[data-seconds]")];

function quantity(n, unit) {
  const { lang } = document.documentElement;
  return new Intl.NumberFormat(lang, { style: "unit", unit, unitDisplay: "long" }).format(n);
}

// As readerstudy/reading/my_studies.py puts it: the two largest parts, in minutes rounded up.
function inWords(seconds) {
  const all = Math.max(1, Math.ceil(seconds / 60));
  const [days, hours, minutes] = [Math.floor(all / 1440), Math.floor(all / 60) % 24, all % 60];
  const parts = [[days, "day"], [hours, "hour"], [minutes, "minute"]];
  const shown = days ? parts.slice(0, 2) : parts.slice(1);
  return shown.filter(([n]) => n).map(([n, unit]) => quantity(n, unit)).join(" ");
}

function beat() {
  const passed = (Date.now() - opened) / 1000;
  for (const line of lines) {
    const left = Number(line.dataset.seconds) - passed;
    if (left <= 0) {
      location.reload(); // stage 2 has begun
      return;
    }
    line.textContent = inWords(left);
  }
}

setInterval(beat, BEAT_MS);
document.addEventListener("visibilitychange", beat);
