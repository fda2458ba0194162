import { createContext, Script } from 'node:vm';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { accessTo } from '../../../support/access-keys.ts';
import { FakeSwarmView } from '../../../support/fake-swarm-view.ts';
import { buildTestFront, type TestFront } from '../../../support/http-front.ts';
import { TinyDocument, TinyElement } from '../../../support/tiny-dom.ts';

let front: TestFront;
let swarm: FakeSwarmView;
beforeEach(() => {
  swarm = new FakeSwarmView();
  front = buildTestFront({}, { swarm });
});
afterEach(() => front.app.close());

interface OpenPage {
  readonly document: TinyDocument;
  /** Lets the page's answers arrive. */
  settle(): Promise<void>;
  /** Lets the page's timer ring. */
  tick(): Promise<void>;
}

/** Runs a page's script against the front, as a browser would. */
async function open(path: string, target: TestFront = front): Promise<OpenPage> {
  const html = (await target.app.inject(path)).body;
  const document = new TinyDocument(html);
  const underWay = new Set<Promise<unknown>>();
  const storage = new Map<string, string>();
  let timer: (() => void) | undefined;
  const fetchFromFront = (url: string, init?: { headers?: Record<string, string> }) => {
    const answer = target.app.inject({ url: `/${url}`, headers: init?.headers ?? {} }).then((response) => ({
      status: response.statusCode,
      ok: response.statusCode < 400,
      json: async () => response.json(),
    }));
    underWay.add(answer);
    return answer;
  };
  const context = createContext({
    document,
    Node: TinyElement,
    fetch: fetchFromFront,
    sessionStorage: {
      getItem: (key: string) => storage.get(key) ?? null,
      setItem: (key: string, value: string) => storage.set(key, value),
    },
    setTimeout: (callback: () => void) => {
      timer = callback;
      return 1;
    },
    clearTimeout: () => undefined,
  });
  new Script(/<script>([\s\S]*)<\/script>/.exec(html)?.[1] ?? '').runInContext(context);
  const settle = async (): Promise<void> => {
    await Promise.allSettled(underWay);
    for (let i = 0; i < 5; i += 1) await new Promise((resolve) => setImmediate(resolve));
  };
  await settle();
  const tick = async (): Promise<void> => {
    timer?.();
    await settle();
  };
  return { document, settle, tick };
}

const textOf = (page: OpenPage, id: string): string => page.document.getElementById(id)?.textContent ?? '';

describe("the operator's page", () => {
  test('shows readiness, servers, spans, chains and the queue', async () => {
    const page = await open('/');
    expect(textOf(page, 'state')).toBe('ready');
    expect(textOf(page, 'model')).toBe('tiny-austen, 8 blocks, gbp-cr-fill');
    expect(textOf(page, 'servers')).toContain('s2 loading');
    expect(textOf(page, 'servers')).toContain('loads blocks 4..7');
    expect(textOf(page, 'chains')).toContain('c0ffee000001 2 of 4');
    expect(textOf(page, 'facts')).toContain('1 queued, of 100');
    const spans = page.document.getElementById('servers')!.all('hosted');
    expect(spans.map((span) => [span.attributes.get('x'), span.attributes.get('width')])).toEqual([['0', '8']]);
    expect(page.document.getElementById('servers')!.all('planned')[0]?.attributes.get('x')).toBe('4');
  });

  test('follows the swarm', async () => {
    const page = await open('/');
    front.service.reasons = ['block 3 is served by nobody'];
    swarm.serverList = [];
    swarm.chainList = [];
    swarm.planView = { ...swarm.planView, responseSeconds: undefined };
    await page.tick();
    expect(textOf(page, 'state')).toBe('block 3 is served by nobody');
    expect(textOf(page, 'servers')).toContain('none');
  });

  test('shows names of servers as text, whatever they hold', async () => {
    swarm.serverList = [{ ...swarm.serverList[0]!, serverId: '<img src=x onerror=alert(1)>' }];
    const page = await open('/');
    expect(textOf(page, 'servers')).toContain('<img src=x onerror=alert(1)>');
    expect(page.document.getElementById('servers')!.all('img')).toEqual([]);
  });

  test('asks for a key where one is needed, and takes it', async () => {
    const guarded = buildTestFront({}, { swarm, access: accessTo({ clients: ['secret'] }) });
    const page = await open('/', guarded);
    expect(textOf(page, 'state')).toBe('a key is needed');
    page.document.getElementById('key')!.value = 'secret';
    page.document.getElementById('login')!.listeners.get('submit')?.({ preventDefault: () => undefined });
    await page.settle();
    await page.settle();
    expect(textOf(page, 'state')).toBe('ready');
    await guarded.app.close();
  });
});

test('the API page lists every operation with its fields and errors', async () => {
  const page = await open('/docs');
  const text = textOf(page, 'operations');
  expect(text).toContain('post /v1/chat/completions');
  expect(text).toContain('temperature');
  expect(text).toContain('x-daisychain-deadline-ms');
  expect(text).toContain('429 The queue is full');
  expect(text).toContain('/admin/v1/queue');
});
