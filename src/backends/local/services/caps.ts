/** The cephx account of each type of daemon: its name and what it may do, as Ceph documents it. */
import type { DaemonType } from "../../../agent/client.ts";

export interface Account {
  /** `mds.home.h1.abcdef`, `client.rgw.a.h1.abcdef`. */
  readonly entity: string;
  /** Pairs of a service and what may be done with it. */
  readonly caps: readonly string[];
}

/** Where in RADOS an NFS cluster keeps its exports and its state; an empty namespace is the pool's own. */
export interface RadosPlace {
  readonly pool: string;
  readonly namespace: string;
}

const OWN_NAMES: readonly DaemonType[] = ["mgr", "mds"];

/** The name by which a daemon is known to the monitors, which is its section in their configuration, too. */
export function entityOf(type: DaemonType, id: string): string {
  if (type === "mon") return `mon.${id}`;
  return OWN_NAMES.includes(type) ? `${type}.${id}` : `client.${type}.${id}`;
}

/** `service` is the service's own id, such as the NFS cluster. Undefined for a type whose key is not made here. */
export function accountOf(type: DaemonType, id: string, service: string, place?: RadosPlace): Account | undefined {
  const caps = capsOf(type, service, place ?? { pool: NFS_POOL, namespace: service });
  return caps === undefined ? undefined : { entity: entityOf(type, id), caps };
}

/** The pool that Ceph's nfs module keeps exports in, in a namespace for each cluster. */
export const NFS_POOL = ".nfs";

function capsOf(type: DaemonType, service: string, { pool, namespace }: RadosPlace): string[] | undefined {
  switch (type) {
    case "mgr":
      return ["mon", "profile mgr", "osd", "allow *", "mds", "allow *"];
    case "mds":
      return ["mon", "profile mds", "osd", "allow rw tag cephfs *=*", "mds", "allow"];
    case "rgw": {
      // `allow rw` leaves the key store out, where the certificate of the service is.
      const mon = `allow rw, allow command "config-key get" with key="${certificateKey(service)}"`;
      return ["mon", mon, "mgr", "allow rw", "osd", "allow rwx tag rgw *=*"];
    }
    case "rbd-mirror":
      return ["mon", "profile rbd-mirror", "osd", "profile rbd"];
    case "cephfs-mirror": {
      const osd = "allow rw tag cephfs metadata=*, allow r tag cephfs data=*";
      return ["mon", "profile cephfs-mirror", "mds", "allow r", "osd", osd, "mgr", "allow r"];
    }
    case "crash":
      return ["mon", "profile crash", "mgr", "profile crash"];
    case "ceph-exporter":
      return ["mon", "allow r", "mgr", "allow r", "osd", "allow r"];
    case "nfs":
      return ["mon", "allow r", "osd", `allow rw pool=${pool}${namespace === "" ? "" : ` namespace=${namespace}`}`];
    case "mon":
    case "osd":
      return undefined;
  }
}

/** Where the monitors keep the TLS certificate of an rgw service. */
export function certificateKey(service: string): string {
  return `rgw/cert/rgw.${service}`;
}
