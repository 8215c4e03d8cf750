// Several quantities against one time step: panels with a common axis, a slider that reads every curve at once.

// The value at a time step: linear in its logarithm between the computed points, none outside of them.
function valueAt(curve, dt) {
  const { dt: steps, values } = curve, last = steps.length - 1;
  if (dt < steps[0] * (1 - 1e-9) || dt > steps[last] * (1 + 1e-9)) return NaN;
  let k = 0;
  while (k < last - 1 && steps[k + 1] < dt) k += 1;
  if (last === 0) return values[0];
  const share = Math.min(1, Math.max(0, Math.log(dt / steps[k]) / Math.log(steps[k + 1] / steps[k])));
  return values[k] + share * (values[k + 1] - values[k]);
}

function drawPanel(panel, given, state, data) {
  const x = { low: 1e3 * data.steps[0] * 0.9, high: 1e3 * data.steps[data.steps.length - 1] * 1.1, log: true };
  const y = { low: given.low, high: given.high, log: given.logarithmic }, at = scale(panel, x, y), place = 1e3 * state.dt;
  panel.clipped.replaceChildren(element("rect", { ...panel.inside, fill: "#fff" }),
    path([[place, y.low], [place, y.high]], at, { stroke: "#888", "stroke-dasharray": "2 3" }));
  if (given.exact !== null) panel.clipped.append(path([[x.low, given.exact], [x.high, given.exact]], at, SOURCE));
  given.curves.forEach((curve) => {
    const points = curve.dt.map((dt, k) => [1e3 * dt, curve.values[k]]), value = valueAt(curve, state.dt);
    panel.clipped.append(path(points, at, { stroke: curve.colour, "stroke-width": 2, class: "curve" }));
    if (points.length < 12) points.forEach(([t, v]) => panel.clipped.append(element("circle", { cx: at.x(t), cy: at.y(v), r: 2.2, fill: curve.colour })));
    if (Number.isFinite(value)) panel.clipped.append(
      element("circle", { cx: at.x(place), cy: at.y(value), r: 5, fill: curve.colour, stroke: "#fff", class: "cursor" }));
  });
  drawAxes(panel, x, y, "time step (ms)", at);
}

function mount(root, data) {
  const unique = `${data.uid}-${document.querySelectorAll(".snntheory-overview[data-ready]").length}`;
  root.setAttribute("data-ready", "");
  const state = { dt: data.dt }, controls = element("div", { class: "controls" }), plots = element("div", { class: "plots" });
  const show = makeSlider(controls, "Time step", data.steps, seconds, (value) => { state.dt = value; update(); });
  const panels = data.panels.map((given, k) => {
    const cell = element("div", { class: "cell" }), panel = makePanel(cell, given.title, `${unique}-${k}`), key = element("p", { class: "legend" });
    given.curves.forEach((curve) => key.append(element("span", { class: "entry" },
      element("span", { class: "swatch", style: `background:${curve.colour}` }), ` ${curve.label} `)));
    cell.append(key);
    plots.append(cell);
    return panel;
  });
  function update() {
    show(state.dt);
    const lines = data.panels.map((given, k) => {
      drawPanel(panels[k], given, state, data);
      const values = given.curves.map((curve) => [curve.label, valueAt(curve, state.dt)]).filter(([, value]) => Number.isFinite(value));
      const text = values.map(([label, value]) => `${label}: ${number(value)}`).join("; ") || "not known at this step";
      panels[k].svg.setAttribute("aria-label", `${given.title}, at ${seconds(state.dt)}: ${text}.`);
      return [given.title, text];
    });
    write(lines, `Time step ${seconds(state.dt)}. ${lines.map(([title, text]) => `${title}, ${text}`).join(". ")}.`);
  }
  root.figure = { state, update, valueAt: (panel, curve, dt) => valueAt(data.panels[panel].curves[curve], dt) };
  root.querySelectorAll(".still").forEach((still) => still.remove());
  root.append(controls, plots);
  const write = makeReadouts(root);
  update();
}
