import type { Member } from '../../domain/membership/member.ts';
import type { RequestTimes } from '../ports/request-journal.ts';
import type { ServerContribution } from '../ports/server-contribution.ts';

interface Account {
  tokens: number;
  blockSeconds: number;
  uptimeSeconds: number;
  /** While it is a member: since when, and with how many blocks ready, the figures above do not count yet. */
  open: { sinceMs: number; readonly blocks: number } | undefined;
}

const NOTHING: ServerContribution = { tokens: 0, blockSeconds: 0, uptimeSeconds: 0 };

/**
 * What each server has given so far: tokens that passed it, blocks held ready times seconds, time as a
 * member. A server that comes back under its id goes on where it was; of those that are gone the ones
 * that left first are forgotten beyond `limit`.
 */
export class ContributionLedger {
  readonly #limit: number;
  readonly #accounts = new Map<string, Account>();

  /** @param limit servers remembered, >= 1: well above the members at once */
  constructor(limit: number) {
    this.#limit = limit;
  }

  /** The members as they are from now on. To be told whenever one comes, goes, or its blocks get ready. */
  observe(members: readonly Member[], nowMs: number): void {
    const present = new Map(members.map((member) => [member.serverId, member]));
    for (const [serverId, account] of this.#accounts) {
      if (account.open === undefined) continue;
      settle(account, nowMs);
      if (!present.has(serverId)) account.open = undefined;
    }
    for (const member of members) {
      const account = this.#account(member.serverId);
      const sinceMs = account.open === undefined ? member.joinedMs : nowMs;
      account.open = { sinceMs, blocks: member.ready?.blockCount ?? 0 };
    }
    this.#forget();
  }

  /** Credits the servers of a request that ended: its prompt where that was taken in, its output everywhere. */
  requestEnded(times: RequestTimes): void {
    times.chains.forEach((chain, index) => {
      const tokens = chain.tokens + (index === 0 && chain.tokens > 0 ? times.promptTokens : 0);
      if (tokens === 0) return;
      for (const { serverId } of chain.hops) {
        const account = this.#accounts.get(serverId);
        if (account !== undefined) account.tokens += tokens;
      }
    });
  }

  of(serverId: string, nowMs: number): ServerContribution {
    const account = this.#accounts.get(serverId);
    if (account === undefined) return NOTHING;
    settle(account, nowMs);
    const { tokens, blockSeconds, uptimeSeconds } = account;
    return { tokens, blockSeconds, uptimeSeconds };
  }

  #account(serverId: string): Account {
    const known = this.#accounts.get(serverId);
    if (known !== undefined) {
      // Those seen last are forgotten last.
      this.#accounts.delete(serverId);
      this.#accounts.set(serverId, known);
      return known;
    }
    const account: Account = { tokens: 0, blockSeconds: 0, uptimeSeconds: 0, open: undefined };
    this.#accounts.set(serverId, account);
    return account;
  }

  #forget(): void {
    for (const [serverId, account] of this.#accounts) {
      if (this.#accounts.size <= this.#limit) return;
      if (account.open === undefined) this.#accounts.delete(serverId);
    }
  }
}

function settle(account: Account, nowMs: number): void {
  if (account.open === undefined) return;
  const seconds = Math.max(0, nowMs - account.open.sinceMs) / 1000;
  account.uptimeSeconds += seconds;
  account.blockSeconds += seconds * account.open.blocks;
  account.open.sinceMs = nowMs;
}
