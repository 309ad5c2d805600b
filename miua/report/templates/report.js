"use strict";
// The page shows its content without this script. With it, one cell of the grid, one epoch of a
// run and one element of the LBP vector can be picked and compared.
(() => {
  const data = JSON.parse(document.getElementById("data").textContent);
  const byId = (id) => document.getElementById(id);
  const SVG = "http://www.w3.org/2000/svg";

  function made(parent, name, attributes = {}, text = "") {
    const svg = parent.namespaceURI === SVG;
    const node = svg ? document.createElementNS(SVG, name) : document.createElement(name);
    for (const [key, value] of Object.entries(attributes)) node.setAttribute(key, value);
    node.textContent = text;
    parent.append(node);
    return node;
  }

  function numeral(value, decimals = 2) {
    if (value === null || value === undefined) return "–";
    const text = value.toFixed(decimals);
    return Number(text) === 0 ? text.replace("-", "") : text.replace("-", "−");
  }

  // Cells of the grid, and the runs they are of.
  const cells = new Map(data.grid.map((cell) => [cell.set, cell]));
  const inputs = [...document.querySelectorAll("#cells input")];
  const inputOf = (set) => inputs.find((input) => input.value === set);
  const sizes = [...new Set(data.grid.map((cell) => cell.size))];
  const epochs = [...new Set(data.grid.map((cell) => cell.epoch))];
  let chosen = data.grid.at(-1).set;
  let held = data.grid[0].set;

  const words = (cell) => `${cell.size} training images, ${cell.epoch} epochs`;

  function showPicture(place, set) {
    const cell = cells.get(set);
    const source = inputOf(set).parentElement.querySelector("img");
    const picture = byId(`${place}-picture`);
    byId(`${place}-name`).textContent = words(cell);
    byId(`${place}-head`).textContent = words(cell);
    picture.hidden = source === null;
    if (source === null) {
      byId(`${place}-name`).textContent += ` (${cell.lacking})`;
      return;
    }
    picture.src = source.src;
    picture.alt = `Sixteen synthetic images: ${words(cell)}`;
    picture.style.setProperty("--w", source.dataset.width);
  }

  function fillTable(first, second) {
    const body = byId("compare-table").tBodies[0];
    body.replaceChildren();
    data.measures.forEach((label, index) => {
      const row = made(body, "tr");
      made(row, "th", { scope: "row" }, label);
      for (const set of [first, second]) {
        const [value, interval, place] = cells.get(set).cells[index];
        const cell = made(row, "td", {}, value);
        if (interval) made(cell, "span", { class: "small" }, interval);
        if (place) made(cell, "span", { class: `small place ${place}` }, place);
      }
    });
  }

  function showPair(beside) {
    showPicture("chosen", chosen);
    showPicture("beside", beside);
    fillTable(chosen, beside);
    for (const input of inputs) {
      input.parentElement.classList.toggle("beside", input.value === held);
    }
  }

  function choose(set) {
    chosen = set;
    inputOf(set).checked = true;
    showPair(held);
    showRun(cells.get(set).run, cells.get(set).epoch);
  }

  function moved(event, set) {
    const step = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] }[event.key];
    if (!step) return;
    event.preventDefault();
    const cell = cells.get(set);
    const size = sizes[sizes.indexOf(cell.size) + step[0]];
    const epoch = epochs[epochs.indexOf(cell.epoch) + step[1]];
    const next = data.grid.find((each) => each.size === size && each.epoch === epoch);
    if (next) {
      inputOf(next.set).focus();
      choose(next.set);
    }
  }

  // Epochs of the run of the chosen cell.
  const slider = byId("epoch");
  let frames = [];
  let run = null;

  function showRun(name, epoch) {
    for (const part of document.querySelectorAll(".run")) part.hidden = part.dataset.run !== name;
    run = document.querySelector(`.run[data-run="${CSS.escape(name)}"]`);
    frames = [...run.querySelectorAll(".film figure")];
    slider.max = Math.max(0, frames.length - 1);
    slider.parentElement.hidden = frames.length < 2;
    const index = frames.findLastIndex((frame) => Number(frame.dataset.epoch) <= epoch);
    showFrame(Math.max(0, index));
    if (frames.length === 0) mark(epoch);
  }

  function showFrame(index) {
    slider.value = index;
    frames.forEach((frame, place) => frame.classList.toggle("now", place === index));
    if (frames[index]) {
      const epoch = Number(frames[index].dataset.epoch);
      byId("epoch-now").textContent = `epoch ${epoch}`;
      slider.setAttribute("aria-valuetext", `epoch ${epoch}`);
      mark(epoch);
    }
  }

  function mark(epoch) {
    const chart = run.querySelector(".curves");
    const lines = data.curves[run.dataset.run];
    const found = lines.find((line) => line[0] >= epoch) ?? lines.at(-1);
    if (!found) return;
    const low = Number(chart.dataset.low);
    const high = Number(chart.dataset.high);
    const at = low + ((high - low) * found[0]) / Number(chart.dataset.last);
    const marker = chart.querySelector(".marker");
    marker.setAttribute("x1", at);
    marker.setAttribute("x2", at);
    marker.setAttribute("visibility", "visible");
    run.querySelector(".readout").textContent =
      `Epoch ${found[0]}: generator loss ${numeral(found[1])}, discriminator loss ${numeral(found[2])}, ` +
      `accuracy on real ${numeral(found[3])}, on synthetic ${numeral(found[4])}`;
  }

  function across(svg, event) {
    return new DOMPoint(event.clientX, event.clientY).matrixTransform(svg.getScreenCTM().inverse()).x;
  }

  function watchCurves(chart) {
    chart.addEventListener("pointermove", (event) => {
      const share = (across(chart, event) - chart.dataset.low) / (chart.dataset.high - chart.dataset.low);
      mark(Math.min(Math.max(share, 0), 1) * chart.dataset.last);
    });
    chart.addEventListener("pointerleave", () => showFrame(Number(slider.value)));
  }

  // Elements of the LBP vector.
  const vector = data.elements;
  const NEIGHBOURS = [[2, 1], [2, 0], [1, 0], [0, 0], [0, 1], [0, 2], [1, 2], [2, 2]];
  const MARKS = [
    (x, y) => ["circle", { cx: x, cy: y, r: 3.5 }],
    (x, y) => ["rect", { x: x - 3.2, y: y - 3.2, width: 6.4, height: 6.4 }],
    (x, y) => ["path", { d: `M${x} ${y - 4.4}l4.2 7.4h-8.4z` }],
    (x, y) => ["path", { d: `M${x} ${y - 4.6}l4.6 4.6l-4.6 4.6l-4.6-4.6z` }],
    (x, y) => ["path", { d: `M${x} ${y + 4.4}l4.2-7.4h-8.4z` }],
    (x, y) => ["path", { d: `M${x - 4} ${y - 1.2}h8v2.4h-8z` }],
  ];

  function drawPattern(element) {
    const svg = byId("pattern");
    svg.replaceChildren();
    made(svg, "rect", { x: 33, y: 33, width: 30, height: 30, class: "centre" });
    made(svg, "text", { x: 48, y: 52 }, "pixel");
    const set = [];
    NEIGHBOURS.forEach(([column, row], bit) => {
      const on = ((element >> bit) & 1) === 1;
      if (on) set.push(bit);
      const place = { x: 1 + 32 * column, y: 1 + 32 * row, width: 30, height: 30 };
      made(svg, "rect", on ? { ...place, class: "set" } : place);
      made(svg, "text", { x: 16 + 32 * column, y: 20 + 32 * row }, String(2 ** bit));
    });
    svg.setAttribute("aria-label", `Pattern of V${element}: neighbours at least as bright as the pixel carry the bits ${set.join(", ") || "none"}`);
  }

  function fact(name, value) {
    const row = made(byId("element-facts"), "div");
    made(row, "dt", {}, name);
    made(row, "dd", {}, value);
  }

  function drawElement(element) {
    const svg = byId("element-chart");
    svg.replaceChildren();
    const floor = vector.floor[element];
    const rows = vector.sets.map(([size, epoch], index) => ({
      size, epoch, value: vector.values[index][element], low: vector.low[index][element], high: vector.high[index][element],
    }));
    const seen = [0, ...rows.flatMap((row) => [row.value, row.low, row.high]), ...(floor ?? [])].filter((value) => value !== null);
    const least = Math.min(...seen), most = Math.max(...seen), room = 0.06 * (most - least || 1);
    const y = (value) => 180 - (170 * (value - least + room)) / (most - least + 2 * room);
    const x = (row) => 48 + (304 * (sizes.indexOf(row.size) + 0.5)) / sizes.length + 9 * (epochs.indexOf(row.epoch) - (epochs.length - 1) / 2);
    if (floor) made(svg, "rect", { class: "floor-band", x: 48, width: 304, y: y(floor[1]), height: Math.max(1, y(floor[0]) - y(floor[1])) });
    const rough = (most - least || 1) / 4, power = 10 ** Math.floor(Math.log10(rough));
    const step = [1, 2, 5, 10].map((each) => each * power).find((each) => each >= rough);
    for (let tick = Math.ceil((least - room) / step) * step; tick <= most + room; tick += step) {
      made(svg, "line", { class: Math.abs(tick) < step / 2 ? "tick" : "rule", x1: 48, x2: 352, y1: y(tick), y2: y(tick) });
      made(svg, "text", { x: 44, y: y(tick) + 4, "text-anchor": "end" }, numeral(tick, Math.max(0, -Math.floor(Math.log10(step) + 1e-9))));
    }
    sizes.forEach((size, index) => made(svg, "text", { x: 48 + (304 * (index + 0.5)) / sizes.length, y: 198, "text-anchor": "middle" }, String(size)));
    made(svg, "text", { class: "name", x: 200, y: 214, "text-anchor": "middle" }, "Training images");
    for (const row of rows) {
      const kind = epochs.indexOf(row.epoch) % MARKS.length;
      if (row.low !== null) made(svg, "line", { class: `e${kind}`, x1: x(row), x2: x(row), y1: y(row.low), y2: y(row.high) });
      const [shape, places] = MARKS[kind](x(row), y(row.value));
      const dot = made(svg, shape, { ...places, class: `e${kind}` });
      made(dot, "title", {}, `${row.size} training images, ${row.epoch} epochs: ${numeral(row.value)}`);
    }
    svg.setAttribute("aria-label", `V${element}, reference minus synthetic: ${numeral(Math.min(...rows.map((row) => row.value)))} to ${numeral(Math.max(...rows.map((row) => row.value)))} counts over ${rows.length} sets`);
  }

  function showRegression(element) {
    const place = byId("element-regression");
    const source = byId(`regression-lbpv_${String(element).padStart(3, "0")}_difference`);
    const caption = place.querySelector("figcaption");
    place.replaceChildren(caption);
    if (source === null) {
      caption.textContent = `No clinician's score of V${element} is published, so there is no regression to show. There is one of V8, V20, V143, V240 and FID.`;
      return;
    }
    caption.replaceChildren(...[...source.querySelector("figcaption").childNodes].map((node) => node.cloneNode(true)));
    place.append(source.querySelector("svg").cloneNode(true), byId("regression-legend").cloneNode(true));
    place.lastChild.removeAttribute("id");
  }

  function pick(element) {
    const rank = vector.order.indexOf(element) + 1;
    byId("element").value = element;
    byId("element").setCustomValidity("");
    byId("rank").value = rank;
    byId("rank").setAttribute("aria-valuetext", `place ${rank}: V${element}`);
    byId("element-name").textContent = `V${element}`;
    byId("strip-mark").setAttribute("d", `M${3 * rank - 1.6} 184l6 9h-12z`);
    byId("strip-mark").setAttribute("visibility", "visible");
    for (const button of document.querySelectorAll("[data-pick]")) {
      button.setAttribute("aria-pressed", String(Number(button.dataset.pick) === element));
    }
    byId("element-facts").replaceChildren();
    fact("Place among the 256, closest first", numeral(vector.place[element], vector.place[element] % 1 ? 1 : 0));
    fact("Mean distance over the sets (counts)", numeral(vector.distance[element]));
    fact("Reference (counts per image)", numeral(vector.reference[element]));
    const floor = vector.floor[element];
    fact(`${data.halves} (counts)`, floor ? `${numeral(floor[0])} to ${numeral(floor[1])}` : "not measured");
    drawPattern(element);
    drawElement(element);
    showRegression(element);
  }

  function startElements() {
    byId("element-panel").hidden = false;
    epochs.forEach((epoch, index) => {
      const entry = made(byId("element-legend"), "span");
      const sign = document.createElementNS(SVG, "svg");
      sign.setAttribute("viewBox", "-7 -5 14 10");
      sign.setAttribute("aria-hidden", "true");
      const [shape, places] = MARKS[index % MARKS.length](0, 0);
      made(sign, shape, { ...places, class: `e${index % MARKS.length}` });
      entry.append(sign, `${epoch} epochs`);
    });
    byId("element").addEventListener("input", (event) => {
      const element = event.target.valueAsNumber;
      const there = Number.isInteger(element) && element >= 0 && element < 256;
      event.target.setCustomValidity(there ? "" : "There are the elements 0 to 255.");
      if (event.target.value !== "") event.target.reportValidity();
      if (there) pick(element);
    });
    byId("rank").addEventListener("input", (event) => pick(vector.order[event.target.valueAsNumber - 1]));
    byId("strip").addEventListener("click", (event) => {
      const place = Math.floor(across(byId("strip"), event) / 3);
      pick(vector.order[Math.min(Math.max(place, 0), 255)]);
    });
    for (const button of document.querySelectorAll("[data-pick]")) {
      button.addEventListener("click", () => pick(Number(button.dataset.pick)));
    }
    pick(vector.study[0]);
  }

  function openTarget() {
    const target = location.hash.length > 1 ? byId(decodeURIComponent(location.hash.slice(1))) : null;
    const folded = target?.closest("details") ?? (target instanceof HTMLLIElement && target.querySelector("details"));
    if (folded) folded.open = true;
  }

  document.documentElement.classList.add("has-script");
  for (const id of ["pictures", "compare"]) byId(id).hidden = false;
  for (const input of inputs) {
    input.disabled = false;
    input.addEventListener("change", () => choose(input.value));
    input.addEventListener("keydown", (event) => moved(event, input.value));
    input.parentElement.addEventListener("pointerenter", () => showPair(input.value));
    input.parentElement.addEventListener("pointerleave", () => showPair(held));
  }
  byId("hold").addEventListener("click", () => {
    held = chosen;
    showPair(held);
  });
  slider.addEventListener("input", () => showFrame(slider.valueAsNumber));
  document.querySelectorAll(".curves").forEach(watchCurves);
  choose(chosen);
  if (vector) startElements();
  window.addEventListener("hashchange", openTarget);
  openTarget();
})();
