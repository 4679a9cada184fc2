// What must outlive a reload of this tab, and nothing more. A browser that keeps nothing starts anew.
export function saveInTab(name, value) {
  try {
    sessionStorage.setItem(name, JSON.stringify(value));
  } catch {
    // Storage is full or forbidden: a reload starts anew.
  }
}

export function readFromTab(name) {
  try {
    return JSON.parse(sessionStorage.getItem(name) ?? "null");
  } catch {
    return null;
  }
}

export function removeFromTab(...names) {
  try {
    for (const name of names) sessionStorage.removeItem(name);
  } catch {
    // Nothing was kept.
  }
}
