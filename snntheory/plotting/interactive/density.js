// The stationary density of (u, i) at the settings of three sliders: every picture and number was computed beforehand.

// White to blue to near black, as the still figures' map.
function shade(level) {
  const stops = [[255, 255, 255], [107, 174, 214], [8, 48, 107]], at = level / 255 * 2, k = Math.min(Math.floor(at), 1);
  return stops[k].map((value, c) => Math.round(value + (at - k) * (stops[k + 1][c] - value)));
}
function picture(data, bytes, frame) {
  const canvas = document.createElement("canvas"), size = data.width * data.height;
  [canvas.width, canvas.height] = [data.width, data.height];
  const context = canvas.getContext("2d"), image = context.createImageData(data.width, data.height);
  for (let k = 0; k < size; k++) {
    image.data.set(shade(bytes[frame * size + k]), 4 * k);
    image.data[4 * k + 3] = 255;
  }
  context.putImageData(image, 0, 0);
  return canvas.toDataURL("image/png");
}

const INK = "#0072B2";
function drawCloud(panel, data, bytes, frame) {
  const x = { low: data.u[0], high: data.u[1] }, y = { low: data.i[0], high: data.i[1] }, at = scale(panel, x, y), { inside } = panel;
  panel.clipped.replaceChildren(
    element("image", { ...inside, href: picture(data, bytes, frame), preserveAspectRatio: "none" }),
    path([[data.threshold, y.low], [data.threshold, y.high]], at, { stroke: "#111" }),
    path([[data.reset, y.low], [data.reset, y.high]], at, { stroke: "#555", "stroke-dasharray": "3 3" }));
  drawAxes(panel, x, y, "voltage; dashed: reset, right edge: threshold", at);
}
function drawMarginal(panel, data, marginal) {
  const x = { low: data.u[0], high: data.u[1] }, y = { low: 0, high: 1.1 * Math.max(...data.settings.map((s) => Math.max(...s.marginal))) };
  const at = scale(panel, x, y), width = (x.high - x.low) / marginal.length;
  panel.clipped.replaceChildren(element("rect", { ...panel.inside, fill: "#fff" }),
    path([[data.reset, 0], [data.reset, y.high]], at, { stroke: "#555", "stroke-dasharray": "3 3" }),
    path(marginal.map((value, k) => [x.low + (k + 0.5) * width, value]), at, { stroke: INK, "stroke-width": 2 }));
  drawAxes(panel, x, y, "voltage", at);
}
function drawRates(panel, data, row, now) {
  const highest = Math.max(...data.settings.map((s) => Math.max(s.rate, s.white)));
  const x = { low: data.mus[0], high: data.mus[data.mus.length - 1] }, y = { low: 0, high: 1.05 * highest }, at = scale(panel, x, y);
  const line = (name, attributes) => path(row.map((s) => [s.mu, s[name]]), at, attributes);
  panel.clipped.replaceChildren(element("rect", { ...panel.inside, fill: "#fff" }),
    line("white", SOURCE), line("shifted", { stroke: "#CC79A7", "stroke-width": 1.5, "stroke-dasharray": "2 2" }),
    line("rate", { stroke: INK, "stroke-width": 2 }),
    ...row.map((s) => element("circle", { cx: at.x(s.mu), cy: at.y(s.rate), r: s === now ? 5 : 2.5, fill: s === now ? "#D55E00" : INK })));
  drawAxes(panel, x, y, "mean drive μ", at);
}

function mount(root, data) {
  const unique = `${data.uid}-${document.querySelectorAll(".snntheory-density[data-ready]").length}`;
  root.setAttribute("data-ready", "");
  const bytes = Uint8Array.from(atob(data.frames), (c) => c.charCodeAt(0)), state = { ...data.initial };
  const controls = element("div", { class: "controls" }), plots = element("div", { class: "plots" });
  const set = (name) => (value) => { state[name] = value; update(); };
  const showMu = makeSlider(controls, "Mean drive μ", data.mus, number, set("mu"));
  const showSigma = makeSlider(controls, "Noise σ", data.sigmas, number, set("sigma"));
  const showTau = makeSlider(controls, "Synapse τ", data.taus, seconds, set("tau"));
  const cloud = makePanel(plots, "density of voltage and current", `${unique}-cloud`);
  const marginal = makePanel(plots, "density of the voltage", `${unique}-marginal`);
  const rates = makePanel(plots, "rate (Hz) against the drive", `${unique}-rates`);
  const legend = element("p", { class: "legend" }, "Blue: voltage and current together, computed on a grid of cells. " +
    "Rate, black, dashed: white noise (a synapse without memory); red, dotted: its correction for a synapse shorter than a tenth of the membrane, which fails for longer ones.");
  function update() {
    const frame = data.settings.findIndex((s) => s.mu === state.mu && s.sigma === state.sigma && s.tau === state.tau);
    const now = data.settings[frame], row = data.settings.filter((s) => s.sigma === state.sigma && s.tau === state.tau);
    showMu(state.mu);
    showSigma(state.sigma);
    showTau(state.tau);
    drawCloud(cloud, data, bytes, frame);
    drawMarginal(marginal, data, now.marginal);
    drawRates(rates, data, row, now);
    const rate = `${number(now.rate)} Hz`, others = `${number(now.white)} Hz for white noise, ${number(now.shifted)} Hz with the correction`;
    const mode = now.marginal.indexOf(Math.max(...now.marginal)), place = data.u[0] + (mode + 0.5) * (data.u[1] - data.u[0]) / now.marginal.length;
    cloud.svg.setAttribute("aria-label", `Density of voltage and current at drive ${number(state.mu)}, noise ${number(state.sigma)}, synapse ${seconds(state.tau)}.`);
    marginal.svg.setAttribute("aria-label", `Density of the voltage, highest at ${number(place)}.`);
    rates.svg.setAttribute("aria-label", `Rate against the mean drive: ${rate} here; from ${number(row[0].rate)} to ${number(row[row.length - 1].rate)} hertz.`);
    const python = `stationary_density(CubaLIF(${data.tauMem}, ${state.tau}, reset="to_value"), ${state.mu}, ${state.sigma}).rate`;
    write([["Rate", rate], ["Compare", others], ["Voltage", `most often at ${number(place)}`], ["In Python", element("code", {}, python)]],
      `Drive ${number(state.mu)}, noise ${number(state.sigma)}, synapse ${seconds(state.tau)}: ${rate}.`);
  }
  root.figure = { state, update };
  root.querySelectorAll(".still").forEach((still) => still.remove());
  root.append(controls, plots, legend);
  const write = makeReadouts(root);
  update();
}
