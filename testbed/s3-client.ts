/** A user of the cluster's S3 gateways. */
import { AwsClient } from "aws4fetch";
import { z } from "zod";

import type { Cluster } from "./running-cluster.ts";

const made = z.object({ keys: z.tuple([z.object({ access_key: z.string(), secret_key: z.string() })]) });

export class S3User {
  readonly #client: AwsClient;

  private constructor(client: AwsClient) {
    this.#client = client;
  }

  /** Makes a user of that name. */
  static async add(cluster: Cluster, uid: string): Promise<S3User> {
    const command = ["radosgw-admin", "user", "create", `--uid=${uid}`, `--display-name=${uid}`];
    const { code, stdout, stderr } = await cluster.inRoot(command);
    if (code !== 0) throw new Error(`radosgw-admin user create: ${stderr}`);
    const { access_key: accessKeyId, secret_key: secretAccessKey } = made.parse(JSON.parse(stdout)).keys[0];
    return new S3User(new AwsClient({ accessKeyId, secretAccessKey, service: "s3", region: "us-east-1" }));
  }

  /** Puts an object, or makes a bucket when there is no text. */
  put(url: string, text?: string): Promise<Response> {
    // As bytes: with a text, fetch sends a content-type, which aws4fetch does not sign and 20.2 then refuses.
    return this.#client.fetch(url, {
      method: "PUT",
      ...(text === undefined ? {} : { body: new TextEncoder().encode(text) }),
    });
  }

  get(url: string): Promise<Response> {
    return this.#client.fetch(url);
  }
}
