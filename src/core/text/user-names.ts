/**
 * Names of users. Colons end a name in Basic and Digest, quotes and backslashes would have to be escaped in Digest, and
 * spaces are not seen: none of them can be in a name.
 */

const longest = 64;
const pattern = /^[\p{L}\p{N}][\p{L}\p{M}\p{N}._@+-]*$/u;

export function isUserName(text: string): boolean {
  return text.length <= longest && pattern.test(text) && text.normalize('NFC') === text;
}

export const userNameRule = `a user's name is 1 to ${longest} letters, digits and . _ @ + -, and begins with a letter or digit`;
