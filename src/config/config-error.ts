/**
 * The configuration cannot be used: an unknown key, a value out of range, an unreadable file. The
 * message is one or more sentences, each with the key's path, where it was set, and the remedy.
 */
export class ConfigError extends Error {
  override readonly name = 'ConfigError';
}
