// What must outlive a reload of this tab, and nothing more. A browser that keeps nothing starts anew.
export function remember(name, value) {
  try {
    sessionStorage.setItem(name, JSON.stringify(value));
  } catch {
    // Storage is full or forbidden: a reload starts anew.
  }
}

export function remembered(name) {
  try {
    return JSON.parse(sessionStorage.getItem(name) ?? "null");
  } catch {
    return null;
  }
}

export function forgetAll(...names) {
  try {
    for (const name of names) sessionStorage.removeItem(name);
  } catch {
    // Nothing was kept.
  }
}
