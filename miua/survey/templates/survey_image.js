// The image as it is: every pixel of it a block of whole pixels of the screen, none in between.

const stage = document.getElementById("stage");
const picture = document.getElementById("picture");
const tooSmall = document.getElementById("too-small");

/** Screen pixels an image pixel: the largest whole number that fits its place; 0: not even one. */
function zoomOf(box) {
  const ratio = window.devicePixelRatio;
  const most = Math.min((box.width * ratio) / STUDY.width, (box.height * ratio) / STUDY.height);
  return Math.floor(most);
}

/** Screen pixels as a length; a trace more, as browsers round lengths down to 1/64 of a pixel. */
const screenPixels = (count) => `${(count + 0.01) / window.devicePixelRatio}px`;

/** The smallest window, in pixels of the page, that has room for the image beside the questions. */
function smallestWindow() {
  const needed = (pixels, room) => Math.ceil(pixels / window.devicePixelRatio) + room;
  const height = Math.max(needed(STUDY.height, ROOM.above), ROOM.lowest);
  return { width: Math.max(needed(STUDY.width, ROOM.beside), ROOM.narrowest, height), height };
}

/**
 * Lay the image on the grid of the screen's pixels; gives the zoom. Where none fits, words stand
 * in its place.
 * Its place counts from the page's corner: a parent at half a pixel would move it off the grid.
 */
function place() {
  const box = stage.getBoundingClientRect();
  const zoom = zoomOf(box);
  const start = (from, room, size) => Math.round((from + room / 2) * window.devicePixelRatio - size / 2);
  const width = STUDY.width * zoom;
  const height = STUDY.height * zoom;
  picture.style.width = screenPixels(width);
  picture.style.height = screenPixels(height);
  picture.style.left = screenPixels(start(box.left + window.scrollX, box.width, width));
  picture.style.top = screenPixels(start(box.top + window.scrollY, box.height, height));
  picture.hidden = zoom === 0;
  tooSmall.textContent = zoom === 0 ? say("too_small", smallestWindow()) : "";
  document.getElementById("zoom").textContent = zoom === 0 ? "" : say("zoom", { zoom });
  return zoom;
}

/** Take another image; done when it can be laid out. */
async function takeImage(id) {
  const source = `data:image/png;base64,${PICTURES[id]}`;
  if (picture.src !== source) {
    await new Promise((resolve) => {
      picture.onload = resolve;
      picture.onerror = resolve;
      picture.src = source;
    });
  }
}
