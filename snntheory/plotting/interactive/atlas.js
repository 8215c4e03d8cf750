// The atlas of time steps: draws what the generated `equations` say; no equation of a scheme stands here.
// Only the differences of exp that those equations call are written by hand (as in linear.continuous and zoh).

function meanDecay(x) {
  return x === 0 ? 1 : -Math.expm1(-x) / x;
}
function firstDifference(x, y) {
  return Math.exp(-Math.min(x, y)) * meanDecay(Math.abs(x - y));
}
function secondDifference(x, y) {
  const small = Math.min(x, y), large = Math.max(x, y);
  if (large >= 1) return (meanDecay(small) - Math.exp(-small) * meanDecay(large - small)) / large;
  let total = 0, homogeneous = 1, power = 1, factorial = 2;
  for (let k = 0; k < 20; k++) {
    total += (k % 2 ? -1 : 1) * homogeneous / factorial;
    power *= small;
    homogeneous = large * homogeneous + power;
    factorial *= k + 3;
  }
  return total;
}

// The discrete neuron at one setting: everything that the panels and the readouts show.
function discreteNeuron(equations, key, dt, tauMem, tauSyn, r) {
  const entries = equations.numbers[key](dt, tauMem, tauSyn, r);
  const [a11, a12, a22, b1, b2, p1, p2] = entries;
  const poles = [a11, a22], numerator = equations.numerator(...entries);
  const stable = poles.every((pole) => Math.abs(pole) < 1);
  const part = (angle) => equations.numeratorAt(angle, ...numerator);
  const factors = (angle) => poles.map((pole) => equations.factorAt(angle, pole));
  return {
    entries, poles, stable,
    monotone: stable && poles.every((pole) => pole >= 0),
    zeros: roots(numerator),
    timeConstants: poles.map((pole) => equations.timeConstant(dt, pole)),
    area: stable ? equations.area(dt, ...entries) : Infinity,
    inverted: stable && equations.area(dt, ...entries) < 0,
    limits: equations.limits[key](tauMem, tauSyn),
    gain: (omega) => dt * Math.hypot(...part(omega * dt)) /
      factors(omega * dt).reduce((product, f) => product * Math.hypot(...f), 1),
    phase: (omega) => {
      const [re, im] = part(omega * dt);
      return factors(omega * dt).reduce((sum, f) => sum - Math.atan2(f[1], f[0]), Math.atan2(im, re));
    },
    simulate: (steps) => {
      const voltage = new Array(steps);
      let u = 0, i = 0;
      for (let n = 0; n < steps; n++) {
        const now = n === 0 ? 1 : 0, before = n === 1 ? 1 : 0;
        u = a11 * u + a12 * i + b1 * now + p1 * before;
        i = a22 * i + b2 * now + p2 * before;
        voltage[n] = u;
      }
      return voltage;
    },
  };
}

// Finite zeros of n0 z^2 + n1 z + n2, real for every scheme of the atlas; a coefficient of rounding size is none.
function roots([n0, n1, n2]) {
  const scale = 1e-13 * Math.max(Math.abs(n0), Math.abs(n1), Math.abs(n2));
  const [a, b, c] = [n0, n1, n2].map((value) => (Math.abs(value) <= scale ? 0 : value));
  if (a === 0) return b === 0 ? [] : [0 - c / b];
  const half = b / (2 * a), root = Math.sqrt(Math.max(half * half - c / a, 0));
  const far = half > 0 ? -half - root : -half + root;
  return [far, far === 0 ? 0 : c / a / far];
}

function element(tag, attributes, ...children) {
  const svg = ["svg", "g", "path", "line", "rect", "circle", "text", "clipPath", "defs"].includes(tag);
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
const WIDTH = 340, HEIGHT = 236, LEFT = 46, RIGHT = 14, TOP = 20, BOTTOM = 34;
function makePanel(parent, title, clip) {
  const svg = element("svg", { viewBox: `0 0 ${WIDTH} ${HEIGHT}`, role: "img", class: "panel" });
  const inside = { x: LEFT, y: TOP, width: WIDTH - LEFT - RIGHT, height: HEIGHT - TOP - BOTTOM };
  const clipped = element("g", { "clip-path": `url(#${clip})` }), axes = element("g", {});
  svg.append(element("defs", {}, element("clipPath", { id: clip }, element("rect", inside))));
  svg.append(element("text", { x: LEFT, y: 13, class: "title" }, title), clipped, axes);
  parent.append(svg);
  return { svg, clipped, axes, inside };
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
    return found;
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
  axes.append(element("text", { x: centre, y: HEIGHT - 4, "text-anchor": "middle" }, xLabel));
}
function path(points, at, attributes) {
  const d = points.map(([x, y], k) => `${k ? "L" : "M"}${at.x(x).toFixed(1)} ${at.y(y).toFixed(1)}`).join("");
  return element("path", { d: d || "M0 0", fill: "none", ...attributes });
}
const SOURCE = { stroke: "#111", "stroke-width": 1.3, "stroke-dasharray": "5 3", class: "continuous" };

function drawPoles(panel, neuron, exact, colour) {
  const { clipped, inside } = panel, half = 1.15, wide = half * inside.width / inside.height;
  const x = { low: -wide, high: wide, ticks: [-1, -0.5, 0, 0.5, 1] }, y = { low: -half, high: half, ticks: [-1, 0, 1] };
  const at = scale(panel, x, y), middle = at.y(0);
  clipped.replaceChildren(
    element("rect", { ...inside, fill: "#e9e9e9" }),
    element("circle", { cx: at.x(0), cy: middle, r: at.x(1) - at.x(0), fill: "#fff", stroke: "#555" }),
    element("line", { x1: inside.x, x2: inside.x + inside.width, y1: middle, y2: middle, stroke: "#bbb" }),
    element("line", { x1: at.x(0), x2: at.x(0), y1: inside.y, y2: inside.y + inside.height, stroke: "#bbb" }));
  for (const pole of exact) {
    const place = at.x(pole);
    clipped.append(element("line", { x1: place, x2: place, y1: middle - 9, y2: middle + 9, stroke: "#111" }));
  }
  const edge = wide * 0.95, shown = (value) => at.x(Math.max(-edge, Math.min(edge, value)));
  const beyond = (value) => (Math.abs(value) > edge ? (value > 0 ? " →" : " ←") : "");
  for (const zero of neuron.zeros) {
    const place = { cx: shown(zero), cy: middle, r: 5, fill: "none", stroke: colour, "stroke-width": 1.8 };
    clipped.append(element("circle", { ...place, class: "zero" }));
    if (beyond(zero)) clipped.append(element("text", { x: shown(zero), y: middle + 34, "text-anchor": "middle" }, "zero" + beyond(zero)));
  }
  neuron.poles.forEach((pole, k) => {
    const px = shown(pole), d = `M${px - 5} ${middle - 5}l10 10m0 -10l-10 10`;
    clipped.append(element("path", { d, stroke: colour, "stroke-width": 2.2, fill: "none", class: "pole" }));
    const text = (k ? "s" : "m") + beyond(pole);
    clipped.append(element("text", { x: px, y: middle + (k ? 21 : -13), "text-anchor": "middle" }, text));
  });
  drawAxes(panel, x, y, "z-plane: real part", at);
  const where = neuron.poles.map((pole, k) => `${k ? "synapse" : "membrane"} ${number(pole)}`).join(", ");
  panel.svg.setAttribute("aria-label", `Poles in the z-plane: ${where}; zeros: ${neuron.zeros.map((v) => number(v)).join(", ") || "none"}. ` +
    (neuron.stable ? "Inside the unit circle." : "Not all inside the unit circle."));
}

function drawImpulse(panel, neuron, state, colour, equations) {
  const end = 4 * (state.tauMem + state.tauSyn), steps = Math.max(2, Math.floor(end / state.dt) + 1);
  const u = neuron.simulate(steps), kernel = [];
  for (let k = 0; k <= 200; k++) {
    const t = end * k / 200;
    kernel.push([1e3 * t, equations.kernel(t, state.tauMem, state.tauSyn, state.r)]);
  }
  const peak = Math.max(...kernel.map((point) => point[1]));
  const most = u.reduce((a, b) => Math.max(a, b), 0), least = u.reduce((a, b) => Math.min(a, b), 0);
  const x = { low: 0, high: 1e3 * end }, y = { low: Math.max(least, -peak) * 1.1, high: 1.12 * Math.max(peak, Math.min(most, 1.7 * peak)) };
  const at = scale(panel, x, y), points = u.map((value, n) => [1e3 * n * state.dt, value]);
  panel.clipped.replaceChildren(
    element("rect", { ...panel.inside, fill: "#fff" }),
    path([[0, 0], [1e3 * end, 0]], at, { stroke: "#ccc" }),
    path(points, at, { stroke: colour, "stroke-width": steps > 120 ? 2 : 1.2 }),
    path(kernel, at, SOURCE));
  if (steps <= 120) points.forEach(([t, value]) => panel.clipped.append(
    element("circle", { cx: at.x(t).toFixed(1), cy: at.y(value).toFixed(1), r: 2.6, fill: colour })));
  drawAxes(panel, x, y, "time after the spike (ms)", at);
  panel.svg.setAttribute("aria-label", "Response to one spike of unit weight: " + (neuron.stable
    ? `highest grid value ${number(most)}, peak of the continuous response ${number(peak)} per second.`
    : "grows without bound on the grid."));
}

function drawFrequency(panels, neuron, state, colour, equations) {
  const nyquist = 0.5 / state.dt, slow = Math.max(state.tauMem, state.tauSyn);
  const corner = 1 / (2 * Math.PI * Math.min(state.tauMem, state.tauSyn));
  const x = { low: 0.03 / (2 * Math.PI * slow), high: Math.max(4 * corner, 1.6 * nyquist), log: true };
  x.low = Math.min(x.low, nyquist / 10);
  const grid = [], exact = [];
  let turn = 0, last = null;
  for (let k = 0; k <= 360; k++) {
    const f = x.low * (x.high / x.low) ** (k / 360), omega = 2 * Math.PI * f;
    exact.push([f, equations.gain(omega, state.tauMem, state.tauSyn, state.r),
      equations.phase(omega, state.tauMem, state.tauSyn) * 180 / Math.PI]);
  }
  for (let k = 0; neuron.stable && k <= 360; k++) {
    const f = x.low * (nyquist / x.low) ** (k / 360), omega = 2 * Math.PI * f;
    if (k === 360 && neuron.gain(omega) < 1e-12) break; // a zero at Nyquist: the phase has no value there
    const raw = neuron.phase(omega);
    if (last !== null) turn -= 2 * Math.PI * Math.round((raw - last) / (2 * Math.PI));
    last = raw;
    grid.push([f, neuron.gain(omega), (raw + turn) * 180 / Math.PI]);
  }
  const phases = grid.concat(exact).map((row) => row[2]);
  const low = Math.floor((Math.min(...phases, -180) + 5) / 90) * 90, high = Math.ceil((Math.max(...phases, 0) - 5) / 90) * 90;
  const degrees = { low: low - 8, high: high + 8, ticks: [] };
  for (let k = low; k <= high; k += 90) degrees.ticks.push(k);
  const atNyquist = grid.length ? grid[grid.length - 1][1] : 1;
  const floor = Math.min(exact[360][1], Math.max(atNyquist, exact[360][1] / 30), state.r / 100);
  const gain = { low: floor / 2, high: state.r * 3, log: true };
  [[panels.gain, gain, 1, "gain"], [panels.phase, degrees, 2, "phase"]].forEach(([panel, y, column, name]) => {
    const at = scale(panel, x, y), { inside } = panel, edge = Math.min(at.x(nyquist), inside.x + inside.width);
    panel.clipped.replaceChildren(
      element("rect", { ...inside, fill: "#fff" }),
      element("rect", { x: edge, y: inside.y, width: inside.x + inside.width - edge, height: inside.height, fill: "#e9e9e9" }),
      path(grid.map((row) => [row[0], row[column]]), at, { stroke: colour, "stroke-width": 2.2 }),
      path(exact.map((row) => [row[0], row[column]]), at, SOURCE));
    if (!neuron.stable) panel.clipped.append(
      element("text", { x: inside.x + 12, y: inside.y + inside.height - 14 }, "unstable: no frequency response on the grid"));
    drawAxes(panel, x, y, "frequency (Hz); grey: beyond Nyquist", at);
    const ends = neuron.stable ? `from ${number(grid[0][column])} at ${number(grid[0][0])} hertz to ` +
      `${number(grid[grid.length - 1][column])} near the Nyquist frequency of ${number(nyquist)} hertz` : "does not exist, the scheme is unstable";
    panel.svg.setAttribute("aria-label", `Frequency response, ${name} on the grid: ${ends}.`);
  });
}

function mount(root, equations, data) {
  const unique = `${data.uid}-${document.querySelectorAll(".snntheory-atlas[data-ready]").length}`;
  root.setAttribute("data-ready", "");
  const initial = { ...data.initial }, state = { ...initial };
  const key = () => (state.scheme === "parker_sochacki" ? `parker_sochacki:${state.order}` : state.scheme);
  const chosen = () => data.schemes.find((scheme) => scheme.name === state.scheme);

  const controls = element("div", { class: "controls" }), sliders = [];
  [["dt", "Time step", data.steps], ["tauMem", "Membrane τ", data.taus],
    ["tauSyn", "Synapse τ", data.taus]].forEach(([name, label, values]) => {
    const input = element("input", { type: "range", min: 0, max: values.length - 1, step: 1 });
    const shown = element("output", {});
    input.addEventListener("input", () => { state[name] = values[Number(input.value)]; update(); });
    sliders.push(() => {
      input.value = String(values.indexOf(state[name]));
      input.setAttribute("aria-valuetext", seconds(state[name]));
      shown.textContent = seconds(state[name]);
    });
    controls.append(element("label", { class: "slider" }, element("span", {}, label), input, shown));
  });

  const group = element("fieldset", {}, element("legend", {}, "Scheme")), radios = [];
  const order = element("select", { "aria-label": "order of Parker-Sochacki" });
  for (let p = 1; p <= data.maxOrder; p++) order.append(element("option", { value: p }, `order ${p}`));
  order.addEventListener("change", () => { state.order = Number(order.value); state.scheme = "parker_sochacki"; update(); });
  data.schemes.forEach((scheme) => {
    const radio = element("input", { type: "radio", name: `${unique}-scheme`, value: scheme.name });
    radio.addEventListener("change", () => { state.scheme = scheme.name; update(); });
    radios.push(radio);
    const mark = element("span", { class: "swatch", style: `background:${scheme.colour}` });
    group.append(element("label", {}, radio, mark, scheme.title));
    if (scheme.name === "parker_sochacki") group.append(order);
  });
  const reset = element("button", { type: "button" }, "Start again");
  reset.addEventListener("click", () => { Object.assign(state, initial); update(); });
  group.append(reset);

  const plots = element("div", { class: "plots" }), panels = {};
  [["poles", "poles × and zeros ○"], ["impulse", "response to one spike (1/s)"], ["gain", "gain"], ["phase", "phase (degrees)"]]
    .forEach(([name, title]) => { panels[name] = makePanel(plots, title, `${unique}-${name}`); });
  const legend = element("p", { class: "legend" },
    "Coloured: on the grid. Black, dashed: in continuous time. Black ticks in the z-plane: the exact poles (m: membrane, s: synapse).");
  const readouts = element("dl", {}), status = element("p", { class: "status", role: "status" });
  let waiting = null;

  function update() {
    const scheme = chosen(), colour = scheme.colour;
    const neuron = discreteNeuron(equations, key(), state.dt, state.tauMem, state.tauSyn, state.r);
    sliders.forEach((show) => show());
    radios.forEach((radio) => { radio.checked = radio.value === state.scheme; });
    order.value = String(state.order);
    const sampled = discreteNeuron(equations, "impulse_invariance", state.dt, state.tauMem, state.tauSyn, state.r);
    drawPoles(panels.poles, neuron, sampled.poles, colour);
    drawImpulse(panels.impulse, neuron, state, colour, equations);
    drawFrequency(panels, neuron, state, colour, equations);
    const omega = Math.PI / state.dt, exact = equations.gain(omega, state.tauMem, state.tauSyn, state.r);
    const taus = [state.tauMem, state.tauSyn], [stability, monotony] = neuron.limits;
    const verdict = neuron.inverted ? "stable, but a positive spike lowers the voltage"
      : neuron.monotone ? "stable, decays without changing sign"
      : neuron.stable ? "stable, but rings: a pole is negative" : "unstable";
    const times = neuron.timeConstants.map((tau, k) => neuron.stable
      ? `${k ? "synapse" : "membrane"} ${seconds(tau)} (${percent(tau / taus[k])})` : "").filter(Boolean);
    const name = state.scheme === "parker_sochacki" ? `"${state.scheme}", ${state.order}` : `"${state.scheme}"`;
    const lines = [
      ["Verdict", verdict],
      ["Limits", `stable ${Number.isFinite(stability) ? `below ${seconds(stability)}` : "at every step"}; ` +
        `no negative pole ${Number.isFinite(monotony) ? `up to ${seconds(monotony)}` : "at every step"}`],
      ["Poles", `membrane ${number(neuron.poles[0], 4)}, synapse ${number(neuron.poles[1], 4)}`],
      ["Zeros", neuron.zeros.map((zero) => number(zero, 4)).join(", ") || "none"],
      ["Time constants on the grid", times.join(", ") || "none: it grows"],
      ["Area of one response", neuron.stable ? `${number(neuron.area / state.r, 4)} R (${percent(neuron.area / state.r)})` : "infinite"],
      ["Gain at Nyquist", neuron.stable ? `${number(neuron.gain(omega) / exact)} times the true one` : "does not exist"],
      ["When a spike acts", scheme.delay],
    ];
    readouts.replaceChildren(...lines.flatMap(([term, text]) => [element("dt", {}, term), element("dd", {}, text)]),
      element("dt", {}, "In Python"), element("dd", {}, element("code", {},
        `discretize(CubaLIF(${state.tauMem}, ${state.tauSyn}${state.r === 1 ? "" : `, r=${state.r}`}), ${state.dt}, ${name})`)));
    clearTimeout(waiting); // read aloud once when a slider rests, not at each of its steps
    waiting = setTimeout(() => { status.textContent = `${scheme.title}, time step ${seconds(state.dt)}: ${verdict}.`; }, 500);
    root.atlas.neuron = neuron;
  }
  root.atlas = { state, update, discreteNeuron: (...setting) => discreteNeuron(equations, ...setting) };
  root.querySelectorAll(".still").forEach((still) => still.remove());
  root.append(controls, group, plots, legend, readouts, status);
  update();
}
