/** What a server has given since the dispatcher knows it, earlier registrations included. */
export interface ServerContribution {
  /** Prompt and output tokens that passed it. */
  readonly tokens: number;
  /** Blocks that it held ready, times seconds. */
  readonly blockSeconds: number;
  /** Time as a member, seconds. */
  readonly uptimeSeconds: number;
}
