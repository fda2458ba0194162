// A process that starts an agent, prints its process id, and does nothing more until it is killed.
import { startAgent } from './agent-process.ts';

const { child } = startAgent(process.argv[2] ?? '', ['--declare-speed', '0.0001,0.00001,0.0001'], {
  withChannel: true,
});
process.stdout.write(`${child.pid}\n`);
setInterval(() => {}, 60_000);
