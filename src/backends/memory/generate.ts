/** Made-up hosts, devices and daemons, the same at every start. */
import type { Device } from "../../index.ts";
import { hex } from "./digest.ts";

const HDD = { rotational: "1", size: 4_000_787_030_016, vendor: "ATA", model: "ST4000NM0033" };
const SSD = { rotational: "0", size: 480_103_981_056, vendor: "ATA", model: "SSDSC2BB480G7" };

/** The first devices are hard disks, every fourth one is flash. */
export function generatedDevices(hostname: string, count: number): Device[] {
  return Array.from({ length: count }, (_, index) => {
    const api = index % 4 === 3 ? SSD : HDD;
    return {
      path: `/dev/${diskName(index)}`,
      available: true,
      rejected_reasons: [],
      sys_api: { ...api, removable: "0", ro: "0" },
      lvs: [],
      device_id: `${api.model}_${hex(`${hostname} ${index}`, 8).toUpperCase()}`,
      lsm_data: {},
      human_readable_type: api === SSD ? "ssd" : "hdd",
    };
  });
}

/** As Linux names them: sdb … sdz, sdaa … (sda is taken by the system). */
function diskName(index: number): string {
  let rest = index + 1;
  let name = "";
  do {
    name = String.fromCharCode(97 + (rest % 26)) + name;
    rest = Math.floor(rest / 26) - 1;
  } while (rest >= 0);
  return `sd${name}`;
}

/** `h01`, `h02`, …: as many digits as the largest needs, so that they sort. */
export function generatedHosts(count: number): { hostname: string; addr: string; labels: string[] }[] {
  const digits = String(count).length;
  return Array.from({ length: count }, (_, index) => ({
    hostname: `h${String(index + 1).padStart(digits, "0")}`,
    addr: `10.1.${Math.floor(index / 250) + 1}.${(index % 250) + 1}`,
    labels: index === 0 ? ["_admin"] : [],
  }));
}
