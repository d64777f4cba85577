/** What a backend lacks: `ceph orch` says so, in one line, and the feature is false. */
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";

import { type At, beginningWith, has, type ModernRelease, START } from "./start.ts";

interface Lack {
  /** The words after `ceph orch`. */
  readonly words: string;
  /** Those of them that Ceph repeats as the command. */
  readonly command: string;
  readonly feature: string;
  readonly input?: string;
}

const lack = (command: string, rest: string, feature: string, input?: string): Lack => ({
  command,
  words: `${command} ${rest}`.trim(),
  feature,
  ...(input === undefined ? {} : { input }),
});

const SINCE_REEF: readonly Lack[] = [
  lack("hardware status", "", "node_proxy_summary"),
  lack("hardware status", "h1 --category=memory", "node_proxy_common"),
  lack("hardware light", "chassis get h1", "hardware_light"),
  lack("hardware powercycle", "h1 --yes_i_really_mean_it", "hardware_powercycle"),
  lack("hardware shutdown", "h1 --yes_i_really_mean_it", "hardware_shutdown"),
  lack("prometheus set-credentials", "me secret", "set_prometheus_access_info"),
  lack("prometheus get-credentials", "", "get_prometheus_access_info"),
  lack("prometheus set-target", "http://10.1.1.1:9095", "set_prometheus_target"),
  lack("prometheus remove-target", "http://10.1.1.1:9095", "remove_prometheus_target"),
  lack("alertmanager set-credentials", "me secret", "set_alertmanager_access_info"),
  lack("alertmanager get-credentials", "", "get_alertmanager_access_info"),
];

const REEF_ONLY: readonly Lack[] = [lack("sd dump cert", "", "service_discovery_dump_cert")];

/** Only the frame of one: nobody looks inside. */
function pem(kind: string): string {
  return `-----BEGIN ${kind}-----\nAAAA\n-----END ${kind}-----\n`;
}

const SINCE_TENTACLE: readonly Lack[] = [
  lack("certmgr reload", "", "cert_store_reload"),
  lack("certmgr cert ls", "", "cert_store_cert_ls"),
  lack("certmgr entity ls", "", "cert_store_entity_ls"),
  lack("certmgr cert check", "", "cert_store_cert_check"),
  lack("certmgr key ls", "", "cert_store_key_ls"),
  lack("certmgr cert get", "rgw", "cert_store_get_cert"),
  lack("certmgr key get", "rgw", "cert_store_get_key"),
  lack("certmgr cert-key set", "rgw", "cert_store_set_pair", `${pem("CERTIFICATE")}${pem("PRIVATE KEY")}`),
  lack("certmgr cert set", "rgw --cert=a", "cert_store_set_cert"),
  lack("certmgr key set", "rgw", "cert_store_set_key", pem("PRIVATE KEY")),
  lack("certmgr cert rm", "rgw", "cert_store_rm_cert"),
  lack("certmgr key rm", "rgw", "cert_store_rm_key"),
  lack("certmgr generate-certificates", "dashboard", "generate_certificates"),
  lack("get-security-config", "", "get_security_config"),
  lack("prometheus set-custom-alerts", "", "set_custom_prometheus_alerts", "groups: []\n"),
];

/** What the memory backend has no use for. */
export function lacks(release: ModernRelease): readonly Lack[] {
  if (!has(release, "reef")) return [];
  return release === "reef" ? [...SINCE_REEF, ...REEF_ONLY] : [...SINCE_REEF, ...SINCE_TENTACLE];
}

/** A backend that only lists its hosts. */
export const HOSTS_ONLY = `
import { defineBackend } from "orchbridge";
import { z } from "zod";

export default defineBackend({
  name: "hosts-only",
  options: z.strictObject({ hosts: z.array(z.string()) }),
  create: ({ options }) => ({
    getHosts: () => options.hosts.map((hostname) => ({ hostname, addr: hostname, labels: [], status: "" })),
  }),
});
`;

/** Writes a backend where the cluster's mgr can read it, and gives its path there. */
export function placeBackend(at: At, name: string, text: string): string {
  const path = join(at().cluster.folder("backends"), name);
  writeFileSync(path, text, { mode: 0o644 });
  return at().cluster.pathInRoot(path);
}

type Features = Record<string, boolean>;

export function unsupportedCommands(at: At, release: ModernRelease): void {
  describe("what the memory backend lacks", () => {
    beginningWith(at, release, START);

    it.each(lacks(release))(
      "is refused by `orch $words` in one line with ENOENT",
      async ({ words, command, input }) => {
        const says = `This Orchestrator does not support \`orch ${command}\``;
        await at().refused(`orch ${words}`, "ENOENT", says, input === undefined ? {} : { input });
      },
    );

    it("is false among the features, and all else is true", async () => {
      const features = await at().json<Features>("orchbridge features");
      const missing = new Set(lacks(release).map(({ feature }) => feature));
      const others = [
        "hardware_status",
        "node_proxy_fullreport",
        "node_proxy_firmware",
        "node_proxy_firmwares",
        "node_proxy_criticals",
      ];
      for (const name of others) missing.add(name);
      for (const [name, has_] of Object.entries(features)) expect(has_, name).toBe(!missing.has(name));
      expect(Object.keys(features)).toEqual(
        expect.arrayContaining(["get_hosts", "apply", "blink_device_light", "upgrade_start"]),
      );
      expect(await at().ok("orchbridge features")).toMatch(/^get_hosts +yes$/m);
    });
  });

  describe("what a backend of hosts only lacks", () => {
    it("is refused in one line, while what it has works", async () => {
      await at().reset({ hosts: ["lone1", "lone2"] }, placeBackend(at, "hosts-only.ts", HOSTS_ONLY));
      expect(await at().ok("orch host ls")).toMatch(/^lone2 +lone2 [^]*2 hosts in cluster$/m);
      for (const command of ["orch ps", "orch ls", "orch device ls", "orch upgrade status"]) {
        await at().refused(command, "ENOENT", `This Orchestrator does not support \`${command}\``);
      }
      await at().refused("orch host rm lone1", "ENOENT", "This Orchestrator does not support `orch host rm`");
      await at().refused("orch rm mds.fs1", "EINVAL", /does not support|not supported/);
      expect(await at().ok("orch host ls")).toContain("2 hosts in cluster");
      at().expectNoHarm();
    });

    it("is false among the features", async () => {
      const features = await at().json<Features>("orchbridge features");
      expect(Object.keys(features).filter((name) => features[name])).toEqual(["get_hosts"]);
    });

    it("is no reason for `fs volume create` to fail", async () => {
      const { code, stderr } = await at().ceph("fs volume create plain");
      expect({ code, stderr }).toEqual({ code: 0, stderr: expect.stringContaining("no MDS daemons created") });
      expect(await at().json("fs volume ls")).toContainEqual({ name: "plain" });
      at().expectNoHarm();
    });
  });
}
