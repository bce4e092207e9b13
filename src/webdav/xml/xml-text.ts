/** From bytes to the text of a document, and from character references to characters. */
import { refusal } from '../../http/status.js';

const declarationPattern = /^<\?xml[ \t\r\n]+version[ \t\r\n]*=[ \t\r\n]*["']1\.\d["']([^?]*)\?>/;
const encodingPattern = /encoding[ \t\r\n]*=[ \t\r\n]*["']([A-Za-z0-9._-]+)["']/;
const referencePattern = /&(?:#(\d{1,7})|#x([0-9A-Fa-f]{1,6})|(\w{1,8}));|&/g;
// biome-ignore lint/suspicious/noControlCharactersInRegex: they are what XML forbids
const illegalCharacter = /[\x00-\x08\x0b\x0c\x0e-\x1f\ufffe\uffff]/;
const predefined: ReadonlyMap<string, string> = new Map([
  ['lt', '<'],
  ['gt', '>'],
  ['amp', '&'],
  ['quot', '"'],
  ['apos', "'"],
]);

export function malformed(message: string): Error {
  return refusal(400, `the XML body is not acceptable: ${message}`);
}

export function decodeXml(body: Buffer): string {
  if (body[0] === 0xfe || body[0] === 0xff || body[0] === 0 || body[1] === 0) throw malformed('only UTF-8 is read');
  let end = body.length;
  while (end > 0 && body[end - 1] === 0) end -= 1;
  let text: string;
  try {
    text = new TextDecoder('utf-8', { fatal: true }).decode(body.subarray(0, end));
  } catch {
    throw malformed('it is not UTF-8');
  }
  if (illegalCharacter.test(text)) throw malformed('it has a character that XML forbids');
  const declaration = declarationPattern.exec(text);
  const encoding = declaration && encodingPattern.exec(declaration[1]!);
  if (encoding && !/^(utf-?8|us-ascii)$/i.test(encoding[1]!)) throw malformed('only UTF-8 is read');
  return declaration ? text.slice(declaration[0].length) : text;
}

export function resolveReferences(text: string): string {
  if (!text.includes('&')) return text;
  return text.replace(referencePattern, (_, decimal?: string, hex?: string, entity?: string) => {
    if (entity !== undefined) {
      const character = predefined.get(entity);
      if (character !== undefined) return character;
    }
    const code = decimal !== undefined ? Number(decimal) : hex !== undefined ? Number.parseInt(hex, 16) : -1;
    if (code < 0 || code > 0x10ffff || (code >= 0xd800 && code < 0xe000)) throw malformed('an unknown reference');
    const character = String.fromCodePoint(code);
    if (illegalCharacter.test(character)) throw malformed('a reference to a forbidden character');
    return character;
  });
}
