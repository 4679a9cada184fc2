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

// Take the images that are here off a page that is not shown yet; the function that is returned
// puts those that were fetched in their places, once the page is shown. (An image that passes
// through another document is fetched anew.)
export function spare(page) {
  const pairs = [...page.querySelectorAll(".pane img")].flatMap((image) => {
    const fetched = ready.get(image.getAttribute("src"));
    return fetched ? [[image, fetched]] : [];
  });
  ready.clear();
  for (const [image] of pairs) image.removeAttribute("src");
  return () => {
    for (const [image, fetched] of pairs) {
      for (const { name, value } of image.attributes) fetched.setAttribute(name, value);
      image.replaceWith(fetched);
    }
  };
}
