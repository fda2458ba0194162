/** The script of the operator's page. Text of the swarm goes into the page as text alone, never as markup. */
export const OPERATOR_SCRIPT = `
'use strict';
const REFRESH_MS = 2000, MAX_ROWS = 500;
const byId = (id) => document.getElementById(id);
const make = (tag, text, className) => { const node = document.createElement(tag); if (text !== undefined) node.textContent = text; if (className) node.className = className; return node; };
const shape = (tag, values) => { const node = document.createElementNS('http://www.w3.org/2000/svg', tag); for (const [name, value] of Object.entries(values)) node.setAttribute(name, value); return node; };
const seconds = (value) => value === null ? '\u2013' : value >= 100 ? value.toFixed(0) + ' s' : value >= 1 ? value.toFixed(1) + ' s' : (value * 1000).toFixed(value < 0.01 ? 2 : 0) + ' ms';
const bytes = (value) => value === null ? '\u2013' : value >= 1e9 ? (value / 1e9).toFixed(1) + ' GB' : value >= 1e7 ? (value / 1e6).toFixed(0) + ' MB' : (value / 1e3).toFixed(0) + ' kB';
const blocks = (span) => span && span.block_count > 0 ? span.first_block + '\u2013' + (span.first_block + span.block_count - 1) : '\u2013';
let key = sessionStorage.getItem('key') || '';

async function read(path) {
  const response = await fetch(path, { headers: key ? { authorization: 'Bearer ' + key } : {}, cache: 'no-store' });
  if (response.status === 401) { byId('login').hidden = false; throw new Error('a key is needed'); }
  if (!response.ok && response.status !== 503) throw new Error(path + ' answered ' + response.status);
  return response.json();
}
byId('login').addEventListener('submit', (event) => {
  event.preventDefault();
  key = byId('key').value.trim();
  sessionStorage.setItem('key', key);
  byId('login').hidden = true;
  refresh();
});

function bar(total, parts) {
  const svg = shape('svg', { viewBox: '0 0 ' + Math.max(1, total) + ' 12', preserveAspectRatio: 'none' });
  svg.append(shape('rect', { class: 'track', x: 0, y: 4, width: Math.max(1, total), height: 4 }));
  for (const part of parts) svg.append(shape('rect', { class: part.kind, x: part.start, y: 1, width: part.length, height: 10, 'vector-effect': 'non-scaling-stroke' }));
  return svg;
}
function fill(table, heads, rows) {
  const head = make('tr');
  for (const text of heads) head.append(make('th', text));
  const all = [head];
  for (const cells of rows.slice(0, MAX_ROWS)) {
    const row = make('tr');
    for (const cell of cells) {
      const isNode = cell instanceof Node;
      const td = make('td', isNode ? undefined : cell, isNode ? 'wide' : 'mono');
      if (isNode) td.append(cell);
      row.append(td);
    }
    all.push(row);
  }
  if (rows.length === 0) { const row = make('tr'); row.append(make('td', 'none', 'faint')); all.push(row); }
  if (rows.length > MAX_ROWS) { const row = make('tr'); row.append(make('td', 'and ' + (rows.length - MAX_ROWS) + ' more', 'faint')); all.push(row); }
  table.replaceChildren(...all);
}
function facts(plan, queue) {
  const bounds = plan.response_seconds;
  const list = [
    ['epoch of the plan', String(plan.epoch)], ['slots', String(plan.total_slots)], ['running', String(queue.running)],
    ['queued, of ' + queue.limit, String(queue.length)], ['oldest waits', seconds(queue.oldest_wait_seconds)],
    ['arrivals', plan.arrival_rate_per_second.toFixed(2) + ' /s'], ['can serve', plan.service_rate_per_second.toFixed(2) + ' /s'],
    ['mean response', bounds === null ? '\u2013' : seconds(bounds.lower) + ' to ' + seconds(bounds.upper)],
    ['servers per block, at least', String(plan.block_coverage_min)],
  ];
  byId('facts').replaceChildren(...list.map(([name, value]) => { const fact = make('div', undefined, 'fact'); fact.append(make('b', value), make('span', name)); return fact; }));
}
function show(ready, plan, queue, servers, chains) {
  byId('model').textContent = plan.model_id + ', ' + plan.block_count + ' blocks, ' + plan.placement_policy;
  byId('state').textContent = ready.status === 'ready' ? 'ready' : (ready.reasons || []).join('; ');
  byId('state').className = ready.status === 'ready' ? '' : 'bad';
  facts(plan, queue);
  fill(byId('servers'), ['server', 'state', 'blocks', '', 'sessions', 'cache free', 'per token and block', 'seen', 'why not'], servers.servers.map((server) => {
    const parts = [];
    if (server.hosted) parts.push({ kind: 'hosted', start: server.hosted.first_block, length: server.hosted.block_count });
    if (server.planned && blocks(server.planned) !== blocks(server.hosted)) parts.push({ kind: 'planned', start: server.planned.first_block, length: server.planned.block_count });
    return [server.server_id, server.state, blocks(server.hosted), bar(plan.block_count, parts), String(server.sessions), bytes(server.cache_bytes_free),
      seconds(server.decode_seconds_per_token_per_block), seconds(server.heartbeat_age_seconds), server.reason || ''];
  }));
  fill(byId('chains'), ['chain', 'slots in use', '', 'planned', 'measured', 'servers'], chains.chains.map((chain) => [
    chain.chain_id, chain.slots_in_use + ' of ' + chain.slots, bar(chain.slots, [{ kind: 'busy', start: 0, length: chain.slots_in_use }]),
    seconds(chain.planned_service_seconds), seconds(chain.measured_service_seconds),
    chain.hops.map((hop) => hop.server_id + ' [' + blocks(hop) + ']').join(' \u2192 '),
  ]));
  byId('updated').textContent = 'at ' + new Date().toLocaleTimeString();
}
let timer = 0, isRefreshing = false;
async function refresh() {
  if (isRefreshing) return;
  isRefreshing = true;
  clearTimeout(timer);
  try {
    const paths = ['readyz', 'admin/v1/plan', 'admin/v1/queue', 'admin/v1/servers', 'admin/v1/chains'];
    show(...await Promise.all(paths.map(read)));
  } catch (error) {
    byId('state').textContent = error.message;
    byId('state').className = 'bad';
  }
  isRefreshing = false;
  timer = setTimeout(refresh, document.hidden ? REFRESH_MS * 10 : REFRESH_MS);
}
document.addEventListener('visibilitychange', () => { if (!document.hidden) refresh(); });
refresh();
`;
