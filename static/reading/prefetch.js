// The next case's images, fetched and decoded while this one is read: images alone. What is
// fetched stays in memory, for the page lets nothing be stored.
const ready = new Map();

export async function fetchUpcoming(address, { signal }) {
  try {
    const response = await fetch(address, { cache: "no-store", signal });
    if (!response.ok) return;
    const { images } = await response.json();
    if (signal.aborted) return;
    ready.clear();
    await Promise.all(
      Object.values(images ?? {}).map(async (url) => {
        const image = new Image();
        image.src = url;
        ready.set(url, image);
        await image.decode();
      }),
    );
  } catch {
    ready.clear(); // a bad line: the images are fetched in their turn
  }
}

// Put those that are here in the places of their like on a page that is not shown yet.
export function place(page) {
  for (const image of page.querySelectorAll(".pane img")) {
    const fetched = ready.get(image.getAttribute("src"));
    if (!fetched) continue;
    for (const { name, value } of image.attributes) {
      if (name !== "src") fetched.setAttribute(name, value);
    }
    image.replaceWith(fetched);
  }
  ready.clear();
}
