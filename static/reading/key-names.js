// Keys by name: KeyboardEvent.key, with "Space" for " ", and "Shift+" before what Shift was held
// for.
const SIGNS = {
  ArrowLeft: "←",
  ArrowRight: "→",
  ArrowUp: "↑",
  ArrowDown: "↓",
  Backspace: "⌫",
  Enter: "↵",
  "-": "−",
};

// "" for a key that is none by itself, such as Shift. Digits and letters go by their place where
// the layout writes something else there: Shift+1 is "!" on one keyboard and "1" on another, and
// an input method for Chinese keeps letters to itself.
export function nameOf({ key, code, shiftKey }) {
  const shift = shiftKey ? "Shift+" : "";
  const digit = /^Digit(\d)$/.exec(code);
  const letter = /^Key([A-Z])$/.exec(code);
  if (["Shift", "Control", "Alt", "Meta", "AltGraph", "CapsLock", "Dead"].includes(key)) return "";
  if (digit) return shift + digit[1];
  if (key === " ") return `${shift}Space`;
  if (/^[a-z]$/i.test(key)) return shift + key.toLowerCase();
  const isElsewhere = key === "Process" || /^[^\x00-\x7f]/.test(key);
  if (letter && isElsewhere) return shift + letter[1].toLowerCase();
  if (key.length === 1) return key; // the sign tells by itself whether Shift was held
  return shift + key;
}

// As it is written on a keyboard.
export function capOf(name) {
  const shifted = name.startsWith("Shift+");
  const bare = shifted ? name.slice("Shift+".length) : name;
  const cap = SIGNS[bare] ?? (bare.length === 1 ? bare.toUpperCase() : bare);
  return shifted ? `⇧ ${cap}` : cap;
}

// Keys that stay with the browser and with moving about a page.
export const isReserved = (name) => /^(Shift\+)?(Tab|Escape|F\d+|ContextMenu)$/.test(name);
