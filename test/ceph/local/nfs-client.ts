/** The least of an NFS client: whether a server answers version 4's NULL procedure (RFC 5531 and 7530), as `rpcinfo` asks it. */
import { connect } from "node:net";

const NFS_PROGRAM = 100_003;
const CALL = 0;
const REPLY = 1;
const ACCEPTED = 0;
const SUCCESS = 0;
const XID = 0x6f72_6368;
/** Of a record's mark: this fragment is the last. */
const LAST = 0x8000_0000;

/** Asks a server on 127.0.0.1; false too when none listens. */
export function answersNfs(port: number): Promise<boolean> {
  const { promise, resolve } = Promise.withResolvers<boolean>();
  const socket = connect(port, "127.0.0.1");
  let answer = Buffer.alloc(0);
  socket.setTimeout(5_000, () => socket.destroy());
  socket.on("connect", () => socket.write(nullCall()));
  socket.on("data", (chunk: Buffer) => {
    answer = Buffer.concat([answer, chunk]);
    if (answer.length >= 28) socket.destroy();
  });
  socket.on("error", () => undefined); // told by "close"
  socket.on("close", () => resolve(accepted(answer)));
  return promise;
}

function nullCall(): Buffer {
  // Message, RPC version 2, program, version 4, procedure 0, no credentials, no verifier.
  const words = [XID, CALL, 2, NFS_PROGRAM, 4, 0, 0, 0, 0, 0];
  const call = Buffer.alloc(4 + words.length * 4);
  call.writeUInt32BE(LAST + words.length * 4);
  for (const [index, word] of words.entries()) call.writeUInt32BE(word, 4 + index * 4);
  return call;
}

/** Mark, id, reply, accepted, an empty verifier of two words, success. */
function accepted(answer: Buffer): boolean {
  const words = Array.from({ length: Math.floor(answer.length / 4) }, (_, index) => answer.readUInt32BE(index * 4));
  return words[1] === XID && words[2] === REPLY && words[3] === ACCEPTED && words[6] === SUCCESS;
}
