//! Identity sources: what is read, and what a person is told when it cannot be.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on ends there")]

use std::path::Path;

use connectors::feed::{self, Feed, FeedError};
use model::configuration::IdentitySource;
use model::identity::Context;
use model::value::Value;
use proptest::prelude::*;

const HEADER: &str = "employee_number,given_name,family_name,department,grade,manager_number,hire_date,end_date\n";

fn source(positions: bool) -> IdentitySource {
    let mut source = serde_json::json!({
        "file": "hr.csv",
        "key": "employee_number",
        "display_name": "identity.given_name + ' ' + identity.family_name",
        "manager": "manager_number",
        "starts": "hire_date",
        "ends": "end_date",
        "attributes": {
            "given_name": "given_name",
            "family_name": { "column": "family_name", "required": true },
            "department": "department",
            "grade": { "column": "grade", "type": "integer" },
        },
    });
    if positions {
        source["positions"] = serde_json::json!({
            "file": "positions.csv",
            "key": "employee_number",
            "starts": "from",
            "ends": "until",
            "priority": "priority",
            "attributes": { "title": "title" },
        });
    }
    serde_json::from_value(source).unwrap()
}

fn read_from(source: &IdentitySource, base: &Path) -> Result<Feed, FeedError> {
    feed::read(source, base, &mut |row| {
        let text = |name: &str| row.attributes.get(name).and_then(Value::as_text).map(str::to_owned);
        let given = text("given_name").ok_or("no such key: given_name")?;
        Ok(format!("{given} {}", text("family_name").unwrap_or_default()))
    })
}

fn read(bytes: &[u8]) -> Result<Feed, FeedError> {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("hr.csv"), bytes).unwrap();
    read_from(&source(false), folder.path())
}

fn read_with_positions(people: &str, positions: &str) -> Result<Feed, FeedError> {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("hr.csv"), people).unwrap();
    std::fs::write(folder.path().join("positions.csv"), positions).unwrap();
    read_from(&source(true), folder.path())
}

fn shown(contexts: &[Context]) -> Vec<String> {
    let day = |day: Option<jiff::civil::Date>| day.map_or("…".to_owned(), |day| day.to_string());
    let one = |context: &Context| {
        let title = context.attributes.get("title").map_or(String::new(), ToString::to_string);
        let Context { key, priority, period, .. } = context;
        format!("{key} [{} {}) {priority} {title}", day(period.starts), day(period.ends))
    };
    contexts.iter().map(one).collect()
}

#[test]
fn a_good_feed() {
    let feed = read(
        "\u{feff}employee_number,given_name,family_name,department,grade,manager_number,hire_date,end_date,badge\r\n\
         1,Ada,Lovelace,\"Sales, North\",7,,1999-12-31,,x\r\n\
         \r\n\
         2,Grace,Hopper,, ,1,2000-01-01,2000-06-30,\r\n\
         3,Alan,Turing,IT,,99,,9999-12-31,\r\n"
            .as_bytes(),
    )
    .unwrap();
    assert_eq!(feed.rows, 3);
    let [ada, grace, alan] = feed.identities.as_slice() else { panic!("{:?}", feed.identities) };
    assert_eq!((ada.key.as_str(), ada.display_name.as_str()), ("1", "Ada Lovelace"));
    assert_eq!(ada.attributes["department"], Value::from("Sales, North"));
    assert_eq!(ada.attributes["grade"], Value::Integer(7));
    assert_eq!(ada.manager_key, None);
    assert_eq!(shown(&ada.contexts), ["employment [1999-12-31 …) 0 "]);
    assert_eq!(grace.attributes.keys().collect::<Vec<_>>(), ["family_name", "given_name"]);
    assert_eq!(grace.manager_key.as_deref(), Some("1"));
    assert_eq!(shown(&grace.contexts), ["employment [2000-01-01 2000-07-01) 0 "], "the last day still counts");
    assert_eq!(shown(&alan.contexts), ["employment [… …) 0 "], "9999-12-31 is open");
    let warnings = feed.warnings.iter().map(ToString::to_string).collect::<Vec<_>>();
    assert_eq!(warnings, ["hr.csv:5:6 (manager_number): no row has the key \"99\"; the manager stays unknown"]);
}

#[test]
fn manager_cycles_are_the_company_s_business() {
    let feed = read(format!("{HEADER}1,A,A,,,2,,\n2,B,B,,,1,,\n3,C,C,,,3,,\n").as_bytes()).unwrap();
    assert_eq!(feed.warnings_total, 0);
}

#[test]
fn the_digest_tells_whether_anything_can_have_changed() {
    let folder = tempfile::tempdir().unwrap();
    let write = |text: String| std::fs::write(folder.path().join("hr.csv"), text).unwrap();
    write(format!("{HEADER}1,A,A,,,,,\n"));
    let mut source = source(false);
    let first = read_from(&source, folder.path()).unwrap().digest;
    assert_eq!(first.len(), 64);
    assert_eq!(feed::digest(&source, folder.path()).unwrap(), first);
    write(format!("{HEADER}1,A,B,,,,,\n"));
    let second = read_from(&source, folder.path()).unwrap().digest;
    assert_ne!(first, second, "another byte");
    source.attributes.remove("grade");
    assert_ne!(feed::digest(&source, folder.path()).unwrap(), second, "another way to read");
}

#[test]
fn bad_feeds() {
    let rows = |rows: &str| format!("{HEADER}{rows}").into_bytes();
    let check = |what: &str, bytes: Vec<u8>, expect: &[&str]| {
        let error = read(&bytes).expect_err(what);
        assert_eq!(error.to_string().lines().collect::<Vec<_>>(), expect, "{what}");
    };
    check("empty", vec![], &["hr.csv: the file is empty; the first line has to hold the headers"]);
    check("blank lines", b"\n\r\n".to_vec(), &["hr.csv: the file is empty; the first line has to hold the headers"]);
    check(
        "header only",
        rows(""),
        &["hr.csv:1: the file has headers and no rows; that would make everybody a leaver. Send the full file"],
    );
    check(
        "missing columns",
        b"employee_number,given_name,family_name,departement,grade,manager_number,hire_date\n1,A,A,,,,\n".to_vec(),
        &[
            "hr.csv:1: there is no column \"end_date\"; the headers are employee_number, given_name, family_name, departement, grade, manager_number, hire_date",
            "hr.csv:1: there is no column \"department\"; the headers are employee_number, given_name, family_name, departement, grade, manager_number, hire_date; did you mean \"departement\"?",
        ],
    );
    check(
        "duplicate header",
        b"employee_number,given_name,employee_number\n".to_vec(),
        &["hr.csv:1:3 (employee_number): column 1 has the same header; give each column its own"],
    );
    check(
        "duplicate key",
        rows("1,A,A,,,,,\n2,B,B,,,,,\n1,C,C,,,,,\n"),
        &["hr.csv:4:1 (employee_number): \"1\" stands on line 2 already"],
    );
    check("missing key", rows(" ,A,A,,,,,\n"), &["hr.csv:2:1 (employee_number): the key is missing"]);
    check(
        "key with a line break",
        rows("\"1\n2\",A,A,,,,,\n"),
        &["hr.csv:2:1 (employee_number): a key cannot hold line breaks or other control characters"],
    );
    check(
        "key too long",
        rows(&format!("{},A,A,,,,,\n", "9".repeat(256))),
        &["hr.csv:2:1 (employee_number): a key has at most 255 characters"],
    );
    check(
        "wrong encoding",
        [HEADER.as_bytes(), b"1,J\xFCrgen,A,,,,,\n"].concat(),
        &[
            "hr.csv:2:2 (given_name): byte 94 of the file, 0xFC, is not UTF-8; in ISO 8859-1 and Windows-1252 it would be \"ü\"; save the file as UTF-8",
        ],
    );
    check(
        "UTF-16",
        [0xFF, 0xFE].into_iter().chain(HEADER.bytes().flat_map(|byte| [byte, 0])).collect(),
        &["hr.csv: the file is in UTF-16 (little-endian); save it as UTF-8"],
    );
    check(
        "UTF-16 without a mark",
        HEADER.bytes().flat_map(|byte| [byte, 0]).collect(),
        &["hr.csv:1:1: the cell holds a NUL byte; is this a text file, and in UTF-8 rather than UTF-16?"],
    );
    check(
        "NUL",
        rows("1,A,A,\0,,,,\n"),
        &["hr.csv:2:4 (department): the cell holds a NUL byte; is this a text file, and in UTF-8 rather than UTF-16?"],
    );
    check(
        "10 MB cell",
        rows(&format!("1,A,A,,,,,\n2,B,{},,,,,\n", "x".repeat(10_000_000))),
        &["hr.csv:3:3 (family_name): the cell is longer than 64 KiB"],
    );
    check(
        "10 MB in quotes",
        rows(&format!("1,A,\"{},,,,,\n", "x".repeat(10_000_000))),
        &["hr.csv:2:3 (family_name): the cell is longer than 64 KiB; is its closing quote missing?"],
    );
    check(
        "open quote",
        rows("1,A,\"A,,,,,\n"),
        &["hr.csv:2:3 (family_name): the quote that opens this cell is never closed"],
    );
    check(
        "text after a quote",
        rows("1,A,\"A\"A,,,,,\n"),
        &[
            "hr.csv:2:3 (family_name): there is text after the closing quote; a quote inside a quoted cell is written twice",
        ],
    );
    check(
        "ragged rows",
        rows("1,A,A,Sales,North,,,,\n2,B,B\n3,C,C,,,,,\n"),
        &[
            "hr.csv:2: the row has 9 cells, the header has 8; a cell that contains the separator has to stand in quotes",
            "hr.csv:3: the row has 3 cells, the header has 8; a cell that contains the separator has to stand in quotes",
        ],
    );
    check(
        "bad values",
        rows(
            "1,A,A,,,,31.12.1999,\n2,B,,,,,,\n3,C,C,,high,,,\n4,D,D,,,,2000-02-01,2000-01-31\n5,E,E,,1,,2001-01-01,\n6,F,F,,2,,2001-01-01,\n",
        ),
        &[
            "hr.csv:2:7 (hire_date): \"31.12.1999\" is no date; write it as 1999-12-31",
            "hr.csv:3:3 (family_name): a value is required",
            "hr.csv:4:5 (grade): \"high\" is no whole number",
            "hr.csv:5:8 (end_date): ends on 2000-01-31, before it starts on 2000-02-01",
        ],
    );
    check(
        "name that fails",
        rows("1,,A,,,,,\n"),
        &["hr.csv:2: the expression for the name failed: no such key: given_name"],
    );
    let swapped = HEADER.replace("department", "swap").replace("hire_date", "department").replace("swap", "hire_date");
    check(
        "swapped headers",
        format!("{swapped}1,A,A,Sales,,,1999-01-01,\n2,B,B,IT,,,1999-02-01,\n3,C,C,IT,,,1999-02-01,\n").into_bytes(),
        &[
            "hr.csv:1:4 (hire_date): 3 of 3 values are no dates, first on line 2; column 7 (department) would fit: the headers may be swapped",
        ],
    );
    let swapped = HEADER
        .replace("department", "swap")
        .replace("employee_number", "department")
        .replace("swap", "employee_number");
    check(
        "swapped key",
        format!("{swapped}1,A,A,Sales,,,,\n2,B,B,Sales,,,,\n3,C,C,Sales,,,,\n").into_bytes(),
        &["hr.csv:1:4 (employee_number): 2 of 3 keys repeat another; it is not the key, or the headers may be swapped"],
    );
}

#[test]
fn at_most_twenty_findings_are_told() {
    let good = "0,A,A,,,,2000-01-01,\n".to_owned();
    let rows = (1..=30).map(|row| format!("{row},A,A,,,,{},\n", if row % 2 == 0 { "soon" } else { "2000-01-01" }));
    let rows = rows.chain((31..=40).map(|row| format!("{row},A,,,,,2000-01-01,\n")));
    let text = format!("{HEADER}{good}{}", rows.collect::<String>());
    let error = read(text.as_bytes()).unwrap_err();
    assert_eq!((error.findings.len(), error.total), (20, 25));
    assert_eq!(error.to_string().lines().last(), Some("… and 5 more"));
}

#[test]
fn a_missing_file_is_named_with_the_place_looked_at() {
    let folder = tempfile::tempdir().unwrap();
    let error = read_from(&source(true), folder.path()).unwrap_err().to_string();
    let place = folder.path().display();
    let expect = ["hr.csv", "positions.csv"]
        .map(|file| format!("{file}: cannot be opened as {place}/{file}: No such file or directory (os error 2)"));
    assert_eq!(error.lines().collect::<Vec<_>>(), expect);
}

#[test]
fn a_separator_that_cannot_be_one() {
    let mut source = source(false);
    source.delimiter = Some('ä');
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("hr.csv"), HEADER).unwrap();
    let error = read_from(&source, folder.path()).unwrap_err().to_string();
    assert_eq!(error, "hr.csv: 'ä' cannot separate cells; set `delimiter` to a comma, a semicolon, a tab or |");
}

#[test]
fn another_separator_is_recognized() {
    let error = read(HEADER.replace(',', ";").as_bytes()).unwrap_err();
    let expect = format!(
        "hr.csv:1: there is no column \"employee_number\"; the headers are {}; the file looks separated by ';', then set \
         `delimiter`",
        HEADER.replace(',', ";").trim_end()
    );
    assert_eq!(error.to_string().lines().next(), Some(expect.as_str()));
}

#[test]
fn positions_become_contexts_that_keep_their_keys() {
    let people = format!("{HEADER}1,A,A,,,,2000-01-01,2000-12-31\n2,B,B,,,,2000-01-01,\n");
    let positions = "employee_number,from,until,title,priority\n\
                     1,2000-03-01,,Clerk,2\n\
                     1,2000-03-01,2000-05-31,Auditor,1\n\
                     1,2000-01-01,2000-03-15,Trainee,\n\
                     1,2000-01-01,2000-03-15,Trainee,\n\
                     1,2001-01-01,,Ghost,\n";
    let feed = read_with_positions(&people, positions).unwrap();
    let expect = [
        "2000-01-01/1 [2000-01-01 2000-03-16) 2147483647 Trainee",
        "2000-03-01/1 [2000-03-01 2000-06-01) 1 Auditor",
        "2000-03-01/2 [2000-03-01 2001-01-01) 2 Clerk",
    ];
    assert_eq!(shown(&feed.identities[0].contexts), expect);
    assert_eq!(shown(&feed.identities[1].contexts), ["employment [2000-01-01 …) 0 "], "nobody is without a context");
    let warnings = feed.warnings.iter().map(ToString::to_string).collect::<Vec<_>>();
    let outside = "positions.csv:6: the position of \"1\" lies outside the employment and never holds";
    assert_eq!(warnings, [outside]);

    // Another order of the rows, and an end that became known.
    let positions = "employee_number,from,until,title,priority\n\
                     1,2000-03-01,2000-05-31,Auditor,1\n\
                     1,2000-01-01,2000-03-15,Trainee,\n\
                     1,2000-03-01,2000-04-30,Clerk,2\n";
    let feed = read_with_positions(&people, positions).unwrap();
    let keys = feed.identities[0]
        .contexts
        .iter()
        .map(|context| (context.key.as_str(), context.attributes["title"].to_string()));
    let expect = [("2000-01-01/1", "Trainee"), ("2000-03-01/1", "Auditor"), ("2000-03-01/2", "Clerk")];
    assert_eq!(keys.collect::<Vec<_>>(), expect.map(|(key, title)| (key, title.to_owned())));
}

#[test]
fn bad_positions() {
    let people = format!("{HEADER}1,A,A,,,,,\n");
    let check = |positions: &str, expect: &[&str]| {
        let error = read_with_positions(&people, positions).expect_err(positions).to_string();
        assert_eq!(error.lines().collect::<Vec<_>>(), expect, "{positions}");
    };
    check("", &["positions.csv: the file is empty; the first line has to hold the headers"]);
    check(
        "employee_number,from,until,title,priority\n",
        &["positions.csv:1: the file has headers and no rows; that would end every position. Send the full file"],
    );
    check(
        "employee_number,from,until,title,priority\n1,,,A,\n7,,,B,\n1,2000-02-01,2000-01-01,C,\n8,,,D,high\n",
        &[
            "positions.csv:4:3 (until): ends on 2000-01-01, before it starts on 2000-02-01",
            "positions.csv:5:5 (priority): \"high\" is no whole number",
            "positions.csv:3:1 (employee_number): nobody in hr.csv has the key \"7\"",
            "positions.csv:5:1 (employee_number): nobody in hr.csv has the key \"8\"",
        ],
    );
    check(
        "employee_number,from,until,priority\n1,,,\n",
        &["positions.csv:1: there is no column \"title\"; the headers are employee_number, from, until, priority"],
    );
}

#[test]
fn both_files_are_complained_about_at_once() {
    let error = read_with_positions(
        &format!("{HEADER}1,A,,,,,,\n"),
        "employee_number,from,until,title,priority\n1,yesterday,,A,\n",
    );
    let expect = "hr.csv:2:3 (family_name): a value is required\n\
                  positions.csv:2:2 (from): \"yesterday\" is no date; write it as year-month-day, such as 1999-12-31";
    assert_eq!(error.unwrap_err().to_string(), expect);
}

/// A source whose contracts say when somebody is there, whose positions go on over gaps, and whose badge stands in the row.
fn sectioned() -> IdentitySource {
    let mut source = source(false);
    source.sections = serde_json::from_value(serde_json::json!({
        "badge": { "starts": "badge_from", "attributes": { "badge": "badge" } },
        "contract": {
            "file": "contracts.csv", "key": "number", "record": "contract", "starts": "from", "ends": "until",
            "boundaries": "employment", "attributes": { "kind": "kind" },
        },
        "position": {
            "file": "positions.csv", "key": "number", "starts": "from", "ends": "until", "gaps": "extend",
            "sort_key": "share", "not_extended": ["desk"], "attributes": { "title": "title", "desk": "desk" },
        },
    }))
    .unwrap();
    source
}

fn read_sections(people: &str, contracts: &str, positions: &str) -> Result<Feed, FeedError> {
    let folder = tempfile::tempdir().unwrap();
    let header = format!("{},badge_from,badge\n", HEADER.trim_end());
    std::fs::write(folder.path().join("hr.csv"), format!("{header}{people}")).unwrap();
    std::fs::write(folder.path().join("contracts.csv"), format!("number,contract,from,until,kind\n{contracts}"))
        .unwrap();
    std::fs::write(folder.path().join("positions.csv"), format!("number,from,until,share,title,desk\n{positions}"))
        .unwrap();
    read_from(&sectioned(), folder.path())
}

#[test]
fn sections_are_combined_into_contexts() {
    let feed = read_sections(
        "1,A,A,,,,2000-01-01,,2000-06-01,B7\n2,B,B,,,,2000-01-01,2000-12-31,,\n3,C,C,,,,2000-01-01,,,\n",
        "1,C1,,2000-08-31,full\n1,C2,2000-10-01,,part\n2,C3,2000-03-01,,full\n",
        "1,2000-02-01,2000-03-31,10,Clerk,D1\n1,2000-02-01,2000-03-31,9,Driver,D2\n1,2000-05-01,,1,Auditor,\n",
    )
    .unwrap();
    let told = |context: &Context| {
        let filled = context.filled.iter().map(|gap| {
            let day = |day: Option<jiff::civil::Date>| day.map_or("…".to_owned(), |day| day.to_string());
            format!(" ({} {} [{} {}))", gap.section, gap.how.name(), day(gap.period.starts), day(gap.period.ends))
        });
        let values: Vec<String> = context.attributes.values().map(ToString::to_string).collect();
        format!("{}: {}{}", shown(std::slice::from_ref(context))[0], values.join(" "), filled.collect::<String>())
    };
    let of = |index: usize| feed.identities[index].contexts.iter().map(told).collect::<Vec<_>>();
    // January is before the first position: the one with the greatest share counts already, without its desk, and in
    // April it goes on. In September no contract holds, and nobody is there.
    let expect = [
        "contract C1 + position 2000-02-01/1 [2000-01-01 2000-02-01) 0 Clerk: full Clerk \
         (position anticipated [2000-01-01 2000-02-01))",
        "contract C1 + position 2000-02-01/1 #2 [2000-02-01 2000-04-01) 0 Clerk: D1 full Clerk",
        "contract C1 + position 2000-02-01/2 [2000-02-01 2000-04-01) 0 Driver: D2 full Driver",
        "contract C1 + position 2000-02-01/1 #3 [2000-04-01 2000-05-01) 0 Clerk: full Clerk \
         (position extended [2000-04-01 2000-05-01))",
        "contract C1 + position 2000-05-01/1 [2000-05-01 2000-06-01) 0 Auditor: full Auditor",
        "badge 2000-06-01/1 + contract C1 + position 2000-05-01/1 [2000-06-01 2000-09-01) 0 Auditor: B7 full Auditor",
        "badge 2000-06-01/1 + contract C2 + position 2000-05-01/1 [2000-10-01 …) 0 Auditor: B7 part Auditor",
    ];
    assert_eq!(of(0), expect);
    assert_eq!(of(1), ["contract C3 [2000-03-01 2001-01-01) 0 : full"], "no position, and the row's last day");
    assert_eq!(of(2), ["employment [1900-01-01 1900-01-02) 0 : "], "nobody is there whom no contract says to be");
    let warnings = feed.warnings.iter().map(ToString::to_string).collect::<Vec<_>>();
    assert_eq!(warnings, ["hr.csv: nothing says that \"3\" is there on any day"]);
}

#[test]
fn bad_sections() {
    let check = |contracts: &str, positions: &str, expect: &[&str]| {
        let error = read_sections("1,A,A,,,,,,,\n", contracts, positions).expect_err(contracts).to_string();
        assert_eq!(error.lines().collect::<Vec<_>>(), expect, "{contracts} {positions}");
    };
    check(
        "1,C1,,,x\n1,,,,x\n1,C1,,,y\n9,C1,,,x\n",
        "8,,,,x,\n",
        &[
            "contracts.csv:3:2 (contract): the record's key is missing",
            "contracts.csv:4:2 (contract): \"1\" has the record \"C1\" on line 2 already",
            "contracts.csv:5:1 (number): nobody in hr.csv has the key \"9\"",
            "positions.csv:2:1 (number): nobody in hr.csv has the key \"8\"",
        ],
    );
    check(
        "",
        "1,,,,x,\n",
        &[
            "contracts.csv:1: the file has headers and no rows; that would end every record of `contract`. Send the full file",
        ],
    );
    let many = |prefix: &str| (0..30).map(|n| format!("1,{prefix}{n},,,x\n")).collect::<String>();
    let positions: String = (0..30).map(|n| format!("1,,,,p{n},\n")).collect();
    check(
        &many("C"),
        &positions,
        &["hr.csv:2: the records of \"1\" make more than 500 combinations; end those that do not hold any more"],
    );
}

#[test]
fn another_file_of_a_section_is_another_digest() {
    let folder = tempfile::tempdir().unwrap();
    let write = |name: &str, text: &str| std::fs::write(folder.path().join(name), text).unwrap();
    write("hr.csv", &format!("{},badge_from,badge\n1,A,A,,,,,,,\n", HEADER.trim_end()));
    write("contracts.csv", "number,contract,from,until,kind\n1,C1,,,x\n");
    write("positions.csv", "number,from,until,share,title,desk\n1,,,,x,\n");
    let source = sectioned();
    let first = read_from(&source, folder.path()).unwrap().digest;
    assert_eq!(feed::digest(&source, folder.path()).unwrap(), first);
    write("positions.csv", "number,from,until,share,title,desk\n1,,,,y,\n");
    assert_ne!(feed::digest(&source, folder.path()).unwrap(), first);
}

proptest! {
    #[test]
    fn no_bytes_make_it_panic(rows in proptest::collection::vec(any::<u8>(), 0..400)) {
        let _ = read(&[HEADER.as_bytes(), &rows].concat());
        let _ = read(&rows);
    }

    #[test]
    fn no_cells_make_it_panic(
        rows in proptest::collection::vec(proptest::collection::vec("[0-9a-z.,\"\n äÜ\u{0}-]{0,12}", 8), 0..6)
    ) {
        let mut writer = csv::Writer::from_writer(HEADER.as_bytes().to_vec());
        for row in &rows {
            writer.write_record(row).unwrap();
        }
        let _ = read(&writer.into_inner().unwrap());
    }
}
