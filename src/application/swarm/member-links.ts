import { DispatcherError } from '../../domain/shared/errors.ts';
import type { MemberLink } from '../ports/member-link.ts';

/** The ways to the registered servers. Each belongs to one incarnation; the newest of a server counts. */
export class MemberLinks {
  readonly #links = new Map<string, { readonly incarnation: number; readonly link: MemberLink }>();

  /** A server joined; the stream of its older incarnation, if any, ends. */
  add(serverId: string, incarnation: number, link: MemberLink): void {
    const previous = this.#links.get(serverId);
    this.#links.set(serverId, { incarnation, link });
    previous?.link.end(
      new DispatcherError('DSP_SERVER_LOST', `${serverId} joined again: the newer stream replaces this one`),
    );
  }

  of(serverId: string, incarnation: number): MemberLink | undefined {
    const entry = this.#links.get(serverId);
    return entry?.incarnation === incarnation ? entry.link : undefined;
  }

  remove(serverId: string, incarnation: number): void {
    if (this.of(serverId, incarnation) !== undefined) this.#links.delete(serverId);
  }

  /** Ends the stream of a server that is silent: it may still look open. */
  end(serverId: string, incarnation: number): void {
    this.of(serverId, incarnation)?.end(
      new DispatcherError('DSP_SERVER_LOST', `${serverId} sent nothing for a whole lease: join again`),
    );
    this.remove(serverId, incarnation);
  }
}
