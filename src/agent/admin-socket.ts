/** Asks a running Ceph daemon on its admin socket: JSON and a zero byte there, four bytes of length and a text back. */
import { connect } from "node:net";

const LONGEST_ANSWER = 16 * 1024 ** 2;

/** The answer's text; throws when nobody answers in time. */
export async function askAdminSocket(
  path: string,
  prefix: string,
  withinMs: number,
  more: object = {},
): Promise<string> {
  const { promise, resolve, reject } = Promise.withResolvers<string>();
  const socket = connect(path);
  const late = setTimeout(() => reject(new Error(`${path} does not answer within ${withinMs} ms`)), withinMs);
  const chunks: Buffer[] = [];
  socket.on("data", (chunk) => chunks.push(chunk));
  socket.once("error", reject);
  socket.once("close", () => {
    const text = answerIn(Buffer.concat(chunks));
    if (text === undefined) reject(new Error(`${path} gave no whole answer to '${prefix}'`));
    else resolve(text);
  });
  socket.write(`${JSON.stringify({ prefix, ...more, format: "json" })}\0`);
  try {
    return await promise;
  } finally {
    clearTimeout(late);
    socket.destroy();
  }
}

function answerIn(bytes: Buffer): string | undefined {
  if (bytes.length < 4) return undefined;
  const length = bytes.readUInt32BE(0);
  return length > LONGEST_ANSWER || bytes.length < 4 + length ? undefined : bytes.toString("utf8", 4, 4 + length);
}

/** The version of the running program, as 18.2.7; undefined when it does not answer. */
export async function versionOn(path: string, withinMs: number): Promise<string | undefined> {
  try {
    return /"version":\s*"(\d+\.\d+\.\d+)/.exec(await askAdminSocket(path, "version", withinMs))?.[1];
  } catch {
    return undefined; // it starts, ends or hangs; the caller shows that it does not know
  }
}
