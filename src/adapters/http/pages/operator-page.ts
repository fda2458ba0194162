import { type HtmlPage, SHARED_STYLE } from './html-page.ts';
import { OPERATOR_SCRIPT } from './operator-script.ts';

/** `GET /`: servers, spans, chains, slots and queue of the running dispatcher, refreshed every two seconds. */
export const OPERATOR_PAGE: HtmlPage = {
  title: 'Daisychain',
  style: `${SHARED_STYLE}
header { display: flex; flex-wrap: wrap; gap: .25rem 1rem; align-items: baseline; border-bottom: 1px solid var(--line); padding-bottom: .75rem; }
.facts { display: grid; grid-template-columns: repeat(auto-fit, minmax(9.5rem, 1fr)); gap: .6rem; margin-top: 1rem; }
.fact { background: var(--card); border: 1px solid var(--line); border-radius: 6px; padding: .5rem .7rem; }
.fact b { display: block; font-size: 1.2rem; font-variant-numeric: tabular-nums; } .fact span { color: var(--faint); font-size: .85em; }
.scroll { overflow-x: auto; } table { border-collapse: collapse; width: 100%; min-width: 44rem; }
td, th { text-align: left; padding: .3rem .8rem .3rem 0; border-bottom: 1px solid var(--line); white-space: nowrap; }
th { color: var(--faint); font-weight: 500; font-size: .85em; } td.wide { width: 30%; min-width: 10rem; white-space: normal; }
svg { display: block; width: 100%; height: 12px; } svg .track { fill: var(--line); } svg .hosted { fill: var(--accent); } svg .planned { fill: none; stroke: var(--warn); stroke-width: 2; }
svg .busy { fill: var(--warn); } .bad { color: var(--warn); } input { font: inherit; }
`,
  body: `<header><h1>Daisychain</h1><span id="model" class="mono"></span><span id="state"></span>
<span class="faint" id="updated"></span><a href="docs">API</a><a href="metrics">metrics</a></header>
<form id="login" hidden><p>This dispatcher asks for a key: <input id="key" type="password" autocomplete="off" aria-label="API key"> <button>Show</button></p></form>
<div class="facts" id="facts"></div>
<h2>Servers</h2><div class="scroll"><table id="servers"></table></div>
<h2>Chains</h2><div class="scroll"><table id="chains"></table></div>
<noscript>This page needs JavaScript; "daisychain status" shows the same in a terminal.</noscript>`,
  script: OPERATOR_SCRIPT,
};
