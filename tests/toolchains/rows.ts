/**
 * Which line of configuration a toolchain needs for decorators: the one place from which the checks build the first
 * snippet of the README, with the lines and without them, and from which the table in `docs/setup.md` is checked.
 *
 * @module
 */

import type { Tool } from "../../scripts/tools.ts";

/** What the snippet is made into: a program that prints, a test, a page, a worker, or a program without decorators. */
export type Form = "program" | "test" | "page" | "worker" | "functions";

/** A line that a user adds. */
export interface Line {
  /** What is added, as the table has it. */
  readonly text: string;
  /** Where: a file of the project, or the command line. */
  readonly place: string;
  /** What the toolchain says without it. */
  readonly failure: RegExp;
}

/** A command of a tool, or of the project's own output. */
export interface Command {
  /** The tool that has the program; the words of the command otherwise follow `node`. */
  readonly tool: Tool | "deno";
  /** The program, as a file below the folder of the tool; `node` runs it where it ends in `.js` or `.mjs`. */
  readonly program: string;
  /** Its arguments. `LINE` stands for the line that is added. */
  readonly args: readonly string[];
}

/** A toolchain as the table has it. */
export interface Row {
  /** Its name. */
  readonly name: string;
  /** What the table calls it, where several rows are one there. */
  readonly title?: string;
  /** What the user adds; none where decorators work as they are. */
  readonly lines: readonly Line[];
  /** What the snippet is made into, and the file that it is written to. */
  readonly source: { readonly form: Form; readonly file: string };
  /** The tool in whose folder the project is, so that it finds the packages there. */
  readonly home?: Tool;
  /** The other files of the project. `LINE` stands for the line that is added to this file. */
  readonly files?: Readonly<Record<string, string>>;
  /** What is replaced by the line in a file that the first command has written. */
  readonly replaces?: { readonly file: string; readonly pattern: RegExp };
  /** The commands, in their order. */
  readonly commands: readonly Command[];
  /** What shows that the snippet ran: the last command prints it, or this file has it. */
  readonly result: { readonly text: string; readonly file?: string };
}

/** Node, where a program is run by it. */
const NODE = "node_modules/node/bin/node";

function node(file: string): Command {
  return { tool: "node-24", program: NODE, args: [file] };
}

const BABEL_PLUGIN = '["@babel/plugin-proposal-decorators", { "version": "2023-11" }]';

/** The same line for all that reads it. */
const LEGACY = { text: '"experimentalDecorators": true', place: "tsconfig.json" };
const TSCONFIG = { "tsconfig.json": '{ "compilerOptions": { LINE } }' };

const SYNTAX_ERROR = /SyntaxError: Invalid or unexpected token/;

function typescript(version: "5.9" | "6" | "7"): Row {
  const tool: Tool = `typescript-${version}`;
  return {
    name: `tsc ${version}`,
    title: "tsc 5.9, 6 and 7",
    lines: [
      { text: '"target": "ES2022"', place: "tsconfig.json", failure: SYNTAX_ERROR },
      { text: '"type": "module"', place: "package.json", failure: /TS1287|TS1309|TS1479|TS1295/ },
    ],
    source: { form: "program", file: "main.ts" },
    replaces: { file: "tsconfig.json", pattern: /"target": "esnext"/ },
    files: { "package.json": "{ LINE }" },
    commands: [
      { tool, program: "node_modules/typescript/bin/tsc", args: ["--init"] },
      { tool, program: "node_modules/typescript/bin/tsc", args: [] },
      node("main.js"),
    ],
    result: { text: "42" },
  };
}

/** All toolchains, in the order of the table. */
export const ROWS: readonly Row[] = [
  typescript("5.9"),
  typescript("6"),
  typescript("7"),
  {
    name: "esbuild",
    lines: [{ text: "--target=es2022", place: "on the command line", failure: SYNTAX_ERROR }],
    source: { form: "program", file: "main.ts" },
    commands: [
      {
        tool: "esbuild",
        program: "node_modules/esbuild/bin/esbuild",
        args: ["main.ts", "--bundle", "--platform=node", "--format=esm", "--outfile=main.mjs", "LINE"],
      },
      node("main.mjs"),
    ],
    result: { text: "42" },
  },
  {
    name: "Vite 8",
    lines: [{ ...LEGACY, failure: SYNTAX_ERROR }],
    source: { form: "program", file: "main.ts" },
    home: "vite",
    files: TSCONFIG,
    commands: [
      { tool: "vite", program: "node_modules/vite/bin/vite.js", args: ["build", "--ssr", "main.ts"] },
      node("dist/main.js"),
    ],
    result: { text: "42" },
  },
  {
    name: "vitest 5",
    lines: [{ ...LEGACY, failure: SYNTAX_ERROR }],
    source: { form: "test", file: "main.test.ts" },
    home: "vite",
    files: TSCONFIG,
    commands: [{ tool: "vite", program: "node_modules/vitest/vitest.mjs", args: ["run"] }],
    result: { text: "1 passed" },
  },
  {
    name: "Next 16",
    lines: [{
      ...LEGACY,
      failure: /compiled as in an old proposal\. Set "experimentalDecorators": true in tsconfig\.json/,
    }],
    source: { form: "page", file: "app/page.tsx" },
    home: "next",
    files: {
      ...TSCONFIG,
      "app/layout.tsx": "export default function Layout({ children }: { children: React.ReactNode }) {\n" +
        "  return <html><body>{children}</body></html>;\n}\n",
    },
    commands: [{ tool: "next", program: "node_modules/next/dist/bin/next", args: ["build"] }],
    result: { text: "<p>42</p>", file: ".next/server/app/index.html" },
  },
  {
    name: "Babel 8",
    lines: [{ text: `"plugins": [${BABEL_PLUGIN}]`, place: "babel.config.json", failure: /syntax 'decorators' isn't/ }],
    source: { form: "program", file: "main.ts" },
    home: "jest",
    files: { "babel.config.json": '{ "presets": ["@babel/preset-typescript"], LINE }' },
    commands: [
      {
        tool: "jest",
        program: "node_modules/@babel/cli/bin/babel.js",
        args: ["main.ts", "--extensions", ".ts", "--out-dir", "."],
      },
      node("main.js"),
    ],
    result: { text: "42" },
  },
  {
    name: "Jest 30",
    lines: [
      {
        text: `"plugins": [${BABEL_PLUGIN}]`,
        place: "babel.config.json",
        failure: /syntax 'decorators' isn't/,
      },
      {
        text: '"transformIgnorePatterns": ["/node_modules/(?!@cq/core/)"]',
        place: "jest.config.json",
        failure: /Must use import to load ES Module/,
      },
    ],
    source: { form: "test", file: "main.test.ts" },
    home: "jest",
    files: {
      "babel.config.json": JSON.stringify({
        presets: [["@babel/preset-env", { targets: { node: "current" } }], "@babel/preset-typescript"],
      }).replace(/\}$/, ", LINE }"),
      "jest.config.json": '{ "cacheDirectory": "<rootDir>/cache", LINE }',
    },
    commands: [{ tool: "jest", program: "node_modules/jest/bin/jest.js", args: [] }],
    result: { text: "1 passed" },
  },
  {
    name: "tsx",
    lines: [],
    source: { form: "program", file: "main.ts" },
    commands: [{ tool: "tsx", program: "node_modules/tsx/dist/cli.mjs", args: ["main.ts"] }],
    result: { text: "42" },
  },
  {
    name: "Bun",
    lines: [],
    source: { form: "program", file: "main.ts" },
    commands: [{ tool: "bun", program: "node_modules/.bin/bun", args: ["main.ts"] }],
    result: { text: "42" },
  },
  {
    name: "Deno",
    lines: [],
    source: { form: "program", file: "main.ts" },
    commands: [{ tool: "deno", program: "", args: ["run", "--no-lock", "--check", "main.ts"] }],
    result: { text: "42" },
  },
  {
    name: "wrangler 4",
    lines: [],
    source: { form: "worker", file: "worker.ts" },
    home: "wrangler",
    files: {
      "wrangler.json": '{ "name": "consumer", "main": "worker.ts", "compatibility_date": "2026-01-01" }',
      "fetch.mjs": 'import worker from "./dist/worker.js";\nconsole.log(await (await worker.fetch()).text());\n',
    },
    commands: [
      {
        tool: "wrangler",
        program: "node_modules/wrangler/bin/wrangler.js",
        args: ["deploy", "--dry-run", "--outdir", "dist"],
      },
      node("fetch.mjs"),
    ],
    result: { text: "42" },
  },
  {
    name: "Node, which strips types",
    lines: [
      {
        text: "commandHandler(CreateUser)(CreateUserHandler)",
        place: "in the source, below the class",
        failure: SYNTAX_ERROR,
      },
    ],
    source: { form: "functions", file: "main.ts" },
    commands: [node("main.ts")],
    result: { text: "42" },
  },
];
