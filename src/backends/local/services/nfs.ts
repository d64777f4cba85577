/** What an NFS server is told: where it listens, and where in RADOS its exports and its state are. */
import { z } from "zod";

import type { NFSServiceSpec } from "../../../index.ts";
import type { Site } from "../site.ts";
import { accountOf } from "./caps.ts";
import type { Planned } from "./wanted.ts";

/** The pool that Ceph's nfs module keeps exports in, in a namespace for each cluster. */
export const NFS_POOL = ".nfs";

/** Tells a server from the others of its cluster, across its restarts. */
export function graceNode(cluster: string, index: number): string {
  return `nfs.${cluster}.${index}`;
}

/** The object that names the exports; the nfs module writes it. */
export function exportsObject(cluster: string): string {
  return `conf-nfs.${cluster}`;
}

/** The server's ganesha.conf. */
export function ganeshaConf(spec: NFSServiceSpec, planned: Planned, address: string | undefined): string {
  const cluster = spec.service_id;
  const fields = spec.spec ?? {};
  const user = accountOf("nfs", planned.id, cluster)?.entity.replace(/^client\./, "") ?? "";
  const versions = fields.enable_nfsv3 === true ? "3, 4" : "4";
  const url = `rados://${NFS_POOL}/${cluster}/${exportsObject(cluster)}`;
  return [
    ...block("NFS_CORE_PARAM", {
      Enable_NLM: String(fields.enable_nlm === true),
      Enable_RQUOTA: "false",
      Protocols: versions,
      NFS_Port: String(planned.ports[0] ?? 2049),
      ...(address === undefined ? {} : { Bind_addr: address }),
      ...(fields.monitoring_port === undefined
        ? {}
        : { Monitoring_Port: String(fields.monitoring_port + planned.index) }),
      // Without CAP_SYS_RESOURCE, as in many containers, it would end at once.
      allow_set_io_flusher_fail: "true",
    }),
    ...block("NFSv4", { Delegations: "false", RecoveryBackend: "rados_cluster", Minor_Versions: "1, 2" }),
    ...block("RADOS_KV", {
      UserId: quoted(user),
      nodeid: quoted(graceNode(cluster, planned.index)),
      pool: quoted(NFS_POOL),
      namespace: quoted(cluster),
    }),
    ...block("RADOS_URLS", { UserId: quoted(user), watch_url: quoted(url) }),
    `%url ${url}`,
    "",
  ].join("\n");
}

function block(name: string, settings: Readonly<Record<string, string>>): string[] {
  return [`${name} {`, ...Object.entries(settings).map(([key, value]) => `        ${key} = ${value};`), "}", ""];
}

function quoted(text: string): string {
  return `"${text}"`;
}

/** Makes the server known to the others of its cluster, and the object of their exports; both may be there already. */
export async function joinGrace(
  site: Site,
  spec: NFSServiceSpec,
  planned: Planned,
  account: { readonly entity: string; readonly keyring: string },
): Promise<void> {
  const cluster = spec.service_id;
  await makePool(site);
  await site.agent.request("nfs/join", {
    ...inCluster(cluster, account),
    node: graceNode(cluster, planned.index),
    object: exportsObject(cluster),
  });
}

/** The nfs module may have deleted all that the cluster had; then there is nothing to be taken out of. */
export async function leaveGrace(
  site: Site,
  cluster: string,
  index: number,
  account: { readonly entity: string; readonly keyring: string },
): Promise<void> {
  const node = graceNode(cluster, index);
  try {
    await site.agent.request("nfs/leave", { ...inCluster(cluster, account), node });
  } catch (error) {
    if (!(error instanceof Error) || !/-2\b|no such file|not found/i.test(error.message)) throw error;
    site.log.info(`${node} was in no grace database any more`);
  }
}

function inCluster(cluster: string, { entity, keyring }: { readonly entity: string; readonly keyring: string }) {
  // The account of a daemon that is not the cluster's own begins so, by the table in caps.ts.
  return { entity: entity as `client.${string}`, keyring, pool: NFS_POOL, namespace: cluster };
}

async function makePool(site: Site): Promise<void> {
  const pools = await site.monJson({ prefix: "osd pool ls" }, z.array(z.string()));
  if (pools.includes(NFS_POOL)) return;
  // Up to Nautilus the number of placement groups has to be said; a name with a dot has to be meant.
  const release = site.ceph.release === "nautilus" ? { pg_num: 8 } : {};
  await site.mon({ prefix: "osd pool create", pool: NFS_POOL, yes_i_really_mean_it: true, ...release });
  await site.mon({ prefix: "osd pool application enable", pool: NFS_POOL, app: "nfs" });
}
