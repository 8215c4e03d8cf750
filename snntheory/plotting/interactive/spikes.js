// Spikes of one neuron, exact and on a grid. The schemes' numbers and the kernel are the generated `equations`.

// The state after a time without input, from the closed form.
function flow(u, i, time, p, equations) {
  return [u * Math.exp(-time / p.tauMem) + i * p.tauSyn * equations.kernel(time, p.tauMem, p.tauSyn, p.r), i * Math.exp(-time / p.tauSyn)];
}

// The latest time in [0, span] up to which `before` holds, for a condition that changes once.
function changeOf(before, span) {
  let low = 0, high = span;
  for (let k = 0; k < 70; k++) {
    const middle = (low + high) / 2;
    if (before(middle)) low = middle; else high = middle;
  }
  return high;
}

// All spikes, event by event, and the states after every event. Between events exp(t/tauMem) (R i - u) is monotonic, so
// the voltage has at most one maximum, and rises up to it.
function exactRun(inputs, p, tMax, equations) {
  const spikes = [], states = [];
  let t = 0, u = 0, i = 0;
  for (const [time, weight] of [...inputs, [tMax, 0]]) {
    for (;;) {
      const span = time - t, at = (h) => flow(u, i, h, p, equations);
      states.push([t, u, i]);
      const rises = (h) => { const [v, c] = at(h); return p.r * c > v; };
      const peak = span > 0 && rises(0) ? (rises(span) ? span : changeOf(rises, span)) : 0;
      if (!(peak > 0) || at(peak)[0] < p.threshold) break;
      const crossing = changeOf((h) => at(h)[0] < p.threshold, peak);
      i = at(crossing)[1];
      u = 0;
      t += crossing;
      spikes.push(t);
    }
    [u, i] = flow(u, i, time - t, p, equations);
    i += weight / p.tauSyn;
    t = time;
  }
  states.push([t, u, i]);
  return { spikes, states };
}

// Clocked: an input acts at the first grid point at or after it, spike and reset (by subtraction) at the grid point.
function clockedRun(inputs, key, dt, p, tMax, equations) {
  const [a11, a12, a22, b1, b2, p1, p2] = equations.numbers[key](dt, p.tauMem, p.tauSyn, p.r);
  const ratio = tMax / dt, steps = Math.max(1, Math.ceil(ratio - 1e-9 * Math.max(1, ratio * 1e-6)));
  const sums = new Array(steps + 1).fill(0), spikes = [], voltage = [];
  inputs.forEach(([time, weight]) => {
    const place = time / dt, nearest = Math.floor(place + 0.5);
    const n = Math.abs(place - nearest) <= 1e-9 ? nearest : Math.ceil(place);
    if (n <= steps) sums[n] += weight;
  });
  let u = b1 * sums[0], i = b2 * sums[0];
  for (let n = 0; n <= steps; n++) {
    if (n) [u, i] = [a11 * u + a12 * i + b1 * sums[n] + p1 * sums[n - 1], a22 * i + b2 * sums[n] + p2 * sums[n - 1]];
    voltage.push(u);
    if (u >= p.threshold) {
      spikes.push(n * dt);
      u -= p.threshold;
    }
  }
  return { spikes, voltage };
}

// Pairs at most `window` apart that keep the order: the most pairs, and among those the smallest sum of distances.
function pairSpikes(one, other, window) {
  const best = [new Array(other.length + 1).fill(null).map(() => [0, 0])], came = [];
  const more = (a, b) => a[0] > b[0] || (a[0] === b[0] && a[1] < b[1]);
  one.forEach((time, j) => {
    const row = [[0, 0]], steps = [0];
    other.forEach((place, k) => {
      const distance = Math.abs(place - time);
      let choice = best[j][k + 1], step = 1;
      if (more(row[k], choice)) [choice, step] = [row[k], 2];
      const pair = [best[j][k][0] + 1, best[j][k][1] + distance];
      if (distance <= window && more(pair, choice)) [choice, step] = [pair, 3];
      row.push(choice);
      steps.push(step);
    });
    best.push(row);
    came.push(steps);
  });
  const pairs = [];
  for (let j = one.length, k = other.length; j && k;) {
    const step = came[j - 1][k];
    if (step === 3) pairs.unshift([j - 1, k - 1]);
    if (step !== 2) j -= 1;
    if (step !== 1) k -= 1;
  }
  return pairs;
}

function compareSpikes(exact, grid, window) {
  const pairs = pairSpikes(exact, grid, window), shifts = pairs.map(([j, k]) => grid[k] - exact[j]);
  const mean = (values) => values.reduce((sum, value) => sum + value, 0) / values.length;
  return {
    pairs, missed: exact.length - pairs.length, extra: grid.length - pairs.length, meanShift: mean(shifts),
    meanDistance: mean(shifts.map(Math.abs)),
  };
}

function voltageCurve({ states }, p, tMax, equations) {
  const points = [];
  states.forEach(([t, u, i], k) => {
    const end = k + 1 < states.length ? states[k + 1][0] : tMax, count = Math.ceil(500 * (end - t) / tMax);
    for (let m = 0; m <= count; m++) points.push([1e3 * (t + (end - t) * m / Math.max(count, 1)), flow(u, i, (end - t) * m / Math.max(count, 1), p, equations)[0]]);
  });
  return points;
}

const MISSED = "#D55E00";
function drawVoltage(panel, curve, run, state, colour, data) {
  const x = { low: 0, high: 1e3 * data.tMax }, top = Math.min(3, Math.max(1.4, ...run.voltage.filter(Number.isFinite)));
  const y = { low: Math.min(-0.2, Math.max(-2, ...[Math.min(...curve.map((point) => point[1]))])), high: top * data.threshold }, at = scale(panel, x, y);
  const points = run.voltage.map((value, n) => [1e3 * n * state.dt, Math.max(-9, Math.min(9, value))]);
  panel.clipped.replaceChildren(element("rect", { ...panel.inside, fill: "#fff" }),
    path([[0, data.threshold], [x.high, data.threshold]], at, { stroke: "#888", "stroke-dasharray": "2 3" }),
    path(points, at, { stroke: colour, "stroke-width": 1.2 }), path(curve, at, SOURCE));
  if (points.length <= 220) points.forEach(([t, value]) => panel.clipped.append(
    element("circle", { cx: at.x(t).toFixed(1), cy: at.y(value).toFixed(1), r: 2, fill: colour })));
  drawAxes(panel, x, y, "time (ms); dotted: the threshold", at);
}

function drawTrains(panel, exact, grid, found, colour, data) {
  const x = { low: 0, high: 1e3 * data.tMax }, y = { low: 0, high: 1, ticks: [] }, at = scale(panel, x, y);
  const paired = [new Set(found.pairs.map((pair) => pair[0])), new Set(found.pairs.map((pair) => pair[1]))];
  panel.clipped.replaceChildren(element("rect", { ...panel.inside, fill: "#fff" }));
  [[exact, 0.62, 0.95, "#111"], [grid, 0.05, 0.38, colour]].forEach(([train, low, high, ink], which) => train.forEach((time, k) => {
    const alone = !paired[which].has(k);
    panel.clipped.append(path([[1e3 * time, low], [1e3 * time, high]], at, { stroke: alone ? MISSED : ink, "stroke-width": alone ? 3 : 1.6, class: alone ? "alone" : "spike" }));
  }));
  found.pairs.forEach(([j, k]) => panel.clipped.append(path([[1e3 * exact[j], 0.62], [1e3 * grid[k], 0.38]], at, { stroke: "#888", "stroke-width": 0.8 })));
  drawAxes(panel, x, y, "time (ms); above: exact, below: on the grid; thick: without a partner", at);
}

function drawCurve(panel, rows, state, colour, data) {
  const x = { low: 1e3 * data.steps[0], high: 1e3 * data.steps[data.steps.length - 1], log: true }, y = { low: 0, high: 1 };
  const at = scale(panel, x, y), place = 1e3 * state.dt;
  panel.clipped.replaceChildren(element("rect", { ...panel.inside, fill: "#fff" }),
    path([[place, 0], [place, 1]], at, { stroke: "#888", "stroke-dasharray": "2 3" }),
    path(rows.map((row) => [1e3 * row[0], row[1]]), at, { stroke: colour, "stroke-width": 1.8 }),
    path(rows.filter((row) => Number.isFinite(row[2])).map((row) => [1e3 * row[0], Math.min(row[2] / data.window, 1)]), at, { ...SOURCE, stroke: "#555" }));
  drawAxes(panel, x, y, "time step (ms)", at);
}

function mount(root, data, equations) {
  const unique = `${data.uid}-${document.querySelectorAll(".snntheory-spikes[data-ready]").length}`;
  root.setAttribute("data-ready", "");
  const state = { ...data.initial }, p = { tauMem: data.tauMem, tauSyn: data.tauSyn, r: data.r, threshold: data.threshold };
  const controls = element("div", { class: "controls" }), choices = element("div", {}), plots = element("div", { class: "plots wide" });
  const showStep = makeSlider(controls, "Time step", data.steps, seconds, (value) => { state.dt = value; update(); });
  const showDrive = makeSlider(controls, "Input weights", data.factors, (value) => `× ${number(value)}`, (value) => { state.factor = value; update(); });
  const showScheme = makeChoice(choices, "Scheme", `${unique}-scheme`, data.schemes, (name) => { state.scheme = name; update(); });
  const again = element("button", { type: "button" }, "Start again");
  again.addEventListener("click", () => { Object.assign(state, data.initial); update(); });
  showScheme.group.append(again);
  const voltage = makePanel(plots, "voltage", `${unique}-voltage`, { width: 700 });
  const trains = makePanel(plots, "spikes", `${unique}-trains`, { width: 700, height: 150 });
  const curve = makePanel(plots, "line: share of exact spikes without a partner; dashed: mean distance of pairs in windows", `${unique}-curve`, { width: 700, height: 200 });
  const legend = element("p", { class: "legend" }, `Coloured: on the grid. Black, dashed: exact, event by event. Partners are at most ${seconds(data.window)} apart.`);

  function compute(scheme, dt, factor) {
    const inputs = data.inputs.map(([time, weight]) => [time, weight * factor]);
    const exact = exactRun(inputs, p, data.tMax, equations), grid = clockedRun(inputs, scheme, dt, p, data.tMax, equations);
    return { inputs, exact, grid, found: compareSpikes(exact.spikes, grid.spikes, data.window) };
  }
  function update() {
    const scheme = data.schemes.find(({ name }) => name === state.scheme), { colour } = scheme;
    showStep(state.dt);
    showDrive(state.factor);
    showScheme(state.scheme);
    const { inputs, exact, grid, found } = compute(state.scheme, state.dt, state.factor);
    const rows = data.steps.map((dt) => {
      const other = compareSpikes(exact.spikes, clockedRun(inputs, state.scheme, dt, p, data.tMax, equations).spikes, data.window);
      return [dt, exact.spikes.length ? other.missed / exact.spikes.length : 0, other.meanDistance];
    });
    drawVoltage(voltage, voltageCurve(exact, p, data.tMax, equations), grid, state, colour, data);
    drawTrains(trains, exact.spikes, grid.spikes, found, colour, data);
    drawCurve(curve, rows, state, colour, data);
    const shift = found.pairs.length ? `${seconds(found.meanShift)} on average, ${seconds(found.meanDistance)} in size` : "none has a partner";
    const summary = `${exact.spikes.length} exact, ${grid.spikes.length} on the grid; ${found.missed} missed, ${found.extra} extra`;
    voltage.svg.setAttribute("aria-label", `Voltage, exact and on a grid of ${seconds(state.dt)} with ${scheme.title}.`);
    trains.svg.setAttribute("aria-label", `Spike trains: ${summary}.`);
    curve.svg.setAttribute("aria-label", `Against the time step: from ${number(rows[0][1])} of the exact spikes without a partner at ${seconds(rows[0][0])} ` +
      `to ${number(rows[rows.length - 1][1])} at ${seconds(rows[rows.length - 1][0])}.`);
    const python = `simulate(neuron, times, ${number(state.factor)} * weights, ${data.tMax}, ${state.dt}, "${state.scheme}")`;
    write([["Spikes", summary], ["Shift of the pairs", shift], ["In Python", element("code", {}, python)]],
      `${scheme.title}, time step ${seconds(state.dt)}: ${summary}.`);
  }
  root.figure = { state, update, compute };
  root.querySelectorAll(".still").forEach((still) => still.remove());
  root.append(controls, choices, plots, legend);
  const write = makeReadouts(root);
  update();
}
