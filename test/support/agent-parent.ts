// A process that starts an agent and does nothing more until it is killed.
import { startAgent } from './agent-process.ts';

startAgent(process.argv[2] ?? '', ['--declare-speed', '0.0001,0.00001,0.0001'], { withChannel: true });
setInterval(() => {}, 60_000);
