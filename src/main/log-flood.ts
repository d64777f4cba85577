/** Drops log lines beyond a rate, before the write: a full stderr pipe would stop the event loop and every call with it. */

interface Destination {
  write(line: string): void;
}

export interface FloodLimits {
  /** Lines at once. */
  readonly burst: number;
  /** Lines a second after that. */
  readonly rate: number;
}

const defaults: FloodLimits = { burst: 500, rate: 100 };

export class FloodGate {
  readonly #destination: Destination;
  readonly #limits: FloodLimits;
  readonly #now: () => number;
  #room: number;
  #at: number;
  #dropped = 0;

  constructor(destination: Destination, limits: FloodLimits = defaults, now: () => number = () => performance.now()) {
    this.#destination = destination;
    this.#limits = limits;
    this.#now = now;
    this.#room = limits.burst;
    this.#at = now();
  }

  /** Writes a line, or counts it as dropped; how many were is told once there is room again. */
  write(line: string): void {
    const now = this.#now();
    this.#room = Math.min(this.#limits.burst, this.#room + ((now - this.#at) / 1000) * this.#limits.rate);
    this.#at = now;
    if (this.#room < 1 && !isFatal(line)) {
      if (this.#dropped === 0) setTimeout(() => this.#tellDropped(), 1000).unref();
      this.#dropped += 1;
      return;
    }
    this.#room -= 1;
    this.#tellDropped();
    this.#destination.write(line);
  }

  #tellDropped(): void {
    if (this.#dropped === 0) return;
    const msg = `${this.#dropped} log lines were dropped: more than ${this.#limits.rate} a second`;
    this.#dropped = 0;
    this.#destination.write(`${JSON.stringify({ level: 40, time: Date.now(), msg })}\n`);
  }
}

/** The process's last line says why it ends; it is worth more than the limit. */
function isFatal(line: string): boolean {
  return line.startsWith('{"level":60');
}
