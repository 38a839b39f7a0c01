// A directory server of its own: OpenLDAP's slapd on a free port, with its files in a folder that goes with it.
import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { mkdirSync, writeFileSync } from 'node:fs';
import { createConnection } from 'node:net';
import { join } from 'node:path';
import { ADMINISTRATOR, DIRECTORY_PASSWORD, SUFFIX, entries } from './organisation';

const settings = (data: string) => `dn: cn=config
objectClass: olcGlobal
cn: config

dn: cn=module,cn=config
objectClass: olcModuleList
cn: module
olcModulePath: /usr/lib/ldap
olcModuleLoad: back_mdb

dn: cn=schema,cn=config
objectClass: olcSchemaConfig
cn: schema

include: file:///etc/ldap/schema/core.ldif

include: file:///etc/ldap/schema/cosine.ldif

include: file:///etc/ldap/schema/inetorgperson.ldif

dn: olcDatabase={1}mdb,cn=config
objectClass: olcDatabaseConfig
objectClass: olcMdbConfig
olcDatabase: mdb
olcSuffix: ${SUFFIX}
olcRootDN: ${ADMINISTRATOR}
olcRootPW: ${DIRECTORY_PASSWORD}
olcDbDirectory: ${data}
olcDbNoSync: TRUE
olcDbMaxSize: 104857600
olcDbIndex: objectClass,uid,cn,member eq
`;

const answers = (port: number) =>
  new Promise<boolean>((done) => {
    const socket = createConnection({ port, host: '127.0.0.1' });
    socket.once('connect', () => (socket.destroy(), done(true)));
    socket.once('error', () => done(false));
  });

/** Starts one with the organisation's entries, and answers once it takes connections. */
export async function startSlapd(folder: string, port: number): Promise<ChildProcess> {
  const [configuration, data] = ['configuration', 'data'].map((name) => join(folder, name));
  for (const path of [folder, configuration, data]) mkdirSync(path, { recursive: true });
  for (const [number, ldif] of [settings(data), entries()].entries()) {
    const file = join(folder, `${number}.ldif`);
    writeFileSync(file, ldif);
    execFileSync('/usr/sbin/slapadd', ['-n', String(number), '-F', configuration, '-l', file], { stdio: ['ignore', 'ignore', 'inherit'] });
  }
  const slapd = spawn('/usr/sbin/slapd', ['-F', configuration, '-h', `ldap://127.0.0.1:${port}/`, '-d', '0'], { stdio: 'ignore' });
  for (let attempt = 0; attempt < 200; attempt += 1) {
    if (slapd.exitCode !== null) break;
    if (await answers(port)) return slapd;
    await new Promise((done) => setTimeout(done, 50));
  }
  slapd.kill();
  throw new Error(`slapd did not start in ${folder}`);
}

/** What ldapsearch finds of an entry: its attributes, each with its values. */
export function lookUp(port: number, filter: string, attribute: string): string[] {
  const output = execFileSync('ldapsearch', ['-x', '-LLL', '-o', 'ldif-wrap=no', '-H', `ldap://127.0.0.1:${port}`, '-D', ADMINISTRATOR, '-w', DIRECTORY_PASSWORD, '-b', SUFFIX, filter, attribute], { encoding: 'utf8' });
  return output.split('\n').filter((line) => line.startsWith(`${attribute}: `)).map((line) => line.slice(attribute.length + 2));
}
