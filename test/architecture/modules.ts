/**
 * What each file of the project imports and exports, read by TypeScript's own parser.
 * The parser's interface is marked unstable; package.json pins its version.
 */
import { dirname, join, relative, resolve } from "node:path";
import type { Identifier, Node, SourceFile, Statement } from "typescript/unstable/ast";
import { isStringLiteral, SyntaxKind } from "typescript/unstable/ast";
import {
  isBindingElement,
  isCallExpression,
  isExportAssignment,
  isExportDeclaration,
  isIdentifier,
  isImportDeclaration,
  isImportTypeNode,
  isLiteralTypeNode,
  isNamedExports,
  isNamedImports,
  isNamespaceImport,
  isNewExpression,
  isObjectBindingPattern,
  isVariableDeclaration,
  isVariableStatement,
} from "typescript/unstable/ast/is";
import { API } from "typescript/unstable/sync";

export const ROOT = resolve(import.meta.dirname, "../..");

/** One import of one file by another. */
export interface Import {
  /** The imported file, relative to the root of the project. */
  readonly target: string;
  /** Names as the target exports them; `null`: all of it. */
  readonly names: readonly string[] | null;
  /** `false`: the target is started as a thread or process, not imported. */
  readonly loaded: boolean;
  /** As written, for a message. */
  readonly place: string;
}

/** One exported name. */
export interface Export {
  readonly name: string;
  readonly place: string;
  /** A docstring stands above it. */
  readonly documented: boolean;
  /** It is a type that another export of its file speaks of: part of that one's signature. */
  readonly inSignature: boolean;
}

/** A file of the project. */
export interface Module {
  /** Relative to the root of the project. */
  readonly file: string;
  readonly lines: number;
  readonly imports: readonly Import[];
  readonly exports: readonly Export[];
}

/** Files for Node, and those for a browser with their tests. */
const PROJECTS = ["tsconfig.json", "src/face/tsconfig.json"];

/** Reads all files of the projects: about a second. */
export function readModules(): Module[] {
  const api = new API({ cwd: ROOT });
  try {
    const openProjects = PROJECTS.map((path) => join(ROOT, path));
    const projects = api.updateSnapshot({ openProjects }).getProjects();
    return projects.flatMap(({ rootFiles, program }) =>
      rootFiles.map((path) => {
        const source = program.getSourceFile(path);
        if (source === undefined) throw new Error(`Cannot read ${path}: the compiler does not know it`);
        return readModule(path, source);
      }),
    );
  } finally {
    api.close();
  }
}

function readModule(path: string, source: SourceFile): Module {
  const file = relative(ROOT, path);
  const lines = source.text.split("\n");
  const placeOf = (node: Node) => {
    const { line } = source.getLineAndCharacterOfPosition(node.getStart(source));
    return `${file}:${line + 1}: ${lines[line].trim()}`;
  };
  const imports: Import[] = [];
  const exports: Export[] = [];
  const add = (specifier: Node | undefined, names: readonly string[] | null, node: Node, loaded = true) => {
    if (specifier === undefined || !isStringLiteral(specifier) || !specifier.text.startsWith(".")) return;
    const target = relative(ROOT, resolve(dirname(path), specifier.text));
    imports.push({ target, names, loaded, place: placeOf(node) });
  };
  /** `import("./x.ts")` with the names taken from it, `new URL("./x.ts", …)`, and types of either kind. */
  const visit = (node: Node): undefined => {
    if (isCallExpression(node) && node.expression.kind === SyntaxKind.ImportKeyword) {
      add(node.arguments[0], namesTaken(node), node);
    } else if (isNewExpression(node) && isIdentifier(node.expression) && node.expression.text === "URL") {
      if (/\.[jt]s"/.test(node.getText(source))) add(node.arguments?.[0], null, node, false);
    } else if (isImportTypeNode(node) && isLiteralTypeNode(node.argument)) {
      add(node.argument.literal, null, node);
    }
    node.forEachChild(visit);
    return undefined;
  };
  const exported = source.statements.filter((statement) => namesExported(statement).length > 0);
  source.statements.forEach((statement, index) => {
    if (isImportDeclaration(statement)) add(statement.moduleSpecifier, namesImported(statement), statement);
    else if (isExportDeclaration(statement)) {
      const clause = statement.exportClause;
      const named = clause !== undefined && isNamedExports(clause) ? clause.elements : null;
      add(
        statement.moduleSpecifier,
        named?.map((element) => (element.propertyName ?? element.name).text) ?? null,
        statement,
      );
      for (const element of named ?? []) {
        exports.push({ name: element.name.text, place: placeOf(element), documented: true, inSignature: false });
      }
    } else {
      const names = namesExported(statement);
      if (names.length > 0) {
        const place = placeOf(statement);
        const documented = isDocumented(index, source);
        const inSignature =
          isType(statement) && exported.some((other) => other !== statement && mentions(other, names));
        for (const name of names) exports.push({ name, place, documented, inSignature });
      }
      visit(statement);
    }
  });
  return { file, lines: lines.length - 1, imports, exports };
}

function namesImported(statement: Node & { importClause?: Node }): readonly string[] | null {
  const clause = statement.importClause as (Node & { name?: Identifier; namedBindings?: Node }) | undefined;
  if (clause === undefined) return [];
  const names = clause.name === undefined ? [] : ["default"];
  const bindings = clause.namedBindings;
  if (bindings === undefined) return names;
  if (isNamespaceImport(bindings)) return null;
  if (!isNamedImports(bindings)) return names;
  return [...names, ...bindings.elements.map((element) => (element.propertyName ?? element.name).text)];
}

/** Of `const { a, b: c } = await import(…)`: a and b. Of any other use: all. */
function namesTaken(call: Node): readonly string[] | null {
  const declared = call.parent?.parent;
  if (declared === undefined || !isVariableDeclaration(declared) || !isObjectBindingPattern(declared.name)) return null;
  return declared.name.elements.flatMap((element) => {
    if (!isBindingElement(element)) return [];
    const name = element.propertyName ?? element.name;
    return name !== undefined && isIdentifier(name) ? [name.text] : [];
  });
}

function namesExported(statement: Statement): string[] {
  if (isExportAssignment(statement)) return ["default"];
  const { modifiers, name } = statement as { modifiers?: readonly Node[]; name?: Identifier } & Statement;
  const kinds = modifiers?.map((modifier) => modifier.kind) ?? [];
  if (!kinds.includes(SyntaxKind.ExportKeyword)) return [];
  if (kinds.includes(SyntaxKind.DefaultKeyword)) return ["default"];
  if (!isVariableStatement(statement)) return name === undefined ? [] : [name.text];
  return statement.declarationList.declarations.flatMap(({ name }) => (isIdentifier(name) ? [name.text] : []));
}

function isType(statement: Statement): boolean {
  return statement.kind === SyntaxKind.InterfaceDeclaration || statement.kind === SyntaxKind.TypeAliasDeclaration;
}

function mentions(node: Node, names: readonly string[]): boolean {
  if (isIdentifier(node)) return names.includes(node.text);
  return node.forEachChild((child) => mentions(child, names) || undefined) === true;
}

/**
 * The first comment of a file is its head, and stands for a docstring only where the file has one export. One above a run of constants is
 * that of all of them.
 */
function isDocumented(index: number, source: SourceFile): boolean {
  const statement = source.statements[index];
  const docs = (statement as { jsDoc?: readonly Node[] }).jsDoc?.length ?? 0;
  if (index === 0) return docs > 1 || (docs === 1 && source.statements.flatMap(namesExported).length === 1);
  if (docs > 0) return true;
  const inRun = isVariableStatement(statement) && isVariableStatement(source.statements[index - 1]);
  return inRun && !/\n\s*\n/.test(statement.getFullText(source)) && isDocumented(index - 1, source);
}
