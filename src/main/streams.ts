/** The protocol's two streams. */

import { createReadStream, createWriteStream, fstatSync } from "node:fs";
import { Socket } from "node:net";
import type { Readable, Writable } from "node:stream";

export interface Streams {
  readonly input: Readable;
  readonly output: Writable;
}

/**
 * Over two descriptors. Sockets rather than file streams where the descriptor is a pipe: those make a round trip through
 * the thread pool for each read and answer in 150 µs instead of 20 to 100.
 */
export function streamsOf(readFd: number, writeFd: number): Streams {
  return { input: inputOf(readFd), output: outputOf(writeFd) };
}

/** Over stdin and stdout, for a person or a debugger. What the process prints goes to stderr instead. */
export function stdioStreams(): Streams {
  const streams = streamsOf(0, 1);
  Object.defineProperty(process, "stdout", { configurable: true, get: () => process.stderr });
  return streams;
}

function inputOf(fd: number): Readable {
  return isPipe(fd) ? new Socket({ fd, readable: true, writable: false }) : createReadStream("", { fd });
}

function outputOf(fd: number): Writable {
  return isPipe(fd) ? new Socket({ fd, readable: false, writable: true }) : createWriteStream("", { fd });
}

function isPipe(fd: number): boolean {
  const stat = fstatSync(fd);
  return stat.isFIFO() || stat.isSocket();
}
