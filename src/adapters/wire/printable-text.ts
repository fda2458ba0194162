import { MAX_PEER_TEXT_LENGTH } from './limits.ts';

/** Control and formatting characters, private ones, halves of pairs, and breaks of lines and paragraphs. */
const UNPRINTABLE = /[\p{C}\p{Zl}\p{Zp}]/gu;

/**
 * One line that can neither move a terminal's cursor, colour it, turn its text around nor fake another line: each
 * character that could becomes a space. For whatever holds names or words of servers and clients.
 * @returns as many characters as `text` has
 */
export function printableLine(text: string): string {
  return text.replaceAll(UNPRINTABLE, ' ');
}

/** Text from a peer made fit for messages and logs: a printable line of at most `MAX_PEER_TEXT_LENGTH`. */
export function printablePeerText(text: string): string {
  return printableLine(text.slice(0, MAX_PEER_TEXT_LENGTH));
}
