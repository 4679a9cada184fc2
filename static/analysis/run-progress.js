// The page of a run that is under way, or whose files are being made: ask every two seconds how far
// it is, and show the results once they are there. Without this module the page can be loaded again
// by hand.
const PAUSE_MS = 2000;
const underWay = document.getElementById("under-way");
const preparing = document.querySelector("[data-progress]");

async function look() {
  try {
    const response = await fetch(preparing ? preparing.dataset.progress : window.location.href);
    const page = new DOMParser().parseFromString(await response.text(), "text/html");
    if (response.ok && !response.redirected && (preparing ? showFiles(page) : showRun(page))) return;
  } catch {
    // The line is down, or the server: it may be back at the next look.
  }
  setTimeout(look, PAUSE_MS);
}

/** Show how far the run is; whether there is nothing more to look for. */
function showRun(page) {
  const now = page.getElementById("under-way");
  if (now) put(now, underWay);
  else window.location.reload();
  return !now;
}

/** Show how far the files are, and pictures that have come since; whether all are there. */
function showFiles(page) {
  const now = page.getElementById("preparing");
  const shown = document.getElementById("preparing");
  const changed = put(now, shown);
  if (now.dataset.page && !document.getElementById("files")) {
    window.location.reload();
    return true;
  }
  if (changed) {
    for (const picture of document.querySelectorAll("img.figure")) {
      if (picture.complete && !picture.naturalWidth) picture.src = picture.getAttribute("src");
    }
  }
  if (now.dataset.underWay) return false;
  if (!now.dataset.failed) preparing.remove();
  return true;
}

/** What has not changed is left alone, so that it is not read out again; whether it had changed. */
function put(now, shown) {
  const changed = said(now) !== said(shown);
  if (changed) shown.replaceChildren(...now.childNodes);
  return changed;
}

/** What a section says: a form's token is another one each time. */
function said(section) {
  return section.innerHTML.replace(/value="\w{64}"/g, "");
}

setTimeout(look, PAUSE_MS);
