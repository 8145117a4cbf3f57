// Numbers as the service's sentences write them (`service/sentences/words.py`).

/** A value of a study's metric, to four digits; what is not finite comes as a word. */
export function loss(value) {
  if (typeof value !== "number") return String(value);
  const [digits, power] = rounded(value);
  if (power >= -4 && power < 4) return short(Number(`${digits}e${power}`).toFixed(3 - power));
  return `${short(digits)}e${power < 0 ? "-" : "+"}${String(Math.abs(power)).padStart(2, "0")}`;
}

/** Four digits and the power of ten; halves to the even digit, as Python has them. */
function rounded(value) {
  const exact = value.toExponential(20);
  const even = /^-?\d\.\d\d[02468]50+e/.test(exact);
  const [digits, power] = (even ? exact : value.toExponential(3)).split("e");
  return [even ? digits.slice(0, digits.indexOf(".") + 4) : digits, Number(power)];
}

const short = (digits) => (digits.includes(".") ? digits.replace(/\.?0+$/, "") : digits);
