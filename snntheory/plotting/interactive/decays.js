// Differences of exp that the generated `equations` call, written without cancellation (as in linear.continuous and zoh).

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
