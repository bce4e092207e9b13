/**
 * What Windows makes of names. It takes names for the same that differ in case only, and cannot open those with
 * characters that it gives a meaning, with a dot or a space at the end, or of its old devices. These are shown to it with
 * look-alikes (full-width forms); `twins` finds the entry again. Names are never stored differently for it.
 */

/** U+FF01 to U+FF5E look like `!` to `~`. */
const fullWidthOffset = 0xfee0;
/** U+2401 to U+241F, and U+2420 for the space, are pictures of the control characters. */
const pictureOffset = 0x2400;
// biome-ignore lint/suspicious/noControlCharactersInRegex: control characters are what is looked for
const illegal = /[\x01-\x1f"*:<>?|\\]/g;
const device = /^(?:con|prn|aux|nul|com[0-9]|lpt[0-9])[ ]*(?:\.|$)/i;
const trailing = /[. ]$/;
/** First letters of the devices. */
const deviceLetters = 'acnlpACNLP';

/** The name as Windows can show and open it: mostly the name itself. */
export function windowsName(name: string): string {
  let shown = name.replace(illegal, lookAlike).replace(trailing, lookAlike);
  if (device.test(shown)) shown = lookAlike(shown[0]!) + shown.slice(1);
  return shown;
}

function lookAlike(character: string): string {
  const code = character.charCodeAt(0);
  return String.fromCharCode(code <= 0x20 ? code + pictureOffset : code + fullWidthOffset);
}

function plain(character: string): string {
  const code = character.charCodeAt(0);
  if (code > pictureOffset && code <= pictureOffset + 0x20) return String.fromCharCode(code - pictureOffset);
  const ascii = code - fullWidthOffset;
  return ascii > 0x20 && ascii < 0x7f ? String.fromCharCode(ascii) : character;
}

/** Characters (code points) that may stand in a stored name where Windows sends this one; itself first. */
export function twins(character: string): string[] {
  const base = plain(character);
  const cases = [base, base.toLowerCase(), base.toUpperCase()].filter((form) => [...form].length === 1);
  const isMapped = base.search(illegal) === 0 || base === '.' || base === ' ' || deviceLetters.includes(base);
  return [...new Set([character, ...cases, ...(isMapped ? cases.map(lookAlike) : [])])];
}
