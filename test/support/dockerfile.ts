import { readFileSync } from 'node:fs';

export interface Instruction {
  /** Upper case, for instance COPY. */
  readonly name: string;
  /** All after the name; continued lines are joined. */
  readonly text: string;
  /** `--from=build` and the like, before the arguments. */
  readonly flags: Readonly<Record<string, string>>;
  /** The arguments: of the JSON form, or split at spaces. */
  readonly words: readonly string[];
}

export interface Stage {
  /** Name given with AS, or its number. */
  readonly name: string;
  readonly base: string;
  readonly instructions: readonly Instruction[];
}

/** The stages of a Dockerfile, as far as this project's uses the language: no ARG, no heredocs. */
export function readDockerfile(file: string): Stage[] {
  const lines = readFileSync(file, 'utf8')
    .split('\n')
    .filter((line) => !/^\s*#/.test(line))
    .join('\n')
    .replace(/\\\n\s*/g, ' ')
    .split('\n')
    .map((line) => line.trim())
    .filter((line) => line !== '');
  const stages: { name: string; base: string; instructions: Instruction[] }[] = [];
  for (const line of lines) {
    const instruction = parseInstruction(line);
    if (instruction.name === 'FROM') {
      const [base = '', , name = String(stages.length)] = instruction.words;
      stages.push({ name, base, instructions: [] });
    } else {
      const stage = stages.at(-1);
      if (stage === undefined) throw new Error(`${line}: comes before FROM`);
      stage.instructions.push(instruction);
    }
  }
  return stages;
}

function parseInstruction(line: string): Instruction {
  const [, name = '', text = ''] = /^([A-Za-z]+)\s+(.*)$/.exec(line) ?? [];
  let rest = text;
  const flags: Record<string, string> = {};
  for (;;) {
    const match = /^--([a-z-]+)=(\S+)\s+/.exec(rest);
    if (match === null) break;
    const [whole, flag = '', value = ''] = match;
    flags[flag] = value;
    rest = rest.slice(whole.length);
  }
  const words = rest.startsWith('[') ? (JSON.parse(rest) as string[]) : rest.split(/\s+/);
  return { name: name.toUpperCase(), text: rest, flags, words };
}

/** The values that a stage's ENV lines set. */
export function environmentOf(stage: Stage): Record<string, string> {
  return Object.fromEntries(
    stage.instructions
      .filter(({ name }) => name === 'ENV')
      .flatMap(({ words }) => words.map((word) => word.split(/=(.*)/s).slice(0, 2) as [string, string])),
  );
}
