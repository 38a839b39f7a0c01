use std::collections::{BTreeMap, BTreeSet};

use jiff::civil::{Date, date};
use model::configuration::{Dimension, DimensionValue};
use model::identity::{Context, Identity, Period};
use model::ids::IdentityId;
use model::mining::{MiningLimits, MiningWeights, Share};
use model::value::{Attributes, Value};
use proptest::prelude::*;
use roaring::RoaringBitmap;

use super::bundles::Item;
use super::reference::{self, People};
use super::{Chosen, Crowd, Described, FoundRules, Thing, conditions, patterns, propose_bundles, propose_rules};

const TODAY: Date = date(2026, 3, 2);
const ATTRIBUTES: [&str; 4] = ["department", "site", "title", "grade"];

fn identity(number: usize, contexts: Vec<Attributes>) -> Identity {
    Identity {
        id: IdentityId(i64::try_from(number).unwrap()),
        source: "hr".into(),
        key: number.to_string(),
        display_name: format!("Person {number}"),
        attributes: Attributes::new(),
        contexts: contexts
            .into_iter()
            .enumerate()
            .map(|(key, attributes)| Context {
                key: key.to_string(),
                priority: 0,
                period: Period::default(),
                attributes,
                filled: Vec::new(),
            })
            .collect(),
        manager_key: None,
        present: true,
    }
}

fn identities(people: &People) -> Vec<Identity> {
    let attributes = |row: &Vec<Option<Value>>| {
        let named = ATTRIBUTES.iter().zip(row).filter_map(|(name, value)| Some(((*name).to_owned(), value.clone()?)));
        named.collect::<Attributes>()
    };
    let each = people.iter().enumerate();
    each.map(|(number, rows)| identity(number, rows.iter().map(attributes).collect())).collect()
}

fn crowd(identities: &[Identity], dimensions: &[Option<Dimension>], least: u32) -> Crowd {
    let looked_at: Vec<_> = identities.iter().map(|one| (one, one.contexts.iter().map(Some).collect())).collect();
    let chosen: Vec<Chosen<'_>> = ATTRIBUTES
        .iter()
        .zip(dimensions)
        .map(|(attribute, dimension)| Chosen { attribute, dimension: dimension.as_ref() })
        .collect();
    Crowd::new(&looked_at, &chosen, least, TODAY)
}

/// One row each, of texts; an empty one is no value.
fn plain(rows: &[[&str; 4]]) -> People {
    let value = |text: &&str| (!text.is_empty()).then(|| Value::from(*text));
    rows.iter().map(|row| vec![row.iter().map(value).collect()]).collect()
}

fn dimension(parts: &[(&str, Option<&str>)]) -> Dimension {
    let values = parts.iter().map(|(name, parent)| {
        let parent = parent.map(str::to_owned);
        ((*name).to_owned(), DimensionValue { display_name: None, parent })
    });
    Dimension { values: values.collect(), ..Dimension::default() }
}

const NONE: [Option<Dimension>; 4] = [None, None, None, None];

fn text(crowd: &Crowd, terms: &[u32]) -> String {
    let texts: Vec<String> = crowd.terms(terms).into_iter().map(super::Term::text).collect();
    if texts.is_empty() { "true".to_owned() } else { texts.join(" && ") }
}

fn numbers(people: &RoaringBitmap) -> BTreeSet<usize> {
    people.iter().map(|person| person as usize).collect()
}

fn bits(people: impl IntoIterator<Item = u32>) -> RoaringBitmap {
    people.into_iter().collect()
}

/// Held by exactly these, by nothing.
fn held(people: &RoaringBitmap) -> Thing {
    Thing { holders: people.clone(), unexplained: people.clone(), own: people.clone(), parts: Vec::new() }
}

fn limits(people: u32, precision: u16, false_positives: u16, attributes: u8) -> MiningLimits {
    MiningLimits { people, precision: Share(precision), false_positives: Share(false_positives), attributes }
}

fn said(crowd: &Crowd, found: &[Described]) -> Vec<String> {
    found.iter().map(|one| format!("{} {}", text(crowd, &one.terms), one.explains.len())).collect()
}

#[test]
fn conditions_describe_who_holds_something() {
    let people = plain(&[
        ["Sales", "Oslo", "clerk", ""],
        ["Sales", "Oslo", "lead", ""],
        ["Sales", "Bern", "clerk", ""],
        ["Sales", "Bern", "lead", ""],
        ["Audit", "Bern", "clerk", ""],
        ["Audit", "Oslo", "lead", ""],
        ["", "", "", ""],
    ]);
    let identities = identities(&people);
    let crowd = crowd(&identities, &NONE, 1);
    // Holders, those of them that a rule gives it to, limits, and what is found with how many each explains.
    type Case<'c> = (&'c [u32], &'c [u32], MiningLimits, &'c [&'c str]);
    let cases: &[Case<'_>] = &[
        (&[], &[], limits(1, 1_000, 0, 2), &[]),
        (&[0, 1, 2, 3, 4, 5, 6], &[], limits(1, 1_000, 0, 2), &["true 7"]),
        (
            &[0, 1, 2, 3, 4, 5],
            &[],
            limits(2, 1_000, 0, 2),
            &["identity.department == \"Sales\" 4", "identity.department == \"Audit\" 2"],
        ),
        (&[0, 1, 2, 3], &[], limits(2, 1_000, 0, 2), &["identity.department == \"Sales\" 4"]),
        // What is given by a rule already is not proposed again, and too few are left.
        (&[0, 1, 2, 3], &[0, 1, 2], limits(2, 1_000, 0, 2), &[]),
        (&[0, 1, 2, 3], &[0, 1, 2, 3], limits(1, 1_000, 0, 2), &[]),
        // Two attributes where one does not do.
        (&[0, 1], &[], limits(2, 1_000, 0, 2), &["identity.department == \"Sales\" && identity.site == \"Oslo\" 2"]),
        (&[0, 1], &[], limits(2, 1_000, 0, 1), &[]),
        // Three of four are enough for one, and the fourth gains it.
        (&[0, 1, 2], &[], limits(3, 750, 334, 1), &["identity.department == \"Sales\" 3"]),
        (&[0, 1, 2], &[], limits(3, 751, 334, 1), &[]),
        (&[0, 1, 2], &[], limits(3, 750, 332, 1), &[]),
        // Absent attributes describe nobody.
        (&[6], &[], limits(1, 1_000, 0, 3), &[]),
    ];
    for (holders, explained, limits, expected) in cases {
        let holders = bits(holders.iter().copied());
        let left = &holders - &bits(explained.iter().copied());
        let (found, is_cut) = conditions::search(&crowd, &holders, &left, limits);
        assert_eq!(said(&crowd, &found), *expected, "{holders:?} {limits:?}");
        assert!(!is_cut);
    }
}

#[test]
fn of_equals_the_first_attribute_is_taken_and_the_others_are_told() {
    let people = plain(&[["Sales", "Oslo", "", "7"], ["Sales", "Oslo", "", "7"], ["Audit", "Bern", "", ""]]);
    let identities = identities(&people);
    let crowd = crowd(&identities, &NONE, 1);
    let holders = bits([0, 1]);
    let (found, _) = conditions::search(&crowd, &holders, &holders, &limits(2, 1_000, 0, 1));
    assert_eq!(said(&crowd, &found), ["identity.department == \"Sales\" 2"]);
    let same: Vec<String> = found[0].same.iter().map(|terms| text(&crowd, terms)).collect();
    assert_eq!(same, ["identity.site == \"Oslo\"", "identity.grade == \"7\""]);
}

#[test]
fn a_condition_holds_in_one_context_or_not_at_all() {
    let context = |department: &str, site: &str| vec![Some(department.into()), Some(site.into()), None, None];
    let people: People = vec![
        vec![context("Sales", "Oslo"), context("Audit", "Bern")],
        vec![context("Sales", "Bern"), context("Audit", "Oslo")],
        vec![context("Sales", "Bern")],
    ];
    let identities = identities(&people);
    let crowd = crowd(&identities, &NONE, 1);
    let holders = bits([1, 2]);
    let (found, _) = conditions::search(&crowd, &holders, &holders, &limits(2, 1_000, 0, 2));
    assert_eq!(said(&crowd, &found), ["identity.department == \"Sales\" && identity.site == \"Bern\" 2"]);
}

#[test]
fn a_part_of_a_dimension_is_described_as_a_whole() {
    let people =
        plain(&[["Retail", "", "", ""], ["Wholesale", "", "", ""], ["Sales", "", "", ""], ["Audit", "", "", ""]]);
    let identities = identities(&people);
    let department =
        dimension(&[("Sales", None), ("Retail", Some("Sales")), ("Wholesale", Some("Sales")), ("Audit", None)]);
    let crowd = crowd(&identities, &[Some(department), None, None, None], 1);
    let holders = bits([0, 1, 2]);
    let (found, _) = conditions::search(&crowd, &holders, &holders, &limits(1, 1_000, 0, 2));
    assert_eq!(said(&crowd, &found), ["within(identity.department, \"Sales\") 3"]);
}

#[test]
fn values_are_written_as_expressions_read_them() {
    let values = [Value::Boolean(true), Value::Integer(-3), Value::from("a \"b\" \\ \u{e9}\n")];
    for value in values {
        let attributes = Attributes::from([("grade".to_owned(), value)]);
        let identities = [identity(0, vec![attributes])];
        let crowd = crowd(&identities, &NONE, 1);
        let text = crowd.terms(&[0])[0].text();
        let expression = crate::expression::Expression::parse(&text).unwrap();
        let subject = crate::expression::Subject::new(&identities[0], identities[0].contexts.first(), TODAY);
        assert!(expression.holds(&subject).unwrap(), "{text}");
    }
}

#[test]
fn what_a_role_explains_needs_no_rule_for_what_is_in_it() {
    let people = plain(&[["Sales", "", "", ""], ["Sales", "", "", ""], ["Audit", "", "", ""], ["Audit", "", "", ""]]);
    let identities = identities(&people);
    let crowd = crowd(&identities, &NONE, 1);
    let (sales, all) = (bits([0, 1]), bits([0, 1, 2, 3]));
    // A role that two hold by all that is in it, and one of its entitlements that four hold.
    let role =
        Thing { holders: sales.clone(), unexplained: sales.clone(), own: RoaringBitmap::new(), parts: vec![1, 2] };
    let things = [role, held(&sales), held(&all)];
    let found = propose_rules(&crowd, &things, &limits(2, 1_000, 0, 2), &MiningWeights::default(), 3);
    let told: Vec<(usize, String, i64)> =
        found.rules.iter().map(|rule| (rule.thing, text(&crowd, &rule.described.terms), rule.saving)).collect();
    // Of the third thing everybody holds it, and two of them are left to be explained.
    assert_eq!(told, [(0, "identity.department == \"Sales\"".to_owned(), 3), (2, "true".to_owned(), 1)]);
}

#[test]
fn a_rule_that_costs_more_than_it_saves_is_not_proposed() {
    let people = plain(&[["Sales", "", "", ""], ["Sales", "", "", ""], ["Audit", "", "", ""]]);
    let identities = identities(&people);
    let crowd = crowd(&identities, &NONE, 1);
    let things = [held(&bits([0, 1]))];
    for (rule, expected) in [(1, 1), (2, 0), (7, 0)] {
        let weights = MiningWeights { rule, ..MiningWeights::default() };
        let found = propose_rules(&crowd, &things, &limits(1, 1_000, 0, 1), &weights, 1);
        assert_eq!(found.rules.len(), expected, "{rule}");
    }
}

/// Numbers that look random, and are the same each time.
struct Numbers(u64);

impl Numbers {
    fn below(&mut self, end: u64) -> u64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % end
    }
}

/// A thousand people, things that are held by planted rules, and two bundles.
struct Planted {
    identities: Vec<Identity>,
    things: Vec<Thing>,
    /// What was planted for each thing.
    rules: BTreeMap<usize, Vec<&'static str>>,
}

/// `noise` of a thousand hold what they should not, or do not hold what they should.
fn planted(seed: u64, noise: u64) -> Planted {
    let mut random = Numbers(seed);
    let mut people: People = Vec::new();
    for _ in 0..1_000 {
        let mut text = |stem: &str, count: u64| Some(Value::from(format!("{stem}{}", random.below(count))));
        people.push(vec![vec![text("D", 8), text("S", 4), text("T", 6), text("G", 3)]]);
    }
    let is = |person: usize, wanted: &[&str]| {
        let row = &people[person][0];
        wanted.iter().all(|wanted| row.iter().flatten().any(|value| value.as_text() == Some(wanted)))
    };
    let holds = |thing: usize, person: usize| match thing {
        0 => is(person, &["D1"]),
        1 => is(person, &["D2", "S3"]),
        2 => is(person, &["D1"]) || is(person, &["D4"]) || is(person, &["D5", "T1"]),
        3 => true,
        // Three that belong together.
        4..7 => is(person, &["D6"]),
        // Two that belong together, held by people who have nothing else in common.
        7 | 8 => person % 25 == 3,
        _ => false,
    };
    let mut things: Vec<RoaringBitmap> = vec![RoaringBitmap::new(); 9];
    for (thing, holders) in things.iter_mut().enumerate() {
        for person in 0..1_000_u32 {
            let is_noise = random.below(1_000) < noise;
            if holds(thing, person as usize) != is_noise {
                holders.insert(person);
            }
        }
    }
    let sales = "identity.department == \"D1\"";
    let rules = BTreeMap::from([
        (0, vec![sales]),
        (1, vec!["identity.department == \"D2\" && identity.site == \"S3\""]),
        (2, vec!["identity.department == \"D4\"", sales, "identity.department == \"D5\" && identity.title == \"T1\""]),
        (3, vec!["true"]),
        (4, vec!["identity.department == \"D6\""]),
        (5, vec!["identity.department == \"D6\""]),
        (6, vec!["identity.department == \"D6\""]),
    ]);
    Planted { identities: identities(&people), things: things.iter().map(held).collect(), rules }
}

fn by_thing(crowd: &Crowd, found: &FoundRules) -> BTreeMap<usize, BTreeSet<String>> {
    let mut by_thing: BTreeMap<usize, BTreeSet<String>> = BTreeMap::new();
    for rule in &found.rules {
        by_thing.entry(rule.thing).or_default().insert(text(crowd, &rule.described.terms));
    }
    by_thing
}

#[test]
fn planted_rules_are_found_and_no_others() {
    for seed in [1, 2, 3] {
        // Without noise at the strictest limits; with it, at limits that bear it.
        for (noise, limits) in [(0, limits(5, 1_000, 0, 3)), (10, limits(8, 930, 80, 2))] {
            let Planted { identities, things, rules } = planted(seed, noise);
            let crowd = crowd(&identities, &NONE, limits.people);
            let found = propose_rules(&crowd, &things, &limits, &MiningWeights::default(), 2);
            let expected: BTreeMap<usize, BTreeSet<String>> = rules
                .into_iter()
                .map(|(thing, texts)| (thing, texts.into_iter().map(str::to_owned).collect()))
                .collect();
            assert_eq!(by_thing(&crowd, &found), expected, "seed {seed}, noise {noise}");
            assert!(found.cut.is_empty());
            let again = propose_rules(&crowd, &things, &limits, &MiningWeights::default(), 1);
            assert_eq!(found, again, "on any number of threads");
        }
    }
}

#[test]
fn planted_bundles_are_found_with_what_describes_them() {
    for seed in [1, 2, 3] {
        for (noise, limits) in [(0, limits(5, 1_000, 0, 2)), (10, limits(8, 930, 80, 2))] {
            let Planted { identities, things, .. } = planted(seed, noise);
            let crowd = crowd(&identities, &NONE, limits.people);
            // Of the things that belong together only, so that it is plain what has to come of it.
            let things = &things[4..];
            let items: Vec<Item> = [0, 0, 0, 0, 1].map(|application| Item { application: Some(application) }).into();
            let bundles = propose_bundles(&crowd, things, &items, &BTreeSet::new(), &limits, &MiningWeights::default());
            let told: Vec<(Vec<u32>, Vec<String>)> = bundles
                .all
                .iter()
                .map(|one| (one.things.clone(), one.described.iter().map(|one| text(&crowd, &one.terms)).collect()))
                .collect();
            let first = (vec![0, 1, 2], vec!["identity.department == \"D6\"".to_owned()]);
            assert_eq!(told[0], first, "seed {seed}, noise {noise}");
            assert!(told.contains(&(vec![3, 4], Vec::new())), "{told:?}");
            if noise == 0 {
                assert_eq!(told.len(), 2, "{told:?}");
                let (department, odd) = (&bundles.all[0], &bundles.all[1]);
                let members = i64::try_from(department.members.len()).unwrap();
                // Three for each member before; an access profile with three parts and a rule after.
                assert_eq!(department.saving, 3 * members - (1 + 3 + 1));
                // Two for each before; each member, two access profiles in a role with one part each after.
                assert_eq!((odd.members.len(), odd.saving), (40, 80 - (40 + 3 + 4)));
                assert!(bundles.all.iter().all(|one| one.gains.is_empty()));
            }
            let known = BTreeSet::from([vec![0, 1, 2]]);
            let others = propose_bundles(&crowd, things, &items, &known, &limits, &MiningWeights::default());
            assert!(others.all.iter().all(|one| one.things != [0, 1, 2]), "what is there is not proposed again");
        }
    }
}

#[test]
fn few_large_or_many_small_bundles_as_it_costs() {
    // Ten hold a and b, ten more hold a, b and c.
    let people = plain(&[["", "", "", ""]; 20]);
    let identities = identities(&people);
    let crowd = crowd(&identities, &NONE, 1);
    let things = [held(&bits(0..20)), held(&bits(0..20)), held(&bits(10..20))];
    let items = vec![Item { application: Some(0) }; 3];
    let found = |weights: MiningWeights| -> Vec<Vec<u32>> {
        let limits = limits(5, 1_000, 0, 2);
        let all = propose_bundles(&crowd, &things, &items, &BTreeSet::new(), &limits, &weights).all;
        all.into_iter().map(|one| one.things).collect()
    };
    assert_eq!(found(MiningWeights::default()), [[0, 1].as_slice()].map(<[u32]>::to_vec));
    assert!(
        found(MiningWeights { role: 100, ..MiningWeights::default() }).is_empty(),
        "a role costs more than it saves"
    );
    assert!(found(MiningWeights { assignment: 0, ..MiningWeights::default() }).is_empty());
}

#[test]
fn a_dense_group_may_miss_a_little() {
    // Nine hold all three, one misses the last.
    let people = plain(&[["Sales", "", "", ""]; 10]);
    let identities = identities(&people);
    let crowd = crowd(&identities, &NONE, 1);
    let things = [held(&bits(0..10)), held(&bits(0..10)), held(&bits(0..9))];
    let items = vec![Item { application: Some(0) }; 3];
    let best = |precision, false_positives| {
        let limits = limits(5, precision, false_positives, 1);
        let weights = MiningWeights::default();
        let bundles = propose_bundles(&crowd, &things, &items, &BTreeSet::new(), &limits, &weights);
        let one = bundles.all.first().unwrap().clone();
        (one.things.clone(), numbers(&one.members).len(), numbers(&one.gains))
    };
    assert_eq!(best(900, 100), (vec![0, 1, 2], 10, BTreeSet::from([9])));
    assert_eq!(best(900, 0).2, BTreeSet::new(), "nobody may gain anything");
    assert_eq!(best(1_000, 100).2, BTreeSet::new());
}

#[test]
fn nobody_and_nothing_are_no_trouble() {
    let crowd = crowd(&[], &NONE, 1);
    let limits = limits(1, 0, 1_000, 4);
    let weights = MiningWeights::default();
    assert_eq!(propose_rules(&crowd, &[], &limits, &weights, 4), FoundRules::default());
    assert_eq!(propose_rules(&crowd, &[Thing::default()], &limits, &weights, 4), FoundRules::default());
    let items = [Item::default()];
    let none = propose_bundles(&crowd, &[Thing::default()], &items, &BTreeSet::new(), &limits, &weights);
    assert!(none.all.is_empty() && !none.is_cut);
}

fn small_value() -> impl Strategy<Value = Option<Value>> + Clone {
    prop_oneof![2 => Just(None), 6 => (0_usize..3).prop_map(|place| Some(Value::from(["a", "b", "c"][place])))]
}

fn small_people() -> impl Strategy<Value = People> {
    let row = proptest::collection::vec(small_value(), 4);
    let rows = prop_oneof![4 => proptest::collection::vec(row.clone(), 1), 1 => proptest::collection::vec(row, 2)];
    proptest::collection::vec(rows, 0..12)
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn conditions_agree_with_the_obvious_way(
        people in small_people(),
        holding in any::<u16>(),
        explained in any::<u16>(),
        least in 1_u32..4,
        precision in prop_oneof![Just(1_000_u16), 300_u16..1_000],
        false_positives in prop_oneof![Just(0_u16), 0_u16..1_000],
        attributes in 0_u8..4,
        has_parts in any::<bool>(),
    ) {
        let limits = limits(least, precision, false_positives, attributes);
        let parts = dimension(&[("a", None), ("b", Some("a")), ("c", Some("b"))]);
        let dimensions = [has_parts.then_some(parts), None, None, None];
        let of = |bits: u16| (0..people.len()).filter(move |person| bits & (1 << person) != 0);
        let holders: BTreeSet<usize> = of(holding).collect();
        let unexplained: BTreeSet<usize> = of(holding & !explained).collect();
        let expected = reference::conditions(&people, &dimensions, &holders, &unexplained, &limits);
        let identities = identities(&people);
        let crowd = crowd(&identities, &dimensions, least);
        let coded = |people: &BTreeSet<usize>| bits(people.iter().map(|person| u32::try_from(*person).unwrap()));
        let (found, is_cut) = conditions::search(&crowd, &coded(&holders), &coded(&unexplained), &limits);
        prop_assert!(!is_cut);
        let told = |one: &Described| {
            let place = |name: &str| ATTRIBUTES.iter().position(|other| *other == name).unwrap();
            let terms = crowd.terms(&one.terms).into_iter();
            let asked: Vec<_> = terms.map(|term| (place(&term.attribute), term.within, term.value.clone())).collect();
            (asked, numbers(&one.matching), numbers(&one.explains))
        };
        prop_assert_eq!(found.iter().map(told).collect::<Vec<_>>(), expected);
    }

    #[test]
    fn patterns_agree_with_the_obvious_way(
        holdings in proptest::collection::vec(any::<u16>(), 0..7),
        least in 1_u64..5,
    ) {
        let held: Vec<RoaringBitmap> =
            holdings.iter().map(|own| bits((0..16).filter(|person| own & (1 << person) != 0))).collect();
        let kinds = patterns::kinds(16, &held.iter().collect::<Vec<_>>());
        let (found, is_cut) = patterns::closed(&kinds, held.len(), least, 10_000);
        prop_assert!(!is_cut);
        let people = |pattern: &patterns::Pattern| -> BTreeSet<usize> {
            let people: RoaringBitmap = pattern.kinds.iter().flat_map(|kind| &kinds[kind as usize].people).collect();
            numbers(&people)
        };
        let found: Vec<_> = found.iter().map(|pattern| (pattern.things.clone(), people(pattern))).collect();
        let sets: Vec<BTreeSet<usize>> = held.iter().map(numbers).collect();
        prop_assert_eq!(found, reference::patterns(&sets, usize::try_from(least).unwrap()));
    }

    #[test]
    fn bundles_never_give_what_the_limits_forbid(
        people in small_people(),
        holdings in proptest::collection::vec(any::<u16>(), 1..6),
        precision in prop_oneof![Just(1_000_u16), 500_u16..1_000],
        false_positives in prop_oneof![Just(0_u16), 0_u16..500],
    ) {
        let identities = identities(&people);
        let limits = limits(2, precision, false_positives, 2);
        let crowd = crowd(&identities, &NONE, 2);
        let count = u32::try_from(people.len()).unwrap();
        let things: Vec<Thing> =
            holdings.iter().map(|own| held(&bits((0..count).filter(|person| own & (1 << person) != 0)))).collect();
        let items = vec![Item { application: Some(0) }; things.len()];
        let bundles = propose_bundles(&crowd, &things, &items, &BTreeSet::new(), &limits, &MiningWeights::default());
        for bundle in &bundles.all {
            prop_assert!(bundle.saving > 0 && bundle.things.len() >= 2 && bundle.members.len() >= 2);
            prop_assert!(limits.false_positives.is_kept(bundle.gains.len(), bundle.members.len()));
            for member in &(&bundle.members - &bundle.gains) {
                prop_assert!(bundle.things.iter().all(|thing| things[*thing as usize].holders.contains(member)));
            }
        }
        let again = propose_bundles(&crowd, &things, &items, &BTreeSet::new(), &limits, &MiningWeights::default());
        prop_assert_eq!(bundles, again);
    }
}
