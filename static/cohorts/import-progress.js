// An import under way: its progress, until there is something to look at or to decide.

const EVERY_MS = 1000;
const place = document.getElementById("progress");
const bar = place.querySelector("progress");
const words = place.querySelector("span");
const said = document.getElementById("state").textContent;

async function look() {
  try {
    const answer = await fetch(place.dataset.url, { headers: { Accept: "application/json" } });
    if (!answer.ok) throw new Error(String(answer.status));
    const now = await answer.json();
    if (!now.underWay || now.told !== said.trim()) return location.reload();
    bar.max = now.rows || 1;
    bar.value = now.progress;
    words.textContent = `${now.progress} of ${now.rows} rows`;
  } catch {
    words.textContent = "The server does not answer. Trying again…";
  }
  setTimeout(look, EVERY_MS);
}

setTimeout(look, EVERY_MS);
