const ALPHABET = '123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz';

/** Longest peer id, bytes: a multihash of 64 bytes. */
const MAX_BYTES = 66;

/** Base58 (Bitcoin's alphabet) of a short byte string, as peer ids are written; undefined above 66 bytes. O(n^2) */
export function base58Of(bytes: Uint8Array): string | undefined {
  if (bytes.length === 0 || bytes.length > MAX_BYTES) return undefined;
  const digits: number[] = [];
  for (const byte of bytes) {
    let carry = byte;
    for (let i = 0; i < digits.length; i += 1) {
      carry += (digits[i] as number) * 256;
      digits[i] = carry % 58;
      carry = Math.floor(carry / 58);
    }
    for (; carry > 0; carry = Math.floor(carry / 58)) digits.push(carry % 58);
  }
  let leadingZeros = 0;
  while (bytes[leadingZeros] === 0) leadingZeros += 1;
  const text = digits.reverse().map((digit) => ALPHABET[digit]);
  return '1'.repeat(leadingZeros) + text.join('');
}

/** The bytes of a base58 text, undefined when it is none or too long. O(n^2) */
export function bytesOfBase58(text: string): Uint8Array | undefined {
  if (text.length === 0 || text.length > 2 * MAX_BYTES) return undefined;
  const bytes: number[] = [];
  for (const character of text) {
    let carry = ALPHABET.indexOf(character);
    if (carry < 0) return undefined;
    for (let i = 0; i < bytes.length; i += 1) {
      carry += (bytes[i] as number) * 58;
      bytes[i] = carry & 0xff;
      carry >>= 8;
    }
    for (; carry > 0; carry >>= 8) bytes.push(carry & 0xff);
  }
  let leadingOnes = 0;
  while (text[leadingOnes] === '1') leadingOnes += 1;
  return Uint8Array.from([...new Array<number>(leadingOnes).fill(0), ...bytes.reverse()]);
}
