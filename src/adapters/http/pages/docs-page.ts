import { type HtmlPage, SHARED_STYLE } from './html-page.ts';

/** `GET /docs`: the OpenAPI document, readable. */
export const DOCS_PAGE: HtmlPage = {
  title: 'Daisychain API',
  style: `${SHARED_STYLE}
details { border: 1px solid var(--line); border-radius: 6px; margin: .4rem 0; background: var(--card); }
summary { padding: .5rem .75rem; cursor: pointer; } details > div { padding: 0 .75rem .75rem; overflow-x: auto; }
.method { display: inline-block; min-width: 3.2rem; font-weight: 600; color: var(--accent); text-transform: uppercase; font-size: .8em; }
table { border-collapse: collapse; width: 100%; } td, th { text-align: left; padding: .2rem .6rem .2rem 0; border-bottom: 1px solid var(--line); vertical-align: top; }
th { color: var(--faint); font-weight: 500; }
`,
  body: `<h1>Daisychain API</h1>
<p id="about" class="faint">The document for programs: <a href="openapi.json">openapi.json</a>. The swarm: <a href="./">operator's page</a>.</p>
<main id="operations"></main>
<noscript>This page needs JavaScript; openapi.json says the same.</noscript>`,
  script: `
'use strict';
const make = (tag, text, className) => { const node = document.createElement(tag); if (text) node.textContent = text; if (className) node.className = className; return node; };
const typeOf = (schema) => {
  if (!schema) return '';
  if (schema.const !== undefined) return JSON.stringify(schema.const);
  if (schema.enum) return schema.enum.map((value) => JSON.stringify(value)).join(' | ');
  if (schema.anyOf) return [...new Set(schema.anyOf.map(typeOf))].join(' | ');
  const types = [].concat(schema.type || 'any');
  let text = types.map((type) => (type === 'array' ? 'list of ' + (typeOf(schema.items) || 'any') : type)).join(' | ');
  const low = schema.minimum, high = schema.maximum;
  if (low !== undefined && low > -1e15 || high !== undefined && high < 1e15) text += ' (' + (low > -1e15 ? low : '') + '..' + (high < 1e15 ? high : '') + ')';
  return text;
};
const fieldRows = (table, schema, prefix) => {
  const required = new Set(schema.required || []);
  for (const [name, field] of Object.entries(schema.properties || {})) {
    const row = make('tr');
    row.append(make('td', prefix + name + (required.has(name) ? ' *' : ''), 'mono'), make('td', typeOf(field), 'mono'), make('td', field.description || ''));
    table.append(row);
    const forms = field.anyOf ? field.anyOf.flatMap((form) => form.anyOf || [form]) : [field];
    for (const form of forms) {
      if (prefix.length > 60) break;
      if (form.properties) fieldRows(table, form, prefix + name + '.');
      else if (form.items && form.items.properties) fieldRows(table, form.items, prefix + name + '[].');
    }
  }
};
const fields = (title, schema) => {
  const part = make('div');
  part.append(make('h2', title));
  const table = make('table');
  const head = make('tr');
  head.append(make('th', 'field'), make('th', 'type'), make('th', ''));
  table.append(head);
  fieldRows(table, schema, '');
  part.append(table);
  return part;
};
const show = (document_) => {
  const main = document.getElementById('operations');
  for (const [path, methods] of Object.entries(document_.paths)) {
    for (const [method, operation] of Object.entries(methods)) {
      const details = make('details');
      const summary = make('summary');
      summary.append(make('span', method, 'method'), make('span', path + '  ', 'mono'), make('span', operation.summary, 'faint'));
      const inside = make('div');
      if (operation.parameters) {
        const asSchema = { properties: Object.fromEntries(operation.parameters.map((one) => [one.name, { ...one.schema, description: one.description }])) };
        inside.append(fields('Path and headers', asSchema));
      }
      if (operation.requestBody) inside.append(fields('Request (* must be there)', operation.requestBody.content['application/json'].schema));
      const answer = (operation.responses[200] || operation.responses[202]).content;
      if (answer['application/json']) inside.append(fields('Answer', answer['application/json'].schema));
      if (answer['text/event-stream']) inside.append(fields('Each event of a stream', answer['text/event-stream'].schema));
      const failures = Object.entries(operation.responses).filter(([status]) => status >= '400');
      if (failures.length > 0) {
        inside.append(make('h2', 'Errors'));
        const table = make('table');
        for (const [status, response] of failures) {
          const row = make('tr');
          row.append(make('td', status, 'mono'), make('td', response.description));
          table.append(row);
        }
        inside.append(table);
      }
      details.append(summary, inside);
      main.append(details);
    }
  }
};
fetch('openapi.json').then((response) => response.json()).then(show, (error) => { document.getElementById('about').textContent = 'The document cannot be read: ' + error.message; });
`,
};
