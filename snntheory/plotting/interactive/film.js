// The film of a density: one image a frame in an SVG with axes, the rate below it, a slider and a button.

const NS = "http://www.w3.org/2000/svg";
const BOX = { left: 52, right: 612, top: 12, bottom: 292, rateTop: 330, rateBottom: 430, height: 468, width: 640 };

function element(name, attributes, parent, text) {
  const made = document.createElementNS(NS, name);
  for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
  if (text !== undefined) made.textContent = text;
  if (parent) parent.appendChild(made);
  return made;
}

// White to blue to near black, as the still figures' map.
function colour(level) {
  const stops = [[255, 255, 255], [107, 174, 214], [8, 48, 107]];
  const at = level / 255 * 2, k = Math.min(Math.floor(at), 1), share = at - k;
  return stops[k].map((value, c) => Math.round(value + share * (stops[k + 1][c] - value)));
}

function picture(data, bytes, frame) {
  const canvas = document.createElement("canvas");
  canvas.width = data.width;
  canvas.height = data.height;
  const context = canvas.getContext("2d"), image = context.createImageData(data.width, data.height);
  const size = data.width * data.height;
  for (let k = 0; k < size; k++) {
    image.data.set(colour(bytes[frame * size + k]), 4 * k);
    image.data[4 * k + 3] = 255;
  }
  context.putImageData(image, 0, 0);
  return canvas.toDataURL("image/png");
}

function ticks(low, high, count) {
  const raw = (high - low) / count, power = Math.pow(10, Math.floor(Math.log10(raw)));
  const step = [1, 2, 5, 10].map((m) => m * power).find((m) => m >= raw), found = [];
  for (let value = Math.ceil(low / step) * step; value <= high + 1e-9 * step; value += step) found.push(+value.toPrecision(6));
  return found;
}

function mount(root, data) {
  root.dataset.ready = "yes";
  const bytes = Uint8Array.from(atob(data.frames), (c) => c.charCodeAt(0)), last = data.times.length - 1;
  root.querySelector(".still").remove();
  const controls = document.createElement("div");
  controls.className = "controls";
  const button = document.createElement("button"), slider = document.createElement("input");
  const output = document.createElement("output");
  button.type = "button";
  Object.assign(slider, { type: "range", min: 0, max: last, step: 1, value: Math.min(8, last) });
  slider.setAttribute("aria-label", "time of the density");
  controls.append(button, slider, output);
  const svg = element("svg", { viewBox: `0 0 ${BOX.width} ${BOX.height}`, role: "img", "aria-label": data.alternative });
  root.append(controls, svg);

  // a face's place along u: cells are drawn equally wide, which they nearly are
  const alongU = (value) => {
    let k = data.u.findIndex((face) => face >= value - 1e-12);
    if (k < 0) k = data.width;
    const share = k === 0 ? 0 : k - (data.u[k] - value) / (data.u[k] - data.u[k - 1]);
    return BOX.left + share / data.width * (BOX.right - BOX.left);
  };
  const alongI = (value) => BOX.bottom - (value - data.i[0]) / (data.i[1] - data.i[0]) * (BOX.bottom - BOX.top);
  const image = element("image", {
    x: BOX.left, y: BOX.top, width: BOX.right - BOX.left, height: BOX.bottom - BOX.top, preserveAspectRatio: "none",
  }, svg);
  const line = (x1, y1, x2, y2, dash, stroke = "#444") =>
    element("line", { x1, y1, x2, y2, stroke, "stroke-width": 1, "stroke-dasharray": dash }, svg);
  element("rect", { x: BOX.left, y: BOX.top, width: BOX.right - BOX.left, height: BOX.bottom - BOX.top, fill: "none", stroke: "#444" }, svg);
  const reset = data.u[data.first], end = data.u[data.width];
  line(alongU(reset), BOX.top, alongU(reset), BOX.bottom, "3 3");
  if (data.threshold > data.i[0] && data.threshold < data.i[1]) line(BOX.left, alongI(data.threshold), BOX.right, alongI(data.threshold), "3 3");
  element("text", { x: alongU(reset) + 4, y: BOX.bottom - 5 }, svg, "reset");
  element("text", { x: BOX.right - 4, y: BOX.top + 14, "text-anchor": "end" }, svg, "threshold at this edge");
  for (const value of ticks(data.u[0], end, 6)) {
    line(alongU(value), BOX.bottom, alongU(value), BOX.bottom + 4, "none");
    element("text", { x: alongU(value), y: BOX.bottom + 17, "text-anchor": "middle" }, svg, String(value));
  }
  for (const value of ticks(data.i[0], data.i[1], 5)) {
    line(BOX.left - 4, alongI(value), BOX.left, alongI(value), "none");
    element("text", { x: BOX.left - 7, y: alongI(value) + 4, "text-anchor": "end" }, svg, String(value));
  }
  element("text", { x: (BOX.left + BOX.right) / 2, y: BOX.bottom + 31, "text-anchor": "middle" }, svg, "voltage");
  const turned = { x: -(BOX.top + BOX.bottom) / 2, y: 13, transform: "rotate(-90)", "text-anchor": "middle" };
  element("text", turned, svg, "current");

  const span = data.rateTimes[data.rateTimes.length - 1], top = 1.1 * Math.max(...data.rates, data.stationary);
  const alongT = (t) => BOX.left + t / span * (BOX.right - BOX.left);
  const alongR = (r) => BOX.rateBottom - Math.max(r, 0) / top * (BOX.rateBottom - BOX.rateTop);
  line(BOX.left, BOX.rateBottom, BOX.right, BOX.rateBottom, "none");
  line(BOX.left, alongR(data.stationary), BOX.right, alongR(data.stationary), "6 3", "#111");
  const path = data.rateTimes.map((t, k) => `${k ? "L" : "M"}${alongT(t).toFixed(1)} ${alongR(data.rates[k]).toFixed(1)}`);
  element("path", { d: path.join(""), fill: "none", stroke: "#0072B2", "stroke-width": 1.6 }, svg);
  for (const value of ticks(0, span, 6)) element("text", { x: alongT(value), y: BOX.rateBottom + 16, "text-anchor": "middle" }, svg, String(value));
  for (const value of ticks(0, top, 3)) element("text", { x: BOX.left - 7, y: alongR(value) + 4, "text-anchor": "end" }, svg, String(value));
  element("text", { x: (BOX.left + BOX.right) / 2, y: BOX.rateBottom + 31, "text-anchor": "middle" }, svg, "time (ms)");
  element("text", { ...turned, x: -(BOX.rateTop + BOX.rateBottom) / 2 }, svg, "rate (Hz)");
  const dot = element("circle", { r: 5, fill: "#D55E00" }, svg);

  function show() {
    const k = Number(slider.value), t = data.times[k];
    image.setAttribute("href", picture(data, bytes, k));
    let at = data.rateTimes.findIndex((value) => value >= t - 1e-9);
    if (at < 0) at = data.rates.length - 1;
    dot.setAttribute("cx", alongT(t));
    dot.setAttribute("cy", alongR(data.rates[at]));
    output.textContent = `${t} ms: ${data.rates[at].toPrecision(3)} Hz, ${data.fired[k].toPrecision(2)} spikes so far`;
    slider.setAttribute("aria-valuetext", output.textContent);
  }
  let timer = 0;
  function stop() {
    clearInterval(timer);
    timer = 0;
    button.textContent = "Play";
  }
  button.addEventListener("click", () => {
    if (timer) return stop();
    if (Number(slider.value) === last) slider.value = 0;
    button.textContent = "Pause";
    timer = setInterval(() => {
      slider.value = Number(slider.value) + 1;
      show();
      if (Number(slider.value) === last) stop();
    }, 120);
  });
  slider.addEventListener("input", () => { stop(); show(); });
  stop();
  show();
}
