import type { FastifyRequest } from 'fastify';
import type { AccessKeys } from '../../application/access/access-keys.ts';
import { bearerKey, type KeyGrant } from '../../application/access/key-ring.ts';
import { DispatcherError } from '../../domain/shared/errors.ts';

const GRANTS = new WeakMap<FastifyRequest, KeyGrant>();

/** What the request's key allows, or, where no keys are set, everybody may; undefined: no tenant may be named. */
export function grantOf(request: FastifyRequest): KeyGrant | undefined {
  return GRANTS.get(request);
}

/** Checks `authorization: Bearer KEY` of clients. @throws (rejects) DispatcherError DSP_UNAUTHENTICATED */
export function authenticateClient(access: AccessKeys): (request: FastifyRequest) => Promise<void> {
  return async (request) => {
    if (access.clients.isEmpty) {
      if (access.clients.open !== undefined) GRANTS.set(request, access.clients.open);
      return;
    }
    const key = presentedKey(request);
    const grant = access.clients.find(key);
    if (grant === undefined) throw refusal('The API key is not one of this service.');
    GRANTS.set(request, grant);
  };
}

/**
 * Checks the key of who reads `/admin/v1`: an operator's, or, where none is set, a client's that may observe.
 * @throws (rejects) DispatcherError DSP_UNAUTHENTICATED
 */
export function authenticateObserver(access: AccessKeys): (request: FastifyRequest) => Promise<void> {
  return async (request) => {
    const { clients, operators } = access;
    if (!operators.isEmpty) {
      if (operators.find(presentedKey(request)) === undefined)
        throw refusal("The key is not one of this service's operators.");
      return;
    }
    if (clients.isEmpty) return;
    const grant = clients.find(presentedKey(request));
    if (grant === undefined) throw refusal('The API key is not one of this service.');
    if (!grant.mayObserve) throw refusal('This API key is for requests only: /admin/v1 needs an operator key.');
  };
}

/**
 * Checks that who acts under `/admin/v1` showed an operator's key, or, where no key of any kind is set,
 * sits at this machine. Comes after `authenticateObserver`.
 * @throws DispatcherError DSP_UNAUTHENTICATED
 */
export function refuseUnlessOperator(access: AccessKeys, request: FastifyRequest): void {
  if (!access.operators.isEmpty) return;
  if (access.clients.isEmpty && isLoopback(request.socket.remoteAddress)) return;
  throw refusal('Actions need an operator key, and this dispatcher has none configured (security.admin_keys).');
}

function presentedKey(request: FastifyRequest): string {
  const key = bearerKey(request.headers.authorization);
  if (key === undefined) throw refusal('Send an API key in the header `authorization: Bearer KEY`.');
  return key;
}

function isLoopback(address: string | undefined): boolean {
  return address === '::1' || address?.replace('::ffff:', '').startsWith('127.') === true;
}

function refusal(message: string): DispatcherError {
  return new DispatcherError('DSP_UNAUTHENTICATED', message);
}
