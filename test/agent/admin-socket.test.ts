import { mkdtempSync, rmSync } from "node:fs";
import { createServer, type Server, type Socket } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { askAdminSocket, versionOn } from "../../src/agent/admin-socket.ts";

let dir = "";
let path = "";
let server: Server | undefined;
let asked = "";

/** A daemon's admin socket, as this stand-in answers on it. */
async function answering(answer: (socket: Socket) => void): Promise<void> {
  const { promise, resolve } = Promise.withResolvers<void>();
  server = createServer((socket) => {
    socket.on("error", () => undefined);
    socket.on("data", (bytes: Buffer) => {
      asked += bytes.toString();
      if (asked.endsWith("\0")) answer(socket);
    });
  }).listen(path, resolve);
  await promise;
}

function framed(text: string): Buffer {
  const length = Buffer.alloc(4);
  length.writeUInt32BE(Buffer.byteLength(text));
  return Buffer.concat([length, Buffer.from(text)]);
}

beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), "orchbridge-asok-"));
  path = join(dir, "ceph-osd.0.asok");
  asked = "";
});
afterEach(() => {
  server?.close();
  server = undefined;
  rmSync(dir, { recursive: true, force: true });
});

describe("an admin socket", () => {
  it("is asked in JSON with a zero byte at its end, and its answer read by its length", async () => {
    await answering((socket) => socket.end(framed('{"version":"20.2.4","release":"tentacle"}')));
    expect(await versionOn(path, 1000)).toBe("20.2.4");
    expect(asked).toBe('{"prefix":"version","format":"json"}\0');
  });

  it("may answer in pieces, in more than one byte a character", async () => {
    await answering((socket) => {
      const [first, ...rest] = [...framed('{"name":"größe"}')].map((byte) => Buffer.of(byte));
      if (first !== undefined) socket.write(first);
      setImmediate(() => socket.end(Buffer.concat(rest)));
    });
    expect(await askAdminSocket(path, "config get", 1000, { var: "name" })).toBe('{"name":"größe"}');
    expect(JSON.parse(asked.slice(0, -1))).toMatchObject({ prefix: "config get", var: "name" });
  });

  it("gives no version when it hangs, breaks off, answers nonsense or is not there", async () => {
    expect(await versionOn(path, 1000)).toBeUndefined();
    await answering((socket) => {
      if (asked.split("\0").length === 2) socket.end(framed("permission denied"));
      else if (asked.split("\0").length === 3) socket.end(framed('{"version":"18.2.7"}').subarray(0, 9));
    });
    expect(await versionOn(path, 1000)).toBeUndefined();
    expect(await versionOn(path, 1000)).toBeUndefined();
    expect(await versionOn(path, 100)).toBeUndefined();
    await expect(askAdminSocket(path, "version", 100)).rejects.toThrow("does not answer within 100 ms");
  });
});
