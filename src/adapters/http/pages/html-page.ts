import { createHash } from 'node:crypto';
import type { FastifyInstance } from 'fastify';

/** A page that needs nothing from anywhere else. */
export interface HtmlPage {
  readonly title: string;
  readonly style: string;
  readonly body: string;
  readonly script: string;
}

/**
 * Serves a page at a path, with a policy that lets only its own script and style run: text that
 * servers and clients chose can do nothing in it.
 */
export function addHtmlPage(app: FastifyInstance, path: string, page: HtmlPage): void {
  const html = `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>${page.title}</title>
<style>${page.style}</style>
</head>
<body>
${page.body}
<script>${page.script}</script>
</body>
</html>
`;
  const policy = [
    "default-src 'none'",
    `script-src 'sha256-${sha256(page.script)}'`,
    `style-src 'sha256-${sha256(page.style)}'`,
    "connect-src 'self'",
    "base-uri 'none'",
    "form-action 'none'",
    "frame-ancestors 'none'",
  ].join('; ');
  app.get(path, (_request, reply) =>
    reply
      .headers({
        'content-security-policy': policy,
        'x-content-type-options': 'nosniff',
        'referrer-policy': 'no-referrer',
        'cache-control': 'no-cache',
      })
      .type('text/html; charset=utf-8')
      .send(html),
  );
}

function sha256(text: string): string {
  return createHash('sha256').update(text).digest('base64');
}

/** Colours and type that the pages share, light and dark. */
export const SHARED_STYLE = `
:root { color-scheme: light dark; --ink: #1c1e21; --paper: #fbfaf7; --faint: #6b7076; --line: #d9d7d0; --accent: #2f6f5e; --warn: #a8541c; --card: #ffffff; }
@media (prefers-color-scheme: dark) { :root { --ink: #e6e4df; --paper: #17191b; --faint: #969ba1; --line: #34383c; --accent: #6fbfa6; --warn: #e2975c; --card: #1f2225; } }
* { box-sizing: border-box; }
body { margin: 0 auto; max-width: 72rem; padding: 1.5rem 1rem 4rem; background: var(--paper); color: var(--ink); font: 15px/1.5 system-ui, sans-serif; }
h1 { font-size: 1.35rem; margin: 0; } h2 { font-size: 1rem; margin: 2rem 0 .5rem; }
a { color: var(--accent); } code, pre, td.number, .mono { font-family: ui-monospace, monospace; font-size: .88em; }
.faint { color: var(--faint); }
`;
