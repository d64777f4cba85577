/** What an NFS server is told: where it listens, and where in RADOS its exports and its state are. */
import { z } from "zod";

import { type NFSServiceSpec, ValidationError } from "../../../index.ts";
import type { Site } from "../site.ts";
import { accountOf, NFS_POOL, type RadosPlace } from "./caps.ts";
import type { Planned } from "./wanted.ts";

/** The fields that Nautilus has in its spec and later releases have not: they come as `config`, and are no options of Ceph. */
export const PLACE_FIELDS = ["pool", "namespace"] as const;

/** Where the cluster's exports and state are: since Pacific always in the same pool, before it where the operator said. */
export function placeOf({ service_id: cluster, spec }: NFSServiceSpec): RadosPlace {
  const { pool, namespace } = fieldsOf(spec?.config);
  return pool === undefined ? { pool: NFS_POOL, namespace: cluster } : { pool, namespace: namespace ?? "" };
}

function fieldsOf(config: Readonly<Record<string, string | number | boolean>> = {}): Partial<RadosPlace> {
  return Object.fromEntries(
    PLACE_FIELDS.flatMap((field) => (config[field] === undefined ? [] : [[field, String(config[field])]])),
  );
}

/** The same of a daemon that is there, whose spec may be gone. */
export function placeNoted(cluster: string, { pool, namespace }: Readonly<Record<string, string>>): RadosPlace {
  return { pool: pool ?? NFS_POOL, namespace: namespace ?? cluster };
}

/** `nfs update` of Nautilus tells a number alone: exports stay where they are. */
export function withFormerPlace(spec: NFSServiceSpec, former: NFSServiceSpec): NFSServiceSpec {
  const { pool, namespace } = fieldsOf(former.spec?.config);
  if (pool === undefined || fieldsOf(spec.spec?.config).pool !== undefined) return spec;
  const config = { ...spec.spec?.config, pool, ...(namespace === undefined ? {} : { namespace }) };
  return { ...spec, spec: { ...spec.spec, config } };
}

/** Throws where the operator's pool is not there, or is named as none can be. Ceph's own is made. */
export async function checkNfs(site: Site, spec: NFSServiceSpec): Promise<void> {
  const { pool, namespace } = placeOf(spec);
  for (const [field, value] of Object.entries({ pool, namespace }))
    if (!/^[A-Za-z0-9_.][A-Za-z0-9_.:-]{0,127}$/.test(value) && !(field === "namespace" && value === ""))
      throw new ValidationError(
        `nfs.${spec.service_id}: ${field} ${JSON.stringify(value)}: expected letters, digits, dots and dashes`,
      );
  if (pool === NFS_POOL || (await poolNames(site)).includes(pool)) return;
  throw new ValidationError(
    `nfs.${spec.service_id}: pool ${pool} does not exist; make it with 'ceph osd pool create ${pool} 8'`,
  );
}

function poolNames(site: Site): Promise<string[]> {
  return site.monJson({ prefix: "osd pool ls" }, z.array(z.string()));
}

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
  const { pool, namespace } = placeOf(spec);
  const user = accountOf("nfs", planned.id, cluster)?.entity.replace(/^client\./, "") ?? "";
  const versions = fields.enable_nfsv3 === true ? "3, 4" : "4";
  const url = `rados://${pool}/${namespace === "" ? "" : `${namespace}/`}${exportsObject(cluster)}`;
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
      pool: quoted(pool),
      ...(namespace === "" ? {} : { namespace: quoted(namespace) }),
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
  const place = placeOf(spec);
  await makePool(site, place);
  await site.agent.request("nfs/join", {
    ...inPlace(place, account),
    node: graceNode(cluster, planned.index),
    object: exportsObject(cluster),
  });
}

/** The nfs module may have deleted all that the cluster had; then there is nothing to be taken out of. */
export async function leaveGrace(
  site: Site,
  cluster: string,
  index: number,
  place: RadosPlace,
  account: { readonly entity: string; readonly keyring: string },
): Promise<void> {
  const node = graceNode(cluster, index);
  try {
    await site.agent.request("nfs/leave", { ...inPlace(place, account), node });
  } catch (error) {
    if (!(error instanceof Error) || !/-2\b|no such file|not found/i.test(error.message)) throw error;
    site.log.info(`${node} was in no grace database any more`);
  }
}

function inPlace(place: RadosPlace, { entity, keyring }: { readonly entity: string; readonly keyring: string }) {
  // The account of a daemon that is not the cluster's own begins so, by the table in caps.ts.
  return { entity: entity as `client.${string}`, keyring, ...place };
}

/** An operator's pool was there when the service was applied. */
async function makePool(site: Site, { pool }: RadosPlace): Promise<void> {
  if (pool !== NFS_POOL || (await poolNames(site)).includes(pool)) return;
  // Up to Nautilus the number of placement groups has to be said; a name with a dot has to be meant.
  const release = site.ceph.release === "nautilus" ? { pg_num: 8 } : {};
  await site.mon({ prefix: "osd pool create", pool: NFS_POOL, yes_i_really_mean_it: true, ...release });
  await site.mon({ prefix: "osd pool application enable", pool: NFS_POOL, app: "nfs" });
}
