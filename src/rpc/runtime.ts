/**
 * What vscode-jsonrpc's connection needs of its runtime. Its own `vscode-jsonrpc/node` would do, but loads crypto, net and os
 * for transports that are not used here: 10 ms and 5 MB of every start. Not a supported seam of the library, so its version is
 * pinned and `test/rpc` runs the real connection over it.
 */

import { RAL } from "vscode-jsonrpc";

type Callback = (...args: unknown[]) => void;

function disposable(dispose: () => void): { dispose(): void } {
  return { dispose };
}

function unused(): never {
  throw new Error("vscode-jsonrpc's own transports are not used here");
}

/** To be called before a connection is made; again is harmless. */
export function installRuntime(): void {
  RAL.install({
    timer: {
      setTimeout: (callback: Callback, ms: number, ...args: unknown[]) => {
        const handle = setTimeout(callback, ms, ...args);
        return disposable(() => clearTimeout(handle));
      },
      setImmediate: (callback: Callback, ...args: unknown[]) => {
        const handle = setImmediate(callback, ...args);
        return disposable(() => clearImmediate(handle));
      },
      setInterval: (callback: Callback, ms: number, ...args: unknown[]) => {
        const handle = setInterval(callback, ms, ...args);
        return disposable(() => clearInterval(handle));
      },
    },
    console,
    crypto: { randomUUID: unused },
    messageBuffer: { create: unused },
    applicationJson: {
      encoder: { name: "application/json", encode: unused },
      decoder: { name: "application/json", decode: unused },
    },
  });
}
