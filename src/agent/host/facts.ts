/** `host/facts`: the host in the words of `cephadm gather-facts`. */

import { readdirSync, readlinkSync } from "node:fs";
import { arch, hostname, loadavg, networkInterfaces, release, uptime } from "node:os";

import type { AgentResult } from "../protocol.ts";
import { type BlockDevice, blockDevices, readOrEmpty } from "./block-devices.ts";
import { isCandidate } from "./devices.ts";

type Facts = AgentResult<"host/facts">;

const ARCHITECTURES: Readonly<Record<string, string>> = { x64: "x86_64", arm64: "aarch64", ia32: "i686" };

/** What is known of the host now. */
export async function hostFacts(): Promise<Facts> {
  const interfaces = networkFacts();
  return {
    hostname: hostname(),
    shortname: hostname().split(".")[0] ?? "",
    arch: ARCHITECTURES[arch()] ?? arch(),
    kernel: release(),
    operating_system: operatingSystem(readOrEmpty("/etc/os-release")),
    vendor: dmi("sys_vendor"),
    model: model(dmi("product_family"), dmi("product_name")),
    bios_version: dmi("bios_version"),
    bios_date: dmi("bios_date"),
    ...cpuFacts(readOrEmpty("/proc/cpuinfo")),
    cpu_load: loads(),
    ...memoryFacts(readOrEmpty("/proc/meminfo")),
    ...diskFacts((await blockDevices()).filter((device) => isCandidate(device, false))),
    interfaces,
    nic_count: Object.values(interfaces).filter(({ iftype }) => iftype === "physical").length,
    system_uptime: uptime(),
    timestamp: Date.now() / 1000,
    // Only Red Hat's hosts are subscribed to anything.
    subscribed: "Unknown",
    selinux_enabled: readOrEmpty("/sys/fs/selinux/enforce") !== "",
    kernel_security: kernelSecurity(),
  };
}

function dmi(name: string): string {
  const text = readOrEmpty(`/sys/class/dmi/id/${name}`).trim();
  return text === "" ? readOrEmpty(`/sys/devices/virtual/dmi/id/${name}`).trim() : text;
}

/** `PowerEdge (R740)`, as cephadm has it; families that say nothing are left out. */
function model(family: string, product: string): string {
  return family === "" || /^(?:not specified|unknown|default string|to be filled)/i.test(family)
    ? product
    : `${family} (${product})`;
}

/** `Debian GNU/Linux 13 (trixie)`. */
export function operatingSystem(osRelease: string): string {
  return /^PRETTY_NAME="?([^"\n]*)"?$/m.exec(osRelease)?.[1] ?? "Unknown";
}

function loads(): Record<string, number> {
  const [one = 0, five = 0, fifteen = 0] = loadavg();
  return { "1min": round(one), "5min": round(five), "15min": round(fifteen) };
}

/** Sockets, and for each its cores and threads. */
export function cpuFacts(cpuinfo: string): Facts {
  const processors = cpuinfo.split("\n\n").filter((block) => /^processor\s*:/m.test(block));
  const field = (block: string, name: string): string | undefined =>
    new RegExp(`^${name}\\s*:\\s*(.*)$`, "m").exec(block)?.[1]?.trim();
  const sockets = new Set(processors.flatMap((block) => field(block, "physical id") ?? []));
  const [first = ""] = processors;
  const count = Math.max(1, sockets.size);
  const cores = Number(field(first, "cpu cores") ?? Math.ceil(processors.length / count));
  return {
    cpu_model: field(first, "model name") ?? field(first, "Model") ?? "Unknown",
    cpu_count: count,
    cpu_cores: cores,
    cpu_threads: Number(field(first, "siblings") ?? cores),
  };
}

export function memoryFacts(meminfo: string): Facts {
  const kib = (name: string): number => Number(new RegExp(`^${name}:\\s*(\\d+) kB`, "m").exec(meminfo)?.[1] ?? 0);
  return {
    memory_total_kb: kib("MemTotal"),
    memory_free_kb: kib("MemFree"),
    memory_available_kb: kib("MemAvailable"),
  };
}

/** Turning and flash disks apart. */
export function diskFacts(disks: readonly BlockDevice[]): Facts {
  const kind = (name: "hdd" | "flash", devices: readonly BlockDevice[]): Facts => {
    const bytes = devices.reduce((sum, { size }) => sum + size, 0);
    return {
      [`${name}_count`]: devices.length,
      [`${name}_capacity`]: humanSize(bytes),
      [`${name}_capacity_bytes`]: bytes,
      [`${name}_list`]: devices.map(diskEntry),
    };
  };
  return {
    ...kind(
      "hdd",
      disks.filter(({ rota }) => rota),
    ),
    ...kind(
      "flash",
      disks.filter(({ rota }) => !rota),
    ),
  };
}

function diskEntry({ name, model, vendor, rev, size }: BlockDevice): Record<string, string | number> {
  return {
    description: `${vendor} ${model} (${humanSize(size)})`.trim(),
    dev_name: name,
    disk_size_bytes: size,
    model,
    rev,
    vendor,
  };
}

/** In powers of 1000, as disks are sold. */
function humanSize(bytes: number): string {
  const units = ["B", "KB", "MB", "GB", "TB", "PB"];
  const power = bytes === 0 ? 0 : Math.min(units.length - 1, Math.floor(Math.log10(bytes) / 3));
  return `${(bytes / 1000 ** power).toFixed(1)}${units[power]}`;
}

interface Interface {
  [fact: string]: string | number | string[] | null;
  iftype: string;
}

function networkFacts(): Record<string, Interface> {
  const addresses = networkInterfaces();
  return Object.fromEntries(
    names("/sys/class/net").map((name) => {
      const folder = `/sys/class/net/${name}`;
      const read = (file: string): string => readOrEmpty(`${folder}/${file}`).trim();
      const speed = Number(read("speed") || -1);
      const address = (family: string): string => {
        const found = addresses[name]?.find((one) => one.family === family);
        return found?.cidr ?? "";
      };
      return [
        name,
        {
          iftype: interfaceType(name),
          driver: linkName(`${folder}/device/driver/module`),
          hw_address: read("address"),
          ipv4_address: address("IPv4"),
          ipv6_address: address("IPv6"),
          mtu: Number(read("mtu") || 0),
          operstate: read("operstate"),
          speed,
          lower_devs_list: below(folder, "lower_"),
          upper_devs_list: below(folder, "upper_"),
        },
      ];
    }),
  );
}

function interfaceType(name: string): string {
  const entries = names(`/sys/class/net/${name}`);
  if (name === "lo" || readOrEmpty(`/sys/class/net/${name}/type`).trim() === "772") return "loopback";
  if (entries.includes("bridge")) return "bridge";
  if (entries.includes("bonding")) return "bonding";
  return entries.includes("device") ? "physical" : "logical";
}

function below(folder: string, prefix: string): string[] {
  return names(folder)
    .filter((name) => name.startsWith(prefix))
    .map((name) => name.slice(prefix.length));
}

function linkName(path: string): string {
  try {
    return readlinkSync(path).split("/").at(-1) ?? "";
  } catch {
    return "";
  }
}

function kernelSecurity(): Record<string, string> {
  const modules = readOrEmpty("/sys/kernel/security/lsm").trim();
  const type = ["selinux", "apparmor"].find((name) => modules.split(",").includes(name));
  if (type === undefined) return { type: "None", description: "Linux Security Module framework is not available" };
  return { type: type === "selinux" ? "SELinux" : "AppArmor", description: `${type} is enabled` };
}

function names(folder: string): string[] {
  try {
    return readdirSync(folder).toSorted();
  } catch {
    return [];
  }
}

function round(value: number): number {
  return Math.round(value * 100) / 100;
}
