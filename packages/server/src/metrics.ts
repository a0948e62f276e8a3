/** Prometheus metrics. Labels are route names, statuses, verdicts and codes; never a resource or argument (RULE 42). */
import { Counter, Gauge, Histogram, Registry } from 'prom-client';
import type { FeedHub } from './feed-hub.ts';
import { LATENCY_EDGES_MS } from './vitals.ts';

export interface Metrics {
  readonly contentType: string;
  /** Counts one answered call. */
  answered(route: string, status: number, seconds: number): void;
  /** Counts one answered decision. */
  decided(verdict: string, seconds: number): void;
  /** Counts one caller without an identity (RULE 38). */
  unidentified(reason: string): void;
  text(gauges: {
    readonly size: number;
    readonly queue: number;
    readonly running: number;
    readonly inDoubt: number;
  }): Promise<string>;
  close(): void;
}

/** Returns metrics that also count decisions as they pass. */
export function openMetrics(hub: FeedHub): Metrics {
  const registry = new Registry();
  const registers = [registry];
  const calls = new Histogram({
    name: 'licet_http_request_seconds',
    help: 'Answered calls by route and status.',
    labelNames: ['route', 'status'],
    buckets: [0.001, 0.003, 0.01, 0.03, 0.1, 0.3, 1, 3, 10, 45],
    registers,
  });
  const took = new Histogram({
    name: 'licet_decision_seconds',
    help: 'Answered decisions by verdict: from the call to the durable answer.',
    labelNames: ['verdict'],
    buckets: LATENCY_EDGES_MS.map((ms) => ms / 1_000),
    registers,
  });
  const strangers = new Counter({
    name: 'licet_unidentified_total',
    help: 'Calls without an identity in force; counted, not appended.',
    labelNames: ['reason'],
    registers,
  });
  const decisions = new Counter({
    name: 'licet_decisions_total',
    help: 'Recorded decisions by verdict and code.',
    labelNames: ['verdict', 'code'],
    registers,
  });
  const outcomes = new Counter({
    name: 'licet_outcomes_total',
    help: 'Recorded outcomes by status.',
    labelNames: ['status'],
    registers,
  });
  const gauge = (name: string, help: string): Gauge => new Gauge({ name, help, registers });
  const size = gauge('licet_log_entries', 'Entries in the log.');
  const queue = gauge('licet_store_queue', 'Commands waiting for the store.');
  const running = gauge('licet_executions_running', 'Executions that hold a lease.');
  const inDoubt = gauge('licet_executions_in_doubt', 'Executions that people have to resolve.');
  const close = hub.listen(({ entry }) => {
    if (entry.type === 'permit') decisions.inc({ verdict: 'allow', code: '' });
    if (entry.type === 'refusal') decisions.inc({ verdict: entry.verdict, code: entry.code });
    if (entry.type === 'outcome') outcomes.inc({ status: entry.status });
  });
  return {
    contentType: registry.contentType,
    answered: (route, status, seconds) => calls.observe({ route, status: String(status) }, seconds),
    decided: (verdict, seconds) => took.observe({ verdict }, seconds),
    unidentified: (reason) => strangers.inc({ reason }),
    text(now) {
      size.set(now.size);
      queue.set(now.queue);
      running.set(now.running);
      inDoubt.set(now.inDoubt);
      return registry.metrics();
    },
    close,
  };
}
