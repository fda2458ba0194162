import { z } from 'zod';
import { WEIGHTS_DTYPES } from '../domain/model/weights-dtype.ts';
import { recovery } from './recovery-schema.ts';
import { schedulingSchema } from './scheduling-schema.ts';

/**
 * Every key of the dispatcher's configuration, with its range, default and meaning. Units are the last
 * word of a key's name (`_seconds`, `_bytes`, `_tokens`). From this one source come the validation, the
 * types, `config/schema.json` and `config/default.yaml`.
 */

const seconds = (min: number, max: number) => z.number().min(min).max(max);
const count = (min: number, max: number) => z.int().min(min).max(max);
const port = () => count(0, 65_535);
const host = () =>
  z
    .string()
    .min(1)
    .max(255)
    .regex(/^[A-Za-z0-9._:-]+$/, 'must be a host name or an IP address');
const keys = () =>
  z
    .array(
      z
        .string()
        .min(16)
        .max(256)
        .refine(
          (key) => !/^sha256:/i.test(key) || /^sha256:[0-9a-f]{64}$/i.test(key),
          'must be a key, or sha256: and the 64 hexadecimal digits of its digest',
        ),
    )
    .max(1000);
const file = () => z.string().min(1).max(4096).optional();

const http = z.strictObject({
  host: host().default('127.0.0.1').describe('address that the HTTP API listens on; 0.0.0.0 for every interface'),
  port: port().default(8080).describe('port of the HTTP API; 0 takes any free port and prints it'),
  max_body_bytes: count(1024, 268_435_456).default(4_194_304).describe('largest request body; larger ones get 413'),
  receive_timeout_seconds: seconds(1, 600).default(30).describe('longest wait for the whole of a request to arrive'),
  keep_alive_seconds: seconds(1, 3600)
    .default(75)
    .describe('how long an idle connection stays open; keep it above a proxy in front'),
  max_header_bytes: count(1024, 1_048_576)
    .default(16_384)
    .describe('longest request line with all headers; longer ones get 431'),
  headers_timeout_seconds: seconds(0.1, 600).default(10).describe('longest wait for the headers of a request'),
  slow_client_timeout_seconds: seconds(0.1, 3600)
    .default(30)
    .describe('a client that takes nothing of its answer for this long is cut off'),
  cors_origins: z
    .array(z.string().regex(/^https?:\/\/[^/\s*]+$/, 'must be an origin such as https://chat.example'))
    .max(100)
    .default([])
    .describe('origins whose web pages may call /v1 from a browser, such as https://chat.example'),
  tls_cert_file: file().describe('PEM file with the certificate chain of the HTTP API; with it the API speaks HTTPS'),
  tls_key_file: file().describe('PEM file with the key of that certificate'),
});

const grpc = z.strictObject({
  host: host().default('127.0.0.1').describe('address that the gRPC API, where servers join, listens on'),
  port: port().default(50_051).describe('port of the gRPC API; 0 takes any free port and prints it'),
  max_message_bytes: count(65_536, 268_435_456)
    .default(4_194_304)
    .describe('largest message taken from a client or a server'),
  keepalive_seconds: seconds(5, 3600).default(20).describe('how often an idle connection is probed'),
  tls_cert_file: file().describe('PEM file with the certificate chain of the gRPC API; with it the API speaks TLS'),
  tls_key_file: file().describe('PEM file with the key of that certificate'),
  client_ca_file: file().describe(
    'PEM file with authorities: every server and client of the gRPC API must then show a certificate of one of them',
  ),
});

const model = z.strictObject({
  id: z
    .string()
    .min(1)
    .max(1024)
    .optional()
    .describe(
      'model to serve: an id, or a folder with its files; without it smollm2-135m-instruct, or tiny-austen where that cannot be fetched',
    ),
  session_tokens: count(2, 1_048_576)
    .optional()
    .describe("longest prompt plus output of one request; without it the model's context, at most 1024"),
  dtype: z
    .enum(WEIGHTS_DTYPES)
    .default('float32')
    .describe(
      'number format of the weights, of this dispatcher and of every server that joins; int8 rounds, and takes a third of the memory of a block and less than half the time',
    ),
  prefill_chunk_tokens: count(1, 8192).default(256).describe('largest piece in which a prompt travels along a chain'),
  prefill_chunk_min_tokens: count(1, 8192)
    .default(32)
    .describe('smallest piece: chain, prompt and load decide between'),
  cache_dir: z
    .string()
    .min(1)
    .max(4096)
    .optional()
    .describe('folder for fetched weights; without it ~/.cache/daisychain'),
  offline: z.boolean().default(false).describe('fetch nothing: only weights on this machine are used'),
});

const swarm = z.strictObject({
  heartbeat_interval_seconds: seconds(0.1, 300).default(5).describe('how often a server must report'),
  lease_seconds: seconds(0.2, 3600)
    .default(15)
    .describe('silence after which a server is lost; at least twice the heartbeat interval'),
  load_timeout_seconds: seconds(1, 3600)
    .default(60)
    .describe('longest wait for a server to load its span before the plan goes on without it'),
  exclude_seconds: seconds(0, 86_400)
    .default(60)
    .describe('how long a faulty server gets no work; doubles with every further fault'),
  rejoin_seconds: seconds(0, 3600)
    .default(15)
    .describe('after a start, how long servers of a former run may take to join again before others move for them'),
  flap_limit: count(1, 1000)
    .default(5)
    .describe('joins of one server within flap_window_seconds; one that joins more often is left out for a while'),
  flap_window_seconds: seconds(1, 86_400).default(60).describe('how far back the joins of a server are counted'),
  step_timeout_seconds: seconds(0.1, 600).default(5).describe("longest wait for one hop's answer to one step"),
  replan_debounce_seconds: seconds(0, 60)
    .default(0.2)
    .describe('quiet time after a change of the swarm before it is planned anew'),
  moves_at_once: count(1, 1000).default(1).describe('servers that may be out of service at once to load other blocks'),
  server_addresses: z
    .enum(['own', 'any'])
    .default('own')
    .describe(
      'data-plane address a server may register: the one it connects from (loopback counts as own for a loopback peer), or any',
    ),
  server_networks: z
    .array(z.union([z.cidrv4(), z.cidrv6()], 'must be a network such as 10.0.0.0/8'))
    .max(100)

    .default([])
    .describe('networks whose addresses may be registered besides the own one'),
  petals_bootstrap: z
    .array(
      z
        .string()
        .max(512)
        .regex(
          /^\/(?:ip4|ip6|dns|dns4|dns6)\/[^/]+\/tcp\/\d{1,5}\/p2p\/[1-9A-HJ-NP-Za-km-z]+$/,
          'must be an address such as /ip4/10.0.0.7/tcp/31337/p2p/QmPeerId',
        ),
    )
    .max(100)
    .default([])
    .describe('peers of an existing PETALS swarm to follow; also spelled petals: {bootstrap: [...]}'),
  petals_dht_prefix: z
    .string()
    .min(1)
    .max(128)
    .regex(/^[^. \p{C}]+$/u, 'must have no dot and no space')
    .optional()
    .describe("how PETALS servers name the model's blocks (their --dht_prefix); without it the model's id"),
  petals_hidden_dtype: z
    .enum(['float32', 'float16'])
    .default('float32')
    .describe('number format in which hidden states are sent to PETALS servers; float16 halves the bytes and rounds'),
  petals_push: z
    .boolean()
    .default(true)
    .describe('let PETALS servers that can send their output straight to the next server do so'),
});

const planner = z.strictObject({
  placement: z
    .enum(['gbp-cr-fill', 'gbp-cr', 'cg-bp', 'petals', 'jffc-only', 'best'])
    .default('gbp-cr-fill')
    .describe('how blocks are placed on servers'),
  objective: z
    .enum(['lower', 'upper', 'surrogate', 'predicted'])
    .default('predicted')
    .describe('what plans are chosen by; predicted: by lower at once, and a search when nothing changes'),
  service_model: z
    .enum(['independent', 'shared-compute'])
    .default('shared-compute')
    .describe(
      'how response times are predicted: as if sessions did not disturb each other, or taking turns on a server',
    ),
  search_after_seconds: seconds(0, 86_400)
    .default(5)
    .describe(
      'with placement best or objective predicted: how long nothing must have changed before a better plan is searched for',
    ),
  search_evaluations: count(1, 100_000)
    .default(60)
    .describe('plans that one such search judges at most, with a hundred quick looks at others for each'),
  search_seconds: seconds(0.1, 3600).default(5).describe('time after which the best plan it has found must do'),
  time_limit_seconds: seconds(1, 3600)
    .default(60)
    .describe(
      'a computation of the planner that takes longer is given up: the plan stays, and the planner is started anew',
    ),
  max_load: z
    .number()
    .min(0.01)
    .max(0.99)
    .default(0.7)
    .describe('share of the service rate that the arrival rate may take'),
  arrival_rate_floor: z
    .number()
    .min(0.000_001)
    .max(1_000_000)
    .default(0.2)
    .describe('requests per second planned for when fewer arrive'),
  workload_input_tokens: count(1, 1_048_576).default(256).describe('prompt length of the typical request'),
  workload_output_tokens: count(1, 1_048_576).default(128).describe('output length of the typical request'),
  workload_samples: count(1, 1_000_000)
    .default(50)
    .describe('requests after which their measured mean lengths replace workload_*_tokens'),
  drift_threshold: z
    .number()
    .min(0.01)
    .max(10)
    .default(0.25)
    .describe('share by which the arrival rate or the mean lengths must change for another look at the plan'),
  drift_check_seconds: seconds(0.1, 3600)
    .default(10)
    .describe('how often they, and the measured speeds of servers, are compared with what was planned for'),
  overhead_seconds: seconds(0, 60)
    .default(0.001)
    .describe('fixed cost of one message to a server, beside its round trip'),
  horizon_seconds: seconds(1, 604_800)
    .default(600)
    .describe('how far ahead the gain of a better plan counts against the cost of moving blocks'),
  min_gain: z
    .number()
    .min(0)
    .max(10)
    .default(0.05)
    .describe('share of the mean response time that a plan must gain to move servers that serve'),
  reserved_slots: count(1, 100_000)
    .optional()
    .describe('jobs per chain that placement leaves cache for; without it the planner searches'),
  slot_size: z
    .enum(['measured', 'longest'])
    .default('measured')
    .describe(
      'sessions that plans leave cache for: as requests are of late (with cache: tokens, placement gbp-cr or gbp-cr-fill and no reserved_slots), or the longest; room for one of the longest is left in any case',
    ),
});

const limits = z.strictObject({
  max_servers: count(1, 10_000).default(512).describe('servers registered at once; more are refused'),
  max_connections: count(1, 1_000_000).default(4096).describe('HTTP connections open at once'),
  max_choices_per_request: count(1, 128).default(16).describe('largest n of one request'),
  grace_period_seconds: seconds(0, 3600)
    .default(25)
    .describe('after SIGTERM, how long running requests may take to finish'),
});

const security = z.strictObject({
  join_tokens: keys().default([]).meta({
    description:
      'tokens, at least 16 characters each, or sha256:DIGEST of one, one of which a joining server must show',
    writeOnly: true,
  }),
  api_keys: keys().default([]).meta({
    description:
      'keys, at least 16 characters each, or sha256:DIGEST of one, one of which an HTTP or gRPC client must show',
    writeOnly: true,
  }),
  admin_keys: keys().default([]).meta({
    description: 'keys, in the same form, one of which /admin/v1 asks for; without any, api_keys may read there',
    writeOnly: true,
  }),
  keys_file: file().describe(
    'YAML or JSON file with further keys of clients, each with its tenant, highest priority and limits',
  ),
  allow_open: z
    .boolean()
    .default(false)
    .describe('listen beyond this machine although no join tokens, or no keys, are set: anyone may join and ask'),
  trust_tenant_names: z
    .boolean()
    .default(false)
    .describe(
      'while no keys of clients are set, let requests name their tenants; for a dispatcher that only a gateway reaches, which names them',
    ),
});

const observability = z.strictObject({
  log_level: z
    .enum(['fatal', 'error', 'warn', 'info', 'debug', 'trace', 'silent'])
    .default('info')
    .describe('least severe log line written; prompts and outputs are never logged at any level'),
  log_format: z
    .enum(['auto', 'json', 'text'])
    .default('auto')
    .describe('one JSON object a line, or short lines of text for people; auto is text on a terminal and else json'),
  vllm_metric_names: z.boolean().default(true).describe("also export the main metrics under vLLM's names"),
});

export const configSchema = z.strictObject({
  http: http.prefault({}).describe('the HTTP API, metrics and probes'),
  grpc: grpc.prefault({}).describe('the gRPC API, where servers join'),
  model: model.prefault({}).describe('the model served'),
  swarm: swarm.prefault({}).describe('the servers: leases, time limits, addresses'),
  planner: planner.prefault({}).describe('placement and chains'),
  scheduling: schedulingSchema.prefault({}).describe('the queue: cache, order, tenants'),
  recovery: recovery.prefault({}).describe('running requests whose servers fail'),
  limits: limits.prefault({}).describe('what one dispatcher takes on'),
  security: security.prefault({}).describe('who may join and who may ask'),
  observability: observability.prefault({}).describe('logs and metrics'),
});

/** The effective configuration: frozen, every default filled in. Keys are spelled as in the file. */
export type Config = DeepReadonly<z.output<typeof configSchema> & { model: { cache_dir: string } }>;

type DeepReadonly<T> = T extends readonly (infer Item)[]
  ? readonly Item[]
  : T extends object
    ? { readonly [Key in keyof T]: DeepReadonly<T[Key]> }
    : T;
