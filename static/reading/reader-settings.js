// What a reader has set and expects to find again, on this computer: link, opacity, keys.
// A browser that keeps nothing starts from the standard each time.
export function readSettings(name, standard) {
  try {
    return { ...standard, ...JSON.parse(localStorage.getItem(`reading ${name}`) ?? "{}") };
  } catch {
    return { ...standard };
  }
}

export function saveSettings(name, settings) {
  try {
    localStorage.setItem(`reading ${name}`, JSON.stringify(settings));
  } catch {
    // Storage is full or forbidden: the setting holds until the page is left.
  }
}
