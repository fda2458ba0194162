import { execFileSync } from 'node:child_process';
import { readdirSync, readFileSync } from 'node:fs';

export interface RunningProcess {
  readonly pid: number;
  readonly command: string;
}

/** Processes that `parent` started and that live: from /proc where there is one, else from `ps`, which slim images lack. */
export function childrenOf(parent: number): RunningProcess[] {
  return table()
    .filter((each) => each.parent === parent && !each.isDead)
    .map(({ pid, command }) => ({ pid, command }));
}

export function isAlive(pid: number): boolean {
  return table().some((each) => each.pid === pid && !each.isDead);
}

/** Process ids whose command line holds the text, but for `without`. */
export function processesWith(text: string, without?: number): number[] {
  return table()
    .filter(({ pid, command, isDead }) => command.includes(text) && pid !== without && !isDead)
    .map(({ pid }) => pid);
}

/** A process that ended and that nobody asked about yet is dead, though still in the table. */
function table(): (RunningProcess & { parent: number; isDead: boolean })[] {
  if (process.platform === 'linux')
    return readdirSync('/proc')
      .filter((name) => /^\d+$/.test(name))
      .flatMap(readProc);
  const lines = execFileSync('ps', ['-A', '-o', 'pid=,ppid=,state=,args='], { encoding: 'utf8' }).trim().split('\n');
  return lines.flatMap((line) => {
    const [, pid, parent, state = '', command = ''] = /^\s*(\d+)\s+(\d+)\s+(\S+)\s+(.*)$/.exec(line) ?? [];
    return pid === undefined
      ? []
      : [{ pid: Number(pid), parent: Number(parent), isDead: state.startsWith('Z'), command }];
  });
}

function readProc(pid: string): (RunningProcess & { parent: number; isDead: boolean })[] {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
    // The name in brackets may hold anything; state and parent follow its last bracket.
    const [state = '', parent = ''] = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
    const command = readFileSync(`/proc/${pid}/cmdline`, 'utf8').replaceAll('\0', ' ');
    return [{ pid: Number(pid), parent: Number(parent), isDead: state === 'Z' || state === 'X', command }];
  } catch {
    return []; // it ended meanwhile
  }
}
