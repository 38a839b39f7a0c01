// An organisation that nobody works for, as it is before Quartermaster comes: a list of people, and a directory in which
// most of them have an account, some lack a group, and some accounts are nobody's. The same each time.

export const SUFFIX = 'dc=vale,dc=example';
export const ADMINISTRATOR = `cn=admin,${SUFFIX}`;
export const DIRECTORY_PASSWORD = 'the-directory-s-own';
export const PEOPLE = 200;

const GIVEN = ['Ada', 'Bram', 'Clara', 'Dirk', 'Elif', 'Femke', 'Goran', 'Hanna', 'Ivo', 'Julia', 'Karel', 'Lotte', 'Milan', 'Nora', 'Otto', 'Petra', 'Quirin', 'Rosa', 'Sven', 'Tessa'];
const FAMILY = ['Aerts', 'Bakker', 'Cohen', 'Dijkstra', 'Evers', 'Fischer', 'Gruber', 'Hendriks', 'Ivens', 'Jansen', 'Keller', 'Lindqvist', 'Meijer', 'Novak', 'Olsen', 'Peeters', 'Quist', 'Roth', 'Smit', 'Tanaka'];
export const DEPARTMENTS = ['Sales', 'Finance', 'Engineering', 'Operations', 'Human Resources'] as const;
const TITLES: Record<string, string[]> = {
  Sales: ['Sales Representative', 'Sales Manager'],
  Finance: ['Bookkeeper', 'Controller'],
  Engineering: ['Engineer', 'Architect'],
  Operations: ['Dispatcher', 'Shift Lead'],
  'Human Resources': ['Recruiter', 'People Partner'],
};
const SYSTEMS: Record<string, string[]> = {
  Sales: ['Crm', 'Quotes', 'Pricing', 'Contracts'],
  Finance: ['Ledger', 'Payments', 'Treasury', 'Budget'],
  Engineering: ['Source', 'Builds', 'Tickets', 'Telemetry'],
  Operations: ['Berths', 'Cranes', 'Yard', 'Weather'],
  'Human Resources': ['Hiring', 'Payroll', 'Training', 'Leave'],
};

export const systemsOf = (department: string): string[] => SYSTEMS[department];
export const leads = (person: Person): boolean => person.title === TITLES[person.department][1];

export interface Person {
  number: string;
  given: string;
  family: string;
  department: string;
  title: string;
  manager: string;
  login: string;
  /** Whether the directory has an account of theirs already. */
  known: boolean;
}

// Each tenth leads; the first of a department leads the leaders.
export function people(): Person[] {
  return Array.from({ length: PEOPLE }, (_, index) => {
    const department = DEPARTMENTS[index % DEPARTMENTS.length];
    const leads = index % 50 < DEPARTMENTS.length;
    const leader = index < DEPARTMENTS.length ? '' : String(1001 + (leads ? index % DEPARTMENTS.length : index - (index % 50) + (index % DEPARTMENTS.length)));
    const given = GIVEN[index % GIVEN.length];
    const family = FAMILY[(index * 7 + Math.floor(index / GIVEN.length)) % FAMILY.length];
    return {
      number: String(1001 + index),
      given,
      family,
      department,
      title: TITLES[department][leads ? 1 : 0],
      manager: leader,
      login: `${given[0]}${family}${1001 + index}`.toLowerCase(),
      known: index % 11 !== 7,
    };
  });
}

export function peopleFile(): string {
  const rows = people().map((person) =>
    [person.number, person.given, person.family, person.department, person.title, person.manager, '2020-01-01', ''].join(','),
  );
  return ['employee_number,given_name,family_name,department,title,manager_number,hire_date,end_date', ...rows, ''].join('\n');
}

const accountOf = (login: string) => `uid=${login},ou=people,${SUFFIX}`;
export const groupOf = (group: string) => `cn=${group},ou=groups,${SUFFIX}`;

/** The directory as it is found: entries for `slapadd`. */
export function entries(): string {
  const everybody = people();
  const known = everybody.filter((person) => person.known);
  const lines = [`dn: ${SUFFIX}`, 'objectClass: dcObject', 'objectClass: organization', 'o: Vale', 'dc: vale', ''];
  for (const unit of ['people', 'groups']) lines.push(`dn: ou=${unit},${SUFFIX}`, 'objectClass: organizationalUnit', `ou: ${unit}`, '');
  const account = (login: string, given: string, family: string, more: string[]) =>
    lines.push(`dn: ${accountOf(login)}`, 'objectClass: inetOrgPerson', `uid: ${login}`, `cn: ${given} ${family}`, `sn: ${family}`, `givenName: ${given}`, `mail: ${login}@vale.example`, ...more, '');
  for (const person of known) {
    account(person.login, person.given, person.family, [`employeeNumber: ${person.number}`, `departmentNumber: ${person.department}`, `title: ${person.title}`]);
  }
  // Of people who are gone, and of machines.
  for (let index = 0; index < 20; index += 1) account(`former${index + 1}`, 'Former', `Colleague ${index + 1}`, []);
  for (const machine of ['backup', 'scanner', 'printer', 'mailer', 'monitor']) account(`svc-${machine}`, 'Service', machine, []);
  const group = (name: string, members: string[], description = '') => {
    lines.push(`dn: ${groupOf(name)}`, 'objectClass: groupOfNames', `cn: ${name}`);
    if (description) lines.push(`description: ${description}`);
    lines.push(...[ADMINISTRATOR, ...members.map(accountOf)].map((member) => `member: ${member}`), '');
  };
  const logins = (chosen: Person[]) => chosen.map((person) => person.login);
  group('All staff', logins(known));
  for (const department of DEPARTMENTS) {
    const members = known.filter((person) => person.department === department);
    // One in eight was forgotten when the group was made.
    group(`Department ${department}`, logins(members.filter((_, index) => index % 8 !== 3)));
    for (const system of SYSTEMS[department]) {
      group(`APP ${system} Read`, logins(members.filter((_, index) => index % 8 !== 5)));
      group(`APP ${system} Change`, logins(members.filter((person) => person.title === TITLES[department][1])));
    }
  }
  for (const site of ['Harbour', 'Vale', 'Hill']) group(`Site ${site}`, logins(known.filter((person) => Number(person.number) % 3 === site.length % 3)));
  for (let index = 1; index <= 10; index += 1) group(`old-share-${index}`, logins(known.slice(index * 5, index * 5 + 4)), 'From the file server of before');
  return lines.join('\n');
}
