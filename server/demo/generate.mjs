// Makes the people of the demo organisation: feeds/people.csv and feeds/positions.csv, the same ones every time.
// Run: node server/demo/generate.mjs
// The day it is on is fixed; `quartermaster demo` moves all dates so that this day becomes the day of its first start.
import { writeFileSync } from "node:fs";

const TODAY = "2026-11-22";
const FEEDS = new URL("configuration/feeds/", import.meta.url);

/** Mulberry32: small, and the same on every machine. */
function randomFrom(seed) {
  return () => {
    seed = (seed + 0x6d2b79f5) | 0;
    let t = Math.imul(seed ^ (seed >>> 15), 1 | seed);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 4294967296;
  };
}
const random = randomFrom(20261122);
const below = (count) => Math.floor(random() * count);
const pick = (list) => list[below(list.length)];
const chance = (share) => random() < share;

/** One of the keys, as often as its number says. */
function weighted(weights) {
  const entries = Object.entries(weights);
  let rest = random() * entries.reduce((sum, [, weight]) => sum + weight, 0);
  for (const [key, weight] of entries) {
    rest -= weight;
    if (rest < 0) return key;
  }
  return entries.at(-1)[0];
}

const addDays = (date, days) => new Date(Date.parse(date) + days * 86400000).toISOString().slice(0, 10);
const dayBetween = (from, to) => addDays(from, below((Date.parse(to) - Date.parse(from)) / 86400000 + 1));

const GIVEN = `Lotte Daan Sanne Bram Fenna Thijs Marijke Joost Ilse Ruben Noor Pieter Zoë Jurre Esmée Stijn
Anna Lukas Katharina Jürgen Sabine Matthias Grit Jörn Ulrike Björn Heike Torsten Käthe Volker
Łukasz Agnieszka Paweł Małgorzata Zofia Krzysztof Żaneta Michał Grażyna Wojciech Iwona Bartłomiej
José Inês João Beatriz Rui Conceição Tiago Mafalda Duarte Luísa Gonçalo Graça
Søren Mette Kåre Astrid Jørgen Freja Bjarke Kirstine Anders Sigrid Øyvind Åse
Oliver Charlotte Rhys Siobhán Callum Niamh George Harriet Euan Imogen Dafydd Maeve
Emre Ayşe Özlem Çağlar Fatima Youssef Samira Karim Leïla Omar Priya Arjun Mei Tuấn Linh Kwame Ama Chidi
Chloé André Renée Élodie Tomáš Šárka Zdeněk Réka Gábor Ștefan Ioana Andrés Núria`.split(/\s+/);

const FAMILY = `de Vries|van den Berg|Jansen|Bakker|Visser|Smit|Meijer|Mulder|Dekker|van der Linden|Hoekstra|Kuipers
Müller|Schmidt|Schröder|Weiß|Krüger|Böhm|Lüders|Petersen|Harms|Köster|Brandt|Wulff
Nowak|Kowalczyk|Wiśniewski|Wójcik|Zieliński|Kamińska|Dąbrowski|Łuczak|Gołąb|Sikora|Żak
Ferreira|Gonçalves|Magalhães|Araújo|Simões|Conceição|Leitão|Queirós|Brandão|Pinto
Sørensen|Møller|Nygård|Kjær|Østergaard|Lindahl|Thøgersen|Bæk|Holm|Dahl
O'Brien|Fitzgerald|Llewellyn|Ashworth|Clarke|Hughes|MacLeod|Thornton|Whitfield|Okafor
Yılmaz|Şahin|Öztürk|El Amrani|Benali|Haddad|Sharma|Patel|Nguyễn|Trần|Chen|Mensah|Adeyemi
Lefèvre|Dvořák|Novák|Kovács|Szabó|Popescu|Ibáñez|Núñez|Castellví`.split(/[|\n]/);

const SITES = {
  Rotterdam: { phone: "+31 10 555", share: 30 },
  Hamburg: { phone: "+49 40 555", share: 22 },
  "Gdańsk": { phone: "+48 58 555", share: 18 },
  Porto: { phone: "+351 22 555", share: 12 },
  Aarhus: { phone: "+45 87 55", share: 10 },
  Bristol: { phone: "+44 117 555", share: 8 },
};
const share = (...names) => Object.fromEntries(names.map((name) => [name, SITES[name].share]));
const EVERYWHERE = share(...Object.keys(SITES));

/** Who works where: `leads` are between manager and staff; `span` is how many people a manager or lead looks after. */
const DEPARTMENTS = [
  { name: "Sales", code: 2100, director: "Sales Director", manager: "Sales Manager", span: 12, sites: EVERYWHERE, count: 76,
    staff: { "Account Executive": 30, "Sales Representative": 34, "Sales Support Specialist": 10 } },
  { name: "Marketing", code: 2200, director: "Marketing Director", manager: "Marketing Manager", span: 13,
    sites: share("Rotterdam", "Hamburg", "Bristol"), count: 28,
    staff: { "Campaign Specialist": 12, "Content Editor": 8, "Market Analyst": 5 } },
  { name: "Finance", code: 3100, director: "Finance Director", manager: "Controller", span: 11,
    sites: share("Rotterdam", "Hamburg"), count: 34,
    staff: { Accountant: 14, "Accounts Payable Clerk": 9, "Payroll Specialist": 5, "Treasury Analyst": 3 } },
  { name: "Human Resources", code: 3200, director: "Human Resources Director", manager: "Human Resources Manager", span: 10,
    sites: share("Rotterdam", "Hamburg", "Gdańsk"), count: 22,
    staff: { "Human Resources Adviser": 12, Recruiter: 7 } },
  { name: "Information Technology", code: 3300, director: "Information Technology Director", manager: "Service Delivery Manager",
    span: 11, sites: share("Rotterdam", "Gdańsk", "Porto"), count: 46,
    staff: { "Software Engineer": 17, "Systems Administrator": 9, "Service Desk Analyst": 11, "Business Analyst": 5 } },
  { name: "Operations", code: 4100, director: "Operations Director", manager: "Terminal Manager", lead: "Shift Lead", span: 9,
    sites: share("Rotterdam", "Hamburg", "Gdańsk", "Aarhus"), count: 92,
    staff: { "Operations Planner": 9, "Crane Operator": 36, "Vessel Coordinator": 22, "Safety Officer": 8 } },
  { name: "Warehouse", code: 4200, director: "Logistics Director", manager: "Warehouse Manager", lead: "Warehouse Team Lead",
    span: 12, sites: share("Rotterdam", "Hamburg", "Gdańsk", "Porto"), count: 122,
    staff: { "Warehouse Operative": 76, "Forklift Driver": 32, "Inventory Clerk": 12 } },
  { name: "Customer Service", code: 5100, director: "Customer Service Director", manager: "Customer Service Manager",
    lead: "Customer Service Team Lead", span: 10, sites: share("Gdańsk", "Porto", "Bristol", "Hamburg"), count: 80,
    staff: { "Customer Service Agent": 60, "Claims Handler": 14 } },
];

const people = [];
const positions = [];

function addPerson({ department, code, title, site, manager, leads, starts }) {
  const number = `E${10001 + people.length}`;
  // Two in a hundred share the name of somebody before them: accounts need names of their own.
  const twin = people.length > 40 && chance(0.02) ? pick(people) : undefined;
  const type = leads || code === 1000 ? "employee" : weighted({ employee: 86, contractor: 7, temporary: 5, intern: 2 });
  const person = {
    number,
    given: twin?.given ?? pick(GIVEN),
    family: twin?.family ?? pick(FAMILY),
    type,
    phone: chance(0.92) ? `${SITES[site].phone} ${String(1000 + people.length)}` : "",
    manager: manager?.number ?? "",
    starts: starts ?? dayBetween(type === "employee" ? "2009-01-05" : "2025-02-03", "2026-10-30"),
    ends: type === "employee" ? "" : dayBetween("2027-01-31", "2027-10-31"),
    site,
  };
  people.push(person);
  person.position = { number, department, title, site, code, leads, from: person.starts, to: person.ends, priority: 1 };
  positions.push(person.position);
  return person;
}

const chief = addPerson({
  department: "Executive Office", code: 1000, title: "Chief Executive", site: "Rotterdam", leads: true, starts: "2012-03-01",
});
for (const title of ["Chief of Staff", "General Counsel", "Executive Assistant"]) {
  addPerson({ department: "Executive Office", code: 1000, title, site: "Rotterdam", manager: chief, starts: dayBetween("2014-01-01", "2024-06-30") });
}

for (const { name: department, code, director: directorTitle, manager: managerTitle, lead: leadTitle, span, sites, count, staff } of DEPARTMENTS) {
  const at = (values) => ({ department, code, ...values });
  const director = addPerson(at({ title: directorTitle, site: "Rotterdam", manager: chief, leads: true }));
  const managers = Object.keys(sites).slice(0, Math.max(1, Math.min(Object.keys(sites).length, Math.round(count / span / (leadTitle ? 3 : 1)))))
    .map((site) => addPerson(at({ title: managerTitle, site, manager: director, leads: true })));
  const leads = leadTitle
    ? Array.from({ length: Math.round(count / span) - managers.length }, (_, index) => {
        const manager = managers[index % managers.length];
        return addPerson(at({ title: leadTitle, site: manager.site, manager, leads: true }));
      })
    : managers;
  const team = count - 1 - managers.length - (leadTitle ? leads.length : 0);
  for (let index = 0; index < team; index += 1) {
    const site = weighted(sites);
    const near = leads.filter((lead) => lead.site === site);
    addPerson(at({ title: weighted(staff), site, manager: pick(near.length > 0 ? near : leads), leads: false }));
  }
}

/** People without reports, no two of the calls below get the same. */
const free = people.filter((person) => !person.position.leads && person.position.department !== "Executive Office");
const take = (count, fits = () => true) => {
  const taken = [];
  while (taken.length < count) {
    const index = below(free.length);
    if (fits(free[index])) taken.push(...free.splice(index, 1));
  }
  return taken;
};
const isEmployee = (person) => person.type === "employee";
const longHere = (person) => isEmployee(person) && person.starts < "2023-01-01";

// Joiners: two start within a week, the others next month.
for (const [index, person] of take(14, isEmployee).entries()) {
  person.starts = index < 2 ? "2026-11-26" : pick(["2026-12-01", "2026-12-01", "2026-12-07", "2026-12-14"]);
  person.position.from = person.starts;
}
// Leavers: gone already, still listed.
const leavers = take(18, longHere);
for (const person of leavers) {
  person.ends = dayBetween("2026-08-31", "2026-11-20");
  person.position.to = person.ends;
}
// Leaving at the end of the year.
for (const person of take(5, longHere)) {
  person.ends = "2026-12-31";
  person.position.to = person.ends;
}
// Did something else before.
for (const person of take(60, longHere)) {
  const changed = dayBetween("2023-06-01", "2026-06-30");
  const department = pick(DEPARTMENTS);
  positions.push({
    ...person.position, department: department.name, code: department.code, title: weighted(department.staff),
    from: person.starts, to: addDays(changed, -1),
  });
  person.position.from = changed;
}
// Move soon: the next position is known already. The first of them has ended the one before, and is in a gap.
for (const [index, person] of take(9, longHere).entries()) {
  const changes = pick(["2026-12-01", "2027-01-01"]);
  const department = pick(DEPARTMENTS.filter((other) => other.name !== person.position.department));
  person.position.to = index ? addDays(changes, -1) : addDays(TODAY, -8);
  positions.push({ ...person.position, department: department.name, code: department.code, title: weighted(department.staff), from: changes, to: person.ends });
}
// Hold a second position beside the first, for a while.
for (const person of take(8, longHere)) {
  const department = pick(DEPARTMENTS.filter((other) => other.name !== person.position.department));
  positions.push({
    ...person.position, department: department.name, code: department.code, title: weighted(department.staff),
    from: dayBetween("2026-08-01", "2026-10-31"), to: dayBetween("2026-12-15", "2027-04-30"), priority: 2,
  });
}
// Stand in for a manager.
for (const person of take(3, (candidate) => longHere(candidate) && candidate.position.department === "Operations")) {
  positions.push({ ...person.position, title: "Shift Lead", leads: true, from: "2026-11-01", to: "2027-01-31", priority: 2 });
}

// Away from their desk: some already, two soon. The time is a position of its own.
for (const [index, person] of take(6, longHere).entries()) {
  const from = index < 4 ? dayBetween("2026-06-01", "2026-11-18") : "2026-12-01";
  const to = dayBetween("2027-01-31", "2027-06-30");
  const before = { ...person.position, to: addDays(from, -1) };
  const away = { ...person.position, absence: index % 2 ? "sabbatical" : "parental leave", from, to };
  person.position.from = addDays(to, 1);
  positions.push(before, away);
}
// Left in a quarrel: nothing of theirs is thrown away.
for (const person of leavers.filter((person) => person.ends < "2026-11-10").slice(0, 2)) person.litigation = "2026/17";

const field = (value) => (/[",\n]/.test(value) ? `"${value.replaceAll('"', '""')}"` : value);
const csv = (header, rows) => `${[header, ...rows.map((row) => row.map(String).map(field).join(","))].join("\n")}\n`;

writeFileSync(new URL("people.csv", FEEDS), csv(
  "employee_number,given_name,family_name,employee_type,phone,manager,first_day,last_day,litigation",
  people.map(({ number, given, family, type, phone, manager, starts, ends, litigation = "" }) =>
    [number, given, family, type, phone, manager, starts, ends, litigation]),
));
positions.sort((a, b) => a.number.localeCompare(b.number) || a.from.localeCompare(b.from) || a.priority - b.priority);
writeFileSync(new URL("positions.csv", FEEDS), csv(
  "employee_number,department,title,site,cost_centre,people_manager,from,to,priority,absence",
  positions.map(({ number, department, title, site, code, leads, from, to, priority, absence = "" }) =>
    [number, department, title, site, code + Object.keys(SITES).indexOf(site), leads ? "true" : "false", from, to, priority, absence]),
));
console.log(`As of ${TODAY}: ${people.length} people, ${positions.length} positions.`);
