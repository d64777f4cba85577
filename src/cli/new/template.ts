/** The files of a new backend's repository. */

/** What the files depend on. */
export interface TemplateVersions {
  readonly orchbridge: string;
  readonly zod: string;
  readonly typescript: string;
  readonly nodeTypes: string;
}

/** The files by their paths in the folder. */
export function templateFiles(name: string, versions: TemplateVersions): ReadonlyMap<string, string> {
  return new Map([
    [`${name}.ts`, backend(name)],
    [`${name}.test.ts`, contractTest(name)],
    ["package.json", packageJson(name, versions)],
    ["tsconfig.json", TSCONFIG],
    [".github/workflows/test.yml", WORKFLOW],
    [".gitignore", "node_modules/\n"],
    ["README.md", readme(name)],
  ]);
}

function backend(name: string): string {
  return `import { type Backend, defineBackend, type HostSpec, NotFoundError, ValidationError } from "orchbridge";
import { z } from "zod";

/** Keeps a list of hosts. Put your own system in the place of \`state\`, and add the methods it can do. */
export default defineBackend({
  name: "${name}",
  options: z.strictObject({
    /** Hosts that are always there. */
    hosts: z.array(z.string()).default([]),
  }),

  create({ options, state }): Backend {
    /** What the monitors keep survives the manager; nothing is remembered in this process. */
    async function hosts(): Promise<Map<string, HostSpec>> {
      const fixed = options.hosts.map((hostname): HostSpec => ({ hostname }));
      const kept = Object.values(await state.list("host/")) as unknown as HostSpec[]; // as addHost wrote them
      return new Map([...fixed, ...kept].map((host) => [host.hostname, host]));
    }

    return {
      available: () => ({ ok: true }),

      async getHosts() {
        return [...(await hosts()).values()];
      },

      // A write may run more than once: the second time, the host is there already.
      async addHost({ host_spec }) {
        await state.set(\`host/\${host_spec.hostname}\`, { ...host_spec });
        return \`Added host '\${host_spec.hostname}'\`;
      },

      async removeHost({ host }, call) {
        if (options.hosts.includes(host))
          throw new ValidationError(\`host \${host} stands in backend_options: remove it there\`);
        const known = (await hosts()).has(host);
        if (!known && !call.resumed) throw new NotFoundError(\`host \${host} does not exist\`);
        await state.delete(\`host/\${host}\`);
        return \`Removed host '\${host}'\`;
      },
    };
  },
});
`;
}

function contractTest(name: string): string {
  return `import { test } from "node:test";
import { backendContract } from "orchbridge/contract";
import backend from "./${name}.ts";

backendContract(test, () => backend, {
  /** Milliseconds from persistent to effective, at most. */
  settlesWithin: 2000,
});
`;
}

function packageJson(name: string, { orchbridge, zod, typescript, nodeTypes }: TemplateVersions): string {
  const content = {
    name,
    version: "0.1.0",
    private: true,
    type: "module",
    engines: { node: ">=22.18" },
    scripts: {
      // Named, since an older Node does not look for tests in .ts files, and reports none as a success.
      test: `node --test ${name}.test.ts`,
      types: "tsc",
      dev: `orchbridge dev ${name}.ts`,
    },
    dependencies: { orchbridge: `^${orchbridge}`, zod },
    devDependencies: { "@types/node": nodeTypes, typescript },
  };
  return `${JSON.stringify(content, null, 2)}\n`;
}

const TSCONFIG = `{
  "compilerOptions": {
    "target": "ES2024",
    "module": "NodeNext",
    "types": ["node"],
    "strict": true,
    "noUncheckedIndexedAccess": true,
    "exactOptionalPropertyTypes": true,
    "verbatimModuleSyntax": true,
    "erasableSyntaxOnly": true,
    "allowImportingTsExtensions": true,
    "skipLibCheck": true,
    "noEmit": true
  },
  "include": ["*.ts"]
}
`;

const WORKFLOW = `name: test
on: [push, pull_request]
jobs:
  test:
    runs-on: ubuntu-latest
    steps:
      - uses: actions/checkout@v4
      - uses: actions/setup-node@v4
        with:
          node-version: 24
      - run: npm install
      - run: npm run types
      - run: npm test
`;

function readme(name: string): string {
  return `# ${name}

A backend of Ceph's orchestrator interface for orchbridge.

\`\`\`sh
npm install-test      # the contract that every backend meets; afterwards npm test
npm run types         # a misspelt method or a wrong result is an error
npm run dev           # a prompt with the commands of ceph orch; saving the file loads it again
npx orchbridge call ${name}.ts getHosts --options '{"hosts": ["h1"]}'
\`\`\`

On every host that runs a manager:

\`\`\`sh
npx orchbridge install --mgr-dir /usr/share/ceph/mgr --node "$(command -v node)" --backend ${name}.ts
\`\`\`

and once for the cluster:

\`\`\`sh
ceph mgr module enable orchbridge --force
ceph config set mgr mgr/orchbridge/backend /usr/share/ceph/mgr/orchbridge/backends/${name}.ts
ceph config set mgr mgr/orchbridge/backend_options '{"hosts": ["h1"]}'
ceph orchbridge activate
ceph orch host ls
\`\`\`

\`npx orchbridge doctor\` says what is wrong with a setup. The tutorial is docs/write-a-backend.md in the package.
`;
}
