// The atlas of time steps: draws what the generated `equations` say; no equation of a scheme stands here.

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

function mount(root, data, equations) {
  const unique = `${data.uid}-${document.querySelectorAll(".snntheory-atlas[data-ready]").length}`;
  root.setAttribute("data-ready", "");
  const initial = { ...data.initial }, state = { ...initial };
  const key = () => (state.scheme === "parker_sochacki" ? `parker_sochacki:${state.order}` : state.scheme);
  const chosen = () => data.schemes.find((scheme) => scheme.name === state.scheme);

  const controls = element("div", { class: "controls" }), choices = element("div", {});
  const sliders = [["dt", "Time step", data.steps], ["tauMem", "Membrane τ", data.taus], ["tauSyn", "Synapse τ", data.taus]]
    .map(([name, label, values]) => {
      const show = makeSlider(controls, label, values, seconds, (value) => { state[name] = value; update(); });
      return () => show(state[name]);
    });
  const order = element("select", { "aria-label": "order of Parker-Sochacki" });
  for (let p = 1; p <= data.maxOrder; p++) order.append(element("option", { value: p }, `order ${p}`));
  order.addEventListener("change", () => { state.order = Number(order.value); state.scheme = "parker_sochacki"; update(); });
  const showScheme = makeChoice(choices, "Scheme", `${unique}-scheme`, data.schemes, (name) => { state.scheme = name; update(); });
  const { group, radios } = showScheme;
  radios.get("parker_sochacki").parentElement.after(order);
  const reset = element("button", { type: "button" }, "Start again");
  reset.addEventListener("click", () => { Object.assign(state, initial); update(); });
  group.append(reset);

  const plots = element("div", { class: "plots" }), panels = {};
  [["poles", "poles × and zeros ○"], ["impulse", "response to one spike (1/s)"], ["gain", "gain"], ["phase", "phase (degrees)"]]
    .forEach(([name, title]) => { panels[name] = makePanel(plots, title, `${unique}-${name}`); });
  const legend = element("p", { class: "legend" },
    "Coloured: on the grid. Black, dashed: in continuous time. Black ticks in the z-plane: the exact poles (m: membrane, s: synapse).");

  function update() {
    const scheme = chosen(), colour = scheme.colour;
    const neuron = discreteNeuron(equations, key(), state.dt, state.tauMem, state.tauSyn, state.r);
    sliders.forEach((show) => show());
    showScheme(state.scheme);
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
    const python = `discretize(CubaLIF(${state.tauMem}, ${state.tauSyn}${state.r === 1 ? "" : `, r=${state.r}`}), ${state.dt}, ${name})`;
    write([...lines, ["In Python", element("code", {}, python)]], `${scheme.title}, time step ${seconds(state.dt)}: ${verdict}.`);
    root.atlas.neuron = neuron;
  }
  root.atlas = { state, update, discreteNeuron: (...setting) => discreteNeuron(equations, ...setting) };
  root.querySelectorAll(".still").forEach((still) => still.remove());
  root.append(controls, choices, plots, legend);
  const write = makeReadouts(root);
  update();
}
