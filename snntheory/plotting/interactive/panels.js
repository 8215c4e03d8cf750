// What the interactive figures share: panels with axes, sliders, choices, readouts.

function element(tag, attributes, ...children) {
  const svg = ["svg", "g", "path", "line", "rect", "circle", "text", "clipPath", "defs", "image"].includes(tag);
  const node = svg ? document.createElementNS("http://www.w3.org/2000/svg", tag) : document.createElement(tag);
  for (const [name, value] of Object.entries(attributes || {})) node.setAttribute(name, value);
  node.append(...children);
  return node;
}

function number(value, digits = 3) {
  if (value === Infinity) return "∞";
  if (Math.abs(value) < 1e-14) return "0"; // no number of this figure is meant to be that small: rounding
  const size = Math.abs(value), rounded = Number(value.toPrecision(digits));
  const text = size >= 1e6 || size < 1e-4 ? rounded.toExponential() : String(rounded);
  return text.replace("e+", "e").replaceAll("-", "−");
}
function seconds(value) {
  if (!Number.isFinite(value)) return "∞";
  const size = Math.abs(value);
  const [factor, unit] = size === 0 ? [1e3, "ms"] : size >= 1 ? [1, "s"] : size >= 1e-4 ? [1e3, "ms"] : [1e6, "µs"];
  return `${number(value * factor)} ${unit}`;
}
function percent(ratio) {
  const value = 100 * (ratio - 1);
  if (!Number.isFinite(value)) return "";
  return Math.abs(value) < 0.0005 ? "±0 %" : `${value > 0 ? "+" : ""}${number(value, 2)} %`;
}

// One panel: a white plot with axes. `scale` maps data to its coordinates.
const LEFT = 46, RIGHT = 14, TOP = 20, BOTTOM = 34;
function makePanel(parent, title, clip, { width = 340, height = 236, bottom = BOTTOM } = {}) {
  const svg = element("svg", { viewBox: `0 0 ${width} ${height}`, role: "img", class: "panel" });
  const inside = { x: LEFT, y: TOP, width: width - LEFT - RIGHT, height: height - TOP - bottom };
  const clipped = element("g", { "clip-path": `url(#${clip})` }), axes = element("g", {});
  svg.append(element("defs", {}, element("clipPath", { id: clip }, element("rect", inside))));
  svg.append(element("text", { x: LEFT, y: 13, class: "title" }, title), clipped, axes);
  parent.append(svg);
  return { svg, clipped, axes, inside, height };
}
function scale(panel, x, y) {
  const place = (value, { low, high, log }) => log
    ? Math.log(value / low) / Math.log(high / low) : (value - low) / (high - low);
  const { inside } = panel;
  return {
    x: (value) => inside.x + inside.width * place(value, x),
    y: (value) => inside.y + inside.height * (1 - Math.max(-9, Math.min(9, place(value, y)))),
  };
}
function ticks({ low, high, log }, wanted) {
  const found = [];
  if (log) {
    const first = Math.ceil(Math.log10(low) - 1e-9), last = Math.floor(Math.log10(high) + 1e-9);
    const every = Math.max(1, Math.ceil((last - first + 1) / wanted));
    for (let k = first; k <= last; k += every) found.push(10 ** k);
    if (found.length > 2) return found;
    const decades = Array.from({ length: last - first + 2 }, (_, k) => first - 1 + k);
    return decades.flatMap((k) => [1, 2, 5].map((m) => m * 10 ** k)).filter((value) => value >= low && value <= high);
  }
  const raw = (high - low) / wanted, base = 10 ** Math.floor(Math.log10(raw));
  const step = base * [1, 2, 5, 10].find((m) => m * base >= raw * (1 - 1e-9));
  for (let k = Math.ceil(low / step - 1e-9); k * step <= high + 1e-9 * step; k++) found.push(k * step);
  return found;
}
function drawAxes(panel, x, y, xLabel, at) {
  const { inside, axes } = panel, bottom = inside.y + inside.height;
  axes.replaceChildren(element("rect", { ...inside, class: "frame" }));
  for (const tick of x.ticks || ticks(x, 6)) {
    const place = at.x(tick);
    axes.append(element("line", { x1: place, x2: place, y1: bottom, y2: bottom + 3, class: "tick" }));
    axes.append(element("text", { x: place, y: bottom + 14, "text-anchor": "middle" }, number(tick)));
  }
  for (const tick of y.ticks || ticks(y, 5)) {
    const place = at.y(tick);
    axes.append(element("line", { x1: inside.x - 3, x2: inside.x, y1: place, y2: place, class: "tick" }));
    axes.append(element("text", { x: inside.x - 5, y: place + 3.5, "text-anchor": "end" }, number(tick)));
  }
  const centre = inside.x + inside.width / 2;
  axes.append(element("text", { x: centre, y: panel.height - 4, "text-anchor": "middle" }, xLabel));
}
function path(points, at, attributes) {
  const d = points.map(([x, y], k) => `${k ? "L" : "M"}${at.x(x).toFixed(1)} ${at.y(y).toFixed(1)}`).join("");
  return element("path", { d: d || "M0 0", fill: "none", ...attributes });
}
const SOURCE = { stroke: "#111", "stroke-width": 1.3, "stroke-dasharray": "5 3", class: "continuous" };


// A slider over a list of values, with its label and its value in words; `show` sets it from outside.
function makeSlider(parent, label, values, words, changed) {
  const input = element("input", { type: "range", min: 0, max: values.length - 1, step: 1 }), shown = element("output", {});
  input.addEventListener("input", () => changed(values[Number(input.value)]));
  parent.append(element("label", { class: "slider" }, element("span", {}, label), input, shown));
  return (value) => {
    input.value = String(values.indexOf(value));
    input.setAttribute("aria-valuetext", words(value));
    shown.textContent = words(value);
  };
}

// Radio buttons with swatches; `show` checks one. Choices are {name, title, colour}; colour may be missing.
function makeChoice(parent, label, unique, choices, changed) {
  const group = element("fieldset", {}, element("legend", {}, label)), radios = new Map();
  choices.forEach(({ name, title, colour }) => {
    const radio = element("input", { type: "radio", name: unique, value: name });
    radio.addEventListener("change", () => changed(name));
    radios.set(name, radio);
    const mark = colour ? [element("span", { class: "swatch", style: `background:${colour}` })] : [];
    group.append(element("label", {}, radio, ...mark, title));
  });
  parent.append(group);
  return Object.assign((name) => radios.forEach((radio, key) => { radio.checked = key === name; }), { group, radios });
}

// Terms and values below a figure, and a line that is read aloud once when a control rests, not at each of its steps.
function makeReadouts(parent) {
  const list = element("dl", {}), status = element("p", { class: "status", role: "status" });
  let waiting = null;
  parent.append(list, status);
  return (lines, spoken) => {
    list.replaceChildren(...lines.flatMap(([term, text]) => [element("dt", {}, term), element("dd", {}, text)]));
    clearTimeout(waiting);
    waiting = setTimeout(() => { status.textContent = spoken; }, 500);
  };
}
