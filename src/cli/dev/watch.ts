/** Tells when a backend's files were saved. */

import { type FSWatcher, statSync, watch } from "node:fs";
import { dirname } from "node:path";

/** An editor writes more than once for one save. */
const QUIET_MS = 60;

/** Watches the folders of files, since editors put a new file in the place of the old one. */
export class FileWatch {
  readonly #changed: () => void;
  readonly #folders = new Map<string, FSWatcher>();
  #files = new Map<string, string>();
  #timer: NodeJS.Timeout | undefined;

  constructor(changed: () => void) {
    this.#changed = changed;
  }

  /** From now on it is about these files, as they are now. */
  follow(files: Iterable<string>): void {
    this.#files = new Map([...files].map((file) => [file, stampOf(file)]));
    const wanted = new Set([...this.#files.keys()].map((file) => dirname(file)));
    for (const [folder, watcher] of this.#folders) {
      if (wanted.delete(folder)) continue;
      watcher.close();
      this.#folders.delete(folder);
    }
    for (const folder of wanted) {
      const watcher = watch(folder, () => this.#soon());
      // A folder that went away takes its files with it.
      watcher.on("error", () => this.#soon());
      this.#folders.set(folder, watcher);
    }
  }

  close(): void {
    clearTimeout(this.#timer);
    for (const watcher of this.#folders.values()) watcher.close();
    this.#folders.clear();
  }

  #soon(): void {
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => this.#look(), QUIET_MS);
  }

  #look(): void {
    const now = [...this.#files.keys()].map((file): [string, string] => [file, stampOf(file)]);
    if (now.every(([file, stamp]) => this.#files.get(file) === stamp)) return;
    this.#files = new Map(now);
    this.#changed();
  }
}

function stampOf(file: string): string {
  const stat = statSync(file, { throwIfNoEntry: false, bigint: true });
  return stat === undefined ? "gone" : `${stat.mtimeNs} ${stat.size} ${stat.ino}`;
}
