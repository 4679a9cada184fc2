// The page of a run that is under way: ask every two seconds how far it is, and show the results
// once they are there. Without this module the page can be loaded again by hand.
const PAUSE_MS = 2000;
const shown = document.getElementById("under-way");

async function look() {
  try {
    const response = await fetch(window.location.href);
    const page = new DOMParser().parseFromString(await response.text(), "text/html");
    const now = page.getElementById("under-way");
    if (response.ok && !now) {
      window.location.reload();
      return;
    }
    // What has not changed is left alone, so that it is not read out again.
    if (now && now.innerHTML !== shown.innerHTML) shown.replaceChildren(...now.childNodes);
  } catch {
    // The line is down, or the server: it may be back at the next look.
  }
  setTimeout(look, PAUSE_MS);
}

setTimeout(look, PAUSE_MS);
