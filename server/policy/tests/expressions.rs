//! What expressions mean, what they refuse, and where.
#![allow(clippy::expect_used, clippy::panic, reason = "helpers of tests fail the test")]

use jiff::civil::Date;
use model::identity::{Context, Identity, Period};
use model::ids::IdentityId;
use model::value::{Attributes, Value};
use policy::expression::{Expression, Subject};
use proptest::prelude::*;

const TODAY: Date = Date::constant(2026, 3, 2);

fn attributes(pairs: &[(&str, Value)]) -> Attributes {
    pairs.iter().map(|(name, value)| ((*name).to_owned(), value.clone())).collect()
}

fn person() -> Identity {
    Identity {
        id: IdentityId(1),
        source: "staff".into(),
        key: "E1".into(),
        display_name: "Zoë Løvgren-Ångström".into(),
        attributes: attributes(&[
            ("given_name", "Zoë".into()),
            ("family_name", "Løvgren-Ångström".into()),
            ("department", "Sales".into()),
            ("level", 7.into()),
            ("external", false.into()),
            ("active", true.into()),
            ("start", "2026-03-01".into()),
            ("groups", Value::List(vec!["a".into(), "b".into()])),
            ("no_groups", Value::List(vec![])),
            ("key", "not the built-in".into()),
        ]),
        contexts: vec![Context {
            key: "1".into(),
            priority: 0,
            period: Period { starts: None, ends: Some(TODAY) },
            attributes: attributes(&[("title", "Clerk".into()), ("department", "IT".into())]),
            filled: Vec::new(),
        }],
        manager_key: None,
        present: true,
    }
}

fn evaluate(text: &str) -> Result<Option<Value>, String> {
    let person = person();
    let expression =
        Expression::parse_with(text, &["identity", "attempt"]).unwrap_or_else(|error| panic!("{text}: {error}"));
    expression.evaluate(&Subject::new(&person, None, TODAY))
}

fn holds(text: &str) -> Result<bool, String> {
    let person = person();
    let expression = Expression::parse(text).unwrap_or_else(|error| panic!("{text}: {error}"));
    expression.holds(&Subject::new(&person, None, TODAY))
}

#[test]
fn conditions() {
    let cases = [
        (r#"identity.department == "Sales""#, true),
        (r#"identity["department"] == "Sales""#, true),
        (r#"identity.department in ["IT", "Sales"]"#, true),
        (r#"identity.department in []"#, false),
        (r#"identity.level > 6 && identity.level <= 7"#, true),
        (r#"identity.level == 7.0 && identity.level < 7.5"#, true),
        (r#"identity.level == "7""#, false),
        (r#"identity.level != "7""#, true),
        (r#"identity.active && !identity.external"#, true),
        (r#"identity.start >= "2026-01-01""#, true),
        (r#""a" in identity.groups"#, true),
        (r#""c" in identity.groups"#, false),
        (r#"identity.groups == ["a", "b"]"#, true),
        (r#"identity.groups.exists(group, group.startsWith("b"))"#, true),
        (r#"identity.groups.all(group, size(group) == 1)"#, true),
        (r#"identity.groups.exists_one(group, group == "a")"#, true),
        (r#"identity.no_groups.all(group, false)"#, true),
        (r#"identity.no_groups.exists(group, true)"#, false),
        (r#"identity.groups.exists(one, identity.groups.exists(other, other != one))"#, true),
        (r#"identity.family_name.matches("^L.*-")"#, true),
        (r#""x" in {"x": 1}"#, true),
        // Built-in attributes win over what a source calls the same.
        (r#"identity.key == "E1" && identity.source == "staff""#, true),
        (r#"identity.display_name.startsWith("Zoë")"#, true),
        // The one context has ended.
        (r#"identity.lifecycle == "leaver""#, true),
        // Absent: comparisons are false, whatever they compare, and so is the attribute itself.
        (r#"identity.nothing == "x""#, false),
        (r#"identity.nothing != "x""#, false),
        (r#"identity.nothing < "x""#, false),
        (r#"identity.nothing == identity.nothing"#, false),
        (r#"identity.nothing == null"#, false),
        (r#"identity.nothing in ["x"]"#, false),
        (r#""x" in identity.nothing"#, false),
        (r#"identity.nothing"#, false),
        (r#"!(identity.nothing == "x")"#, true),
        (r#"identity.manager == "E0""#, false),
        (r#"has(identity.nothing)"#, false),
        (r#"has(identity.department) && !has(identity.manager)"#, true),
        (r#"lower(identity.nothing) == "x""#, false),
        (r#"identity.nothing.matches(".*")"#, false),
        (r#"identity.nothing.exists(x, true)"#, false),
        // One part that decides outweighs one that fails, in either order.
        (r#"identity.level < "x" || identity.active"#, true),
        (r#"identity.active || identity.level < "x""#, true),
        (r#"identity.level < "x" && identity.external"#, false),
        (r#"identity.groups.exists(group, group == "b" || group < 1)"#, true),
    ];
    for (text, expected) in cases {
        assert_eq!(holds(text), Ok(expected), "{text}");
    }
}

#[test]
fn values() {
    let text = |text: &str| Some(Value::from(text));
    let list = |texts: &[&str]| Some(Value::List(texts.iter().map(|text| (*text).to_owned()).collect()));
    let cases = [
        (r#"identity.level + 1"#, Some(Value::Integer(8))),
        (r#"identity.level % 4 * 2 - 1"#, Some(Value::Integer(5))),
        (r#"-identity.level"#, Some(Value::Integer(-7))),
        (r#"int("12") + int(3.9)"#, Some(Value::Integer(15))),
        (r#"string(identity.level) + string(true)"#, text("7true")),
        (r#"bool("true")"#, Some(Value::Boolean(true))),
        (r#"double("1.5") == 1.5"#, Some(Value::Boolean(true))),
        (r#"lower(ascii(identity.given_name + "." + identity.family_name))"#, text("zoe.lovgren-angstrom")),
        (r#"identity.given_name.ascii().lower()"#, text("zoe")),
        (
            r#"ascii("Straße Æsir œuvre Þór Đuro łódź Nguyễn İstanbul Ñ ½ 东")"#,
            text("Strasse AEsir oeuvre THor Duro lodz Nguyen Istanbul N  "),
        ),
        (r#"upper("straße")"#, text("STRASSE")),
        (r#"initials(identity.display_name)"#, text("ZLÅ")),
        (r#"left("Ångström", 3)"#, text("Ång")),
        (r#"first("ab", 9)"#, text("ab")),
        (r#"left("ab", -1)"#, text("")),
        (r#"replace("a-b-c", "-", "")"#, text("abc")),
        (r#""  a ".trim()"#, text("a")),
        (r#"join(identity.groups, "+")"#, text("a+b")),
        (r#"["x"].join("+")"#, text("x")),
        (r#"split("a@b", "@")[1]"#, text("b")),
        (r#"identity.groups[0]"#, text("a")),
        (r#"identity.groups + ["c"]"#, list(&["a", "b", "c"])),
        (r#"identity.groups.filter(group, group != "a")"#, list(&["b"])),
        (r#"identity.groups.map(group, upper(group))"#, list(&["A", "B"])),
        (r#"identity.groups.map(group, group == "b", group + "!")"#, list(&["b!"])),
        (r#"size(identity.groups) + size("Zoë")"#, Some(Value::Integer(5))),
        (r#"{"Sales": "S", "IT": "I"}[identity.department]"#, text("S")),
        (r#"{"a": {"b": "c"}}.a.b"#, text("c")),
        (r#"identity.department == "Sales" ? "yes" : "no""#, text("yes")),
        (r#"identity.nothing == "Sales" ? "yes" : "no""#, text("no")),
        ("\"a\\n\\\"b\\\"\" + 'c'", text("a\n\"b\"c")),
        // Whatever is made from an absent attribute is absent.
        (r#"identity.nothing"#, None),
        (r#"identity.given_name + identity.nothing"#, None),
        (r#"lower(identity.nothing)"#, None),
        (r#"[identity.given_name, identity.nothing]"#, None),
        (r#"{"Sales": "S"}[identity.nothing]"#, None),
        (r#"identity.nothing[0]"#, None),
        (r#"-identity.nothing"#, None),
        (r#"attempt + 1"#, None),
        (r#"null"#, None),
    ];
    for (text, expected) in cases {
        assert_eq!(evaluate(text), Ok(expected), "{text}");
    }
}

#[test]
fn failures_say_what_failed() {
    let cases = [
        (r#"identity.level + "x""#, "`+` does not go with a number and a text; string() turns a number into a text"),
        (r#"identity.level / 0"#, "division by zero"),
        (r#"9223372036854775807 + 1"#, "the number is too large"),
        (r#"identity.level < "x""#, "a number cannot be compared with a text"),
        (r#"{"IT": "I"}[identity.department]"#, "the table has no entry for \"Sales\""),
        (r#"identity.groups[2]"#, "the list has no member 2; it has 2"),
        (r#"lower(identity.level)"#, "`lower` takes a text, not a number"),
        (r#"int("x")"#, "`int` makes no number of \"x\""),
        (r#"1.5"#, "the result 1.5 is a fraction, which no attribute can hold; use int() or string()"),
        (r#"{"a": 1}"#, "the result is a table, which no attribute can hold"),
        (r#"identity.department ? 1 : 2"#, "a text is neither true nor false"),
        (r#"identity.level.exists(x, true)"#, "a number is no list to go through"),
        (r#"replace("a", "", "b")"#, "`replace` needs something to look for; its second argument is empty"),
    ];
    for (text, message) in cases {
        assert_eq!(evaluate(text), Err(message.to_owned()), "{text}");
    }
}

#[test]
fn contexts_win_and_attempts_count() {
    let person = person();
    let context = person.contexts.first();
    let expression = Expression::parse("identity.department + identity.title").unwrap();
    assert_eq!(expression.evaluate(&Subject::new(&person, context, TODAY)), Ok(Some("ITClerk".into())));
    assert_eq!(expression.evaluate(&Subject::new(&person, None, TODAY)), Ok(None));
    assert_eq!(expression.attributes(), ["department", "title"]);
    let text = "lower(identity.given_name) + (attempt == 0 ? \"\" : string(attempt + 1))";
    let login = Expression::parse_with(text, &["identity", "attempt"]).unwrap();
    let subject = Subject::new(&person, None, TODAY);
    let logins: Vec<_> = (0..3).map(|attempt| login.evaluate(&subject.at_attempt(attempt))).collect();
    assert_eq!(logins, [Ok(Some("zoë".into())), Ok(Some("zoë2".into())), Ok(Some("zoë3".into()))]);
    let row = attributes(&[("name", "Zoë".into()), ("key", "column".into())]);
    let of_a_row = Expression::parse("identity.name + identity.key").unwrap();
    assert_eq!(of_a_row.evaluate(&Subject::of_attributes(&row)), Ok(Some("Zoëcolumn".into())));
    assert_eq!(of_a_row.evaluate(&Subject::of_row("E7", &row, None)), Ok(Some("ZoëE7".into())));
    let managed = Expression::parse("has(identity.manager) ? identity.manager : identity.key").unwrap();
    assert_eq!(managed.evaluate(&Subject::of_row("E7", &row, Some("E1"))), Ok(Some("E1".into())));
    assert_eq!(managed.evaluate(&Subject::of_row("E7", &row, None)), Ok(Some("E7".into())));
}

#[test]
fn errors_have_a_place_and_say_what_is_expected() {
    let deep = format!("{}1{}", "(".repeat(40), ")".repeat(40));
    let long = format!("\"{}\"", "x".repeat(9_000));
    let words = vec!["1"; 1_500].join("+");
    let sum = vec!["identity.a"; 200].join("+");
    let cases: [(&str, (usize, usize), &str, &str); 24] = [
        ("", (1, 1), "the expression is empty", "a CEL expression"),
        (" \n ", (1, 1), "the expression is empty", "a CEL expression"),
        ("identity.department ==", (1, 23), "", ""),
        ("identity.department = \"x\"", (1, 21), "", ""),
        ("true &&\n  identity.department == lowr(\"x\")", (2, 30), "there is no function `lowr`", "perhaps `lower`"),
        ("\"äöü\" + depatment", (1, 9), "there is no variable `depatment`", "`identity`"),
        ("attempt + 1", (1, 1), "`attempt` exists only in the expression of a unique value", ""),
        ("identity", (1, 1), "`identity` by itself is no value", "`identity.department`"),
        ("identity[lower(\"x\")]", (1, 9), "which attribute this reads is not known", "by its name"),
        ("has(identity)", (1, 5), "`has` asks for an attribute of the identity", "`has(identity.x)`"),
        ("lower()", (1, 6), "`lower` was given 0 arguments", "1"),
        ("1u == identity.a", (1, 1), "bytes and unsigned numbers are not offered", "a number such as 7"),
        ("b\"x\"", (1, 1), "bytes and unsigned numbers are not offered", "a text"),
        ("timestamp(\"2026-01-01\")", (1, 10), "there is no function `timestamp`", ""),
        ("Thing{a: 1}", (1, 6), "messages cannot be built here", "a text"),
        ("identity.a.matches(identity.b)", (1, 28), "the pattern of `matches` has to be written out", "in quotes"),
        ("identity.a.matches(\"(\")", (1, 20), "is no pattern", ""),
        (
            "[1].map(a, [1].map(b, [1].map(c, c)))",
            (1, 30),
            "comprehensions are nested more than 2 deep",
            "inside another",
        ),
        ("[1].map(1, 2)", (1, 9), "this has to be a name", "`list.map(name, condition)`"),
        ("[1].exists(identity, true)", (1, 11), "`identity` is taken", "another name"),
        (&deep, (1, 33), "more than 32 brackets are open", "flatter"),
        (&long, (1, 1), "the expression has 9002 bytes", "at most 8,192 bytes"),
        (&words, (1, 2001), "more than 2000 names and operators", "shorter"),
        (&sum, (1, 1485), "parts are nested more than 64 deep", "flatter"),
    ];
    for (text, place, message, expected) in cases {
        let error = Expression::parse(text).expect_err(text);
        assert_eq!((error.line, error.column), place, "{text}: {error}");
        assert!(error.message.contains(message) && !error.message.is_empty(), "{text}: {error}");
        assert!(error.expected.as_deref().unwrap_or("").contains(expected), "{text}: {error}");
    }
}

#[test]
fn no_evaluation_runs_away() {
    let many = (0..200).map(|number| number.to_string()).collect::<Vec<_>>().join(",");
    let endless = format!("[{many}].exists(a, [{many}].exists(b, a + b < 0))");
    assert_eq!(holds(&endless), Err("the expression was stopped after 20000 steps; make its lists shorter".to_owned()));
    let doubled = (0..20).fold("\"xxxxxxxxxx\"".to_owned(), |text, _| format!("replace({text}, \"x\", \"xx\")"));
    assert_eq!(evaluate(&doubled), Err("the text grew beyond 65536 bytes".to_owned()));
    let listed = format!("[{many}].map(a, [{many}])");
    assert!(evaluate(&listed).is_err());
}

proptest! {
    /// Reading rubbish ends with an expression or a complaint inside the text, in bounded time and stack.
    #[test]
    fn rubbish_is_refused_or_read(text in "[ -~äß\n]{0,80}|([(\\[{!?:a.+&|\"'-]|identity\\.|&&|\\|\\|){0,300}") {
        match Expression::parse(&text) {
            Ok(expression) => {
                let person = person();
                let _ = expression.evaluate(&Subject::new(&person, None, TODAY));
                let _ = expression.holds(&Subject::new(&person, None, TODAY));
            }
            Err(error) => {
                prop_assert!(error.line >= 1 && error.line <= text.lines().count().max(1) + 1, "{error}");
                let line = text.lines().nth(error.line - 1).unwrap_or("");
                prop_assert!(error.column >= 1 && error.column <= line.chars().count() + 1, "{error} in {text:?}");
                prop_assert!(!error.message.is_empty());
            }
        }
    }

    /// Where no attribute is absent, the meaning is CEL's own: compared with the interpreter of the `cel` crate.
    #[test]
    fn with_all_attributes_present_it_is_cel(text in cel_text()) {
        let parsed = Expression::parse(&text);
        // Deeper nesting than that is refused, whatever CEL says.
        let is_too_deep = parsed.as_ref().is_err_and(|error| error.message.contains("nested more than"));
        prop_assume!(!is_too_deep);
        let ours = parsed.expect("is CEL").evaluate(&Subject::of_attributes(&full()));
        let program = cel::Program::compile(&text).expect("is CEL");
        let mut context = cel::Context::default();
        context.add_variable("identity", full()).expect("has a value");
        let theirs = program.execute(&context).map(|value| match value {
            cel::Value::Bool(value) => Some(Value::Boolean(value)),
            cel::Value::Int(value) => Some(Value::Integer(value)),
            cel::Value::String(value) => Some(Value::Text(value.to_string())),
            other => panic!("{other:?}"),
        });
        prop_assert_eq!(ours.ok(), theirs.ok(), "{}", text);
    }
}

fn full() -> Attributes {
    attributes(&[("a", "x".into()), ("b", "Sales".into()), ("n", 3.into()), ("t", true.into())])
}

/// Expressions over texts, numbers and truth values, mostly well typed.
fn cel_text() -> impl Strategy<Value = String> {
    let leaf = prop::sample::select(vec![
        "identity.a",
        "identity.b",
        "identity.n",
        "identity.t",
        "\"x\"",
        "\"Sales\"",
        "1",
        "3",
        "true",
        "false",
        "2.5",
    ]);
    let condition = (leaf.clone(), prop::sample::select(vec!["==", "!=", "<", ">="]), leaf)
        .prop_map(|(left, operator, right)| format!("({left} {operator} {right})"));
    condition.prop_recursive(4, 16, 3, |inner| {
        prop_oneof![
            3 => (inner.clone(), inner.clone()).prop_map(|(left, right)| format!("({left} && {right})")),
            3 => (inner.clone(), inner.clone()).prop_map(|(left, right)| format!("({left} || {right})")),
            1 => inner.clone().prop_map(|inner| format!("!{inner}")),
            1 => (inner.clone(), inner.clone(), inner.clone()).prop_map(|(one, two, three)| format!("({one} ? {two} : {three})")),
            1 => inner.clone().prop_map(|inner| format!("[1, 2, 3].exists(v, v == 2 && {inner})")),
            1 => inner.clone().prop_map(|inner| format!("[1, 2].all(v, v > 0 || {inner})")),
            1 => inner.prop_map(|inner| format!("(size(identity.a) + 2 * identity.n - 1 in [6, 7] && {inner})")),
        ]
    })
}
