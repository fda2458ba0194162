import { randomBytes } from 'node:crypto';

/** 128 random bits as 22 URL-safe characters: unguessable. */
export function newRandomId(): string {
  return randomBytes(16).toString('base64url');
}
