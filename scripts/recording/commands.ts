/** What the recorded sessions consist of: every command of `ceph orch` in each release, and those of other modules that ask the orchestrator. */

import { DRIVE_GROUPS } from "../../test/ceph/commands/drive-groups.ts";
import { commandOf, everyType, serviceTypes } from "../../test/ceph/commands/service-types.ts";
import { has, type ModernRelease, START } from "../../test/ceph/commands/start.ts";
import { lacks } from "../../test/ceph/commands/unsupported.ts";
import type { Release } from "../../testbed/cluster.ts";

/** One command, as its words after `ceph`. */
export interface Step {
  readonly words: readonly string[];
  /** Given by `-i`. */
  readonly input?: string;
  /** What it begins does not end by itself, so nobody waits for it. */
  readonly lasting?: boolean;
}

/** One session: a Node process of its own, whose backend begins with these options. */
export interface Section {
  readonly options: object;
  readonly steps: readonly Step[];
}

const step = (words: string, more: Omit<Step, "words"> = {}): Step => ({ words: words.split(" "), ...more });
const steps = (...lines: readonly string[]): Step[] => lines.map((line) => step(line));
/** For a command whose second stage waits until the background goes on. */
const lasting = (words: string): Step => step(words, { lasting: true });

/** The name that stands in a recording for the machine that it was made on. */
export const MACHINE = "machine1";

/** And for its cluster. */
export const FSID = "00000000-0000-4000-8000-000000000000";

/** The device that a stand-in of a daemon reports, so that Ceph knows its light. */
export const LAMP = { id: "ST4000NM0033_LAMP", name: "sdb" };

const CLASSIC_GROUP = JSON.stringify({
  host_pattern: "h[23]",
  data_devices: { rotates: true, count: 1 },
  db_devices: { paths: ["/dev/sde"] },
});

const PROFILE = "profile_name: from-file\nplacement:\n  hosts:\n  - h1\nsettings:\n  vm.swappiness: '10'\n";

/** The sessions of a release, in their order. `machine` is the name of this one. */
export function sections(release: Release, machine: string): readonly Section[] {
  if (release === "nautilus") return classic();
  return [
    { options: { ...START, services: [{ service_type: "crash" }] }, steps: [...control(release), ...hosts(release)] },
    { options: withMachine(machine), steps: devices(release) },
    { options: START, steps: applying(release) },
    { options: START, steps: files(release) },
    {
      options: { ...START, services: [{ service_type: "crash" }, { service_type: "node-exporter" }] },
      steps: daemons(release),
    },
    { options: START, steps: osds(release) },
    {
      options: {
        ...START,
        services: [{ service_type: "mon" }, { service_type: "mgr" }, { service_type: "node-exporter" }],
      },
      steps: upgrades(),
    },
    { options: START, steps: [...profiles(release), ...unsupported(release)] },
    { options: START, steps: otherModules(release) },
  ].filter((section) => section.steps.length > 0);
}

/** Its devices are listed: made-up ones get their serial numbers from the host's name. */
function withMachine(machine: string): object {
  const disk = {
    path: "/dev/sdb",
    available: true,
    rejected_reasons: [],
    sys_api: { size: 4e12, rotational: "1" },
    lvs: [],
  };
  return {
    ...START,
    hosts: [...START.hosts, { hostname: machine }],
    inventory: [{ name: machine, devices: [{ ...disk, device_id: LAMP.id }] }],
  };
}

function control(release: ModernRelease): Step[] {
  return [
    ...steps("orch status", "orch status --detail", "orch set backend orchbridge", "orch pause", "orch status"),
    lasting("orch apply rbd-mirror h1"),
    ...steps("orch ps --daemon_type=rbd-mirror", has(release, "tentacle") ? "orch unpause" : "orch resume"),
    ...steps("orch ps --daemon_type=rbd-mirror", "orch pause"),
    lasting("orch apply cephfs-mirror h1"),
    ...steps("orch cancel", "orch resume", "orch ls cephfs-mirror"),
  ];
}

function hosts(release: ModernRelease): Step[] {
  return [
    ...steps(
      "orch host add h4 10.1.1.4 rack1 --labels=ssd",
      "orch host add h5 10.1.1.5 --labels=rack1,big",
      "orch host ls",
      "orch host ls --format json",
      "orch host ls --label=big",
      "orch host ls --host_status=offline",
      "orch host label add h4 fast",
      "orch host label rm h4 fast",
      "orch host set-addr h4 10.1.1.44",
      "orch host add h6 10.1.1.6 --maintenance",
      "orch host rm h6 --force",
      "orch host rm h5",
      "orch host rm h9",
      "orch host set-addr h9 10.1.1.9",
      "orch host add h_7 10.1.1.7",
      "orch host rescan h1",
      "orch host rescan h1 --with_summary",
      "orch host ok-to-stop h1",
      "orch host maintenance enter h2 --force",
      "orch ps h2",
      "orch host maintenance exit h2",
      "orch host maintenance exit h2",
      "orch host drain h1",
      "orch ps h1",
      "orch host ls --format yaml",
    ),
    ...(has(release, "tentacle") ? steps("orch host drain stop h1") : []),
    ...(has(release, "reef") ? steps("orch host drain h3 --keep_conf_keyring") : []),
  ];
}

function devices(release: ModernRelease): Step[] {
  return [
    ...steps(
      "orch device ls",
      "orch device ls --format json",
      "orch device ls h1 h3 --format yaml",
      "orch device ls h1 --wide",
      "orch device ls h9",
      "orch device ls h1 --refresh",
      "orch device zap h1 /dev/sdb",
      "orch device zap h1 /dev/sdb --force",
      "orch device zap h1 /dev/sdz --force",
      `device light on ${LAMP.id}`,
      "device ls-lights",
      `device light off ${LAMP.id}`,
    ),
    ...(has(release, "reef") ? steps("orch device ls h1 h2 --summary") : []),
  ];
}

/** Every type from the command line, then what is done with services. */
function applying(release: ModernRelease): Step[] {
  const types = serviceTypes(release).flatMap((type) => {
    const command = commandOf(type, release);
    if (command === undefined) return [];
    return [step(`orch apply ${command}`, type.input === undefined ? {} : { input: type.input })];
  });
  return [
    ...types,
    // It leaves out what Ceph itself then finds missing.
    ...(has(release, "tentacle") ? steps("orch apply oauth2-proxy --placement=h1") : []),
    ...steps(
      "orch ls",
      "orch ls --format json",
      "orch ls mds --export",
      "orch ls --service_name=mds.fs1 --refresh",
      "orch ls nope",
      "orch ps",
      "orch ps --service_name=mds.fs1 --format yaml",
      "orch ps --daemon_type=crash --daemon_id=h3",
      "orch ps --refresh",
    ),
    ...["stop", "start", "restart", "redeploy", "reconfig", ...(release === "reef" ? ["rotate-key"] : [])].map(
      (action) => step(`orch ${action} mds.fs1`),
    ),
    ...steps(
      "orch restart mds.nope",
      "orch stop mgr",
      "orch rm mgr --force",
      "orch apply mds fs1 --placement=h1 --dry-run",
      "orch apply mds fs1 --placement=h3 --no_overwrite",
      "orch apply mds fs1 --placement=h1",
      "orch apply rbd-mirror h1 --unmanaged",
    ),
    ...(has(release, "reef") ? steps("orch set-managed rbd-mirror", "orch set-unmanaged rbd-mirror") : []),
    ...steps("orch rm mds.fs1", "orch rm mds.nope", "orch rm rgw.site1 --force"),
  ];
}

function files(release: ModernRelease): Step[] {
  const { yaml } = everyType(release);
  const withHost =
    "service_type: host\nhostname: h7\naddr: 10.1.1.7\n---\nservice_type: mds\nservice_id: fs7\nplacement:\n  hosts:\n  - h7\n";
  return [
    step("orch apply --dry-run", { input: yaml }),
    step("orch apply", { input: yaml }),
    step("orch ls --export"),
    step("orch apply", { input: withHost }),
    step("orch apply", { input: "service_type: rgw\nservice_id: a\nplacement:\n  hosts:\n  - h9\n" }),
  ];
}

function daemons(release: ModernRelease): Step[] {
  return [
    ...steps(
      "orch daemon add mgr h3",
      "orch daemon add mds fs1 h3",
      "orch daemon add rgw site1 h3 --port=8080",
      "orch daemon add nfs share h3",
      "orch daemon add iscsi pool1 admin sesame 10.1.1.1 h3",
    ),
    ...(has(release, "reef") ? steps(`orch daemon add nvmeof pool1${release === "reef" ? "" : " g1"} h3`) : []),
    step("orch daemon add", { input: "service_type: mds\nservice_id: fs5\nplacement:\n  hosts:\n  - h1\n  - h2\n" }),
    ...["stop", "start", "restart", "reconfig"].map((action) => step(`orch daemon ${action} crash.h1`)),
    ...(release === "reef" ? steps("orch daemon rotate-key crash.h1") : []),
    ...steps(
      "orch daemon redeploy crash.h2",
      "orch daemon redeploy crash.h2 quay.io/ceph/ceph:test",
      "orch daemon rm crash.h1 crash.h2",
      "orch daemon rm crash.h9",
      "orch daemon restart nonsense",
      "orch daemon add mds fs1 h9",
    ),
    ...(has(release, "tentacle") ? steps("orch update service node-exporter quay.io/other/exporter:2") : []),
  ];
}

function osds(release: ModernRelease): Step[] {
  return [
    ...steps(
      "orch daemon add osd h1:/dev/sdb",
      "orch daemon add osd h1:data_devices=/dev/sdc,db_devices=/dev/sde",
      "orch daemon add osd h1:/dev/sdb",
      "orch daemon add osd h9:/dev/sdb",
      "orch ps --daemon_type=osd",
    ),
    step("orch apply osd --dry-run", { input: DRIVE_GROUPS }),
    step("orch apply osd", { input: DRIVE_GROUPS }),
    ...steps(
      "orch apply osd --all-available-devices --dry-run",
      "orch apply osd --all-available-devices",
      "orch ls osd",
      "orch device zap h1 /dev/sdb --force",
      "orch pause",
    ),
    lasting("orch osd rm 0 1 --replace"),
    ...steps("orch osd rm status", "orch osd rm stop 0", "orch osd rm stop 0", "orch resume", "orch osd rm status"),
    ...steps("orch rm osd.all-available-devices --force", "orch osd rm 0 --force --zap", "orch osd rm 99"),
    ...(has(release, "tentacle")
      ? steps(
          "orch osd set-spec-affinity osd.fast 2",
          "orch device replace h3 /dev/sdb",
          "orch device replace h3 /dev/sdb --yes_i_really_mean_it",
          "orch device replace h3 /dev/sdb --clear",
        )
      : []),
    ...steps("orch ps --daemon_type=osd --format json"),
  ];
}

function upgrades(): Step[] {
  return [
    ...steps(
      "orch upgrade check --ceph_version=20.9.9",
      "orch upgrade check v20.9.9",
      "orch upgrade ls",
      "orch upgrade ls --tags",
      "orch upgrade status",
      "orch upgrade pause",
      "orch pause",
    ),
    lasting("orch upgrade start --ceph_version=20.9.9"),
    ...steps(
      "orch upgrade status",
      "orch upgrade start --ceph_version=20.9.8",
      "orch upgrade pause",
      "orch upgrade resume",
      "orch upgrade stop",
      "orch resume",
      "orch upgrade start --image quay.io/ceph/ceph:v20.9.9 --daemon_types=mgr --hosts=h1",
      "orch upgrade start --ceph_version=20.9.9",
      "orch ps --format json",
    ),
  ];
}

function profiles(release: ModernRelease): Step[] {
  if (!has(release, "reef")) return [];
  return [
    step("orch tuned-profile apply calm --placement=h1 --settings=vm.swappiness=5,kernel.pid_max=99999"),
    step("orch tuned-profile apply", { input: PROFILE }),
    ...steps(
      "orch tuned-profile ls",
      "orch tuned-profile apply calm --settings=a.b=1 --no_overwrite",
      "orch tuned-profile add-setting calm fs.aio-max-nr 1048576",
      "orch tuned-profile rm-setting calm kernel.pid_max",
      "orch tuned-profile rm-setting calm kernel.pid_max",
    ),
    ...(has(release, "tentacle")
      ? steps("orch tuned-profile add-settings calm a.b=1,c.d=2", "orch tuned-profile rm-settings calm a.b,c.d")
      : []),
    ...steps("orch tuned-profile rm calm", "orch tuned-profile rm calm"),
  ];
}

function unsupported(release: ModernRelease): Step[] {
  return lacks(release).map(({ words, input }) => step(`orch ${words}`, input === undefined ? {} : { input }));
}

/** nfs, volumes, and smb where there is one. The dashboard and prometheus are asked otherwise. */
function otherModules(release: ModernRelease): Step[] {
  return [
    { words: ["fs", "volume", "create", "vol1", "h1 h2"] },
    ...steps("fs volume ls"),
    // Reef's manager on Python 3.13 may crash at the end of a command whose last act was a mon command.
    ...(release === "reef" ? [] : steps("fs volume rm vol1 --yes-i-really-mean-it")),
    ...steps("nfs cluster create share h1", "nfs cluster ls", "nfs cluster info share", "nfs cluster rm share"),
    ...(has(release, "tentacle")
      ? steps(
          "smb cluster create tango user --define_user_pass=me%sesame99 --placement=h1",
          "smb cluster ls",
          "smb cluster rm tango",
        )
      : []),
  ];
}

function classic(): readonly Section[] {
  return [
    {
      options: START,
      steps: steps(
        "orchestrator status",
        "orchestrator set backend orchbridge",
        "orchestrator host ls",
        "orchestrator host add h4",
        "orchestrator host rm h4",
        "orchestrator host rm h9",
        "orchestrator device ls",
        "orchestrator device ls --format json",
        "orchestrator device ls h1 h3 --format plain --refresh",
      ),
    },
    {
      options: START,
      steps: [
        ...steps("orchestrator osd create h1:/dev/sdb,/dev/sdc", "orchestrator service ls --svc_type=osd"),
        step("orchestrator osd create", { input: CLASSIC_GROUP }),
        ...steps(
          "orchestrator osd create h1:/dev/sdz",
          "orchestrator osd create h9:/dev/sdb",
          "orchestrator osd rm 0 1",
          "orchestrator osd rm 99",
          "orchestrator service ls",
        ),
      ],
    },
    {
      options: START,
      steps: steps(
        "orchestrator mds add fs1",
        "orchestrator rgw add site1",
        "orchestrator nfs add share pool1 space1",
        "orchestrator service ls",
        "orchestrator nfs update share 3",
        "orchestrator service ls --format json",
        "orchestrator service ls h2 --refresh",
        "orchestrator service ls --svc_type=nfs --svc_id=share",
        "orchestrator service stop nfs share",
        "orchestrator service start nfs share",
        "orchestrator service reload nfs share",
        "orchestrator service stop mds nope",
        "orchestrator service-instance stop mds nope",
        "orchestrator mds rm nope",
        "orchestrator mgr update 2 h1 h2",
        "orchestrator mon update 3 h1:10.1.1.0/24 h2:10.1.1.0/24 h3",
        "orchestrator mon update 0",
        "orchestrator mgr update 1 h9",
        "orchestrator service ls --svc_type=mon",
        "orchestrator mds rm fs1",
        "orchestrator rgw rm site1",
        "orchestrator nfs rm share",
      ),
    },
    {
      options: START,
      steps: steps("fs volume create vol1", "fs volume ls", "fs volume rm vol1 --yes-i-really-mean-it"),
    },
  ];
}
